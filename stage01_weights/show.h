// What stage 01 prints about a model's weights.
#ifndef SHOW_H
#define SHOW_H

#include "options.h"
#include "weights.h"

// The architecture as a diagram (if config.json is there), all tensors, totals by kind.
// o->quiet: the tensors alone.
void show_model(const Weights *w, const Options *o);
// One tensor: its first and last numbers, statistics, histogram.  Dies if there is none.
void show_tensor(const Weights *w, const char *name);
// The first bytes of the (first) file, explained.  verbose: all entries of the header.
void show_header(const Weights *w, bool verbose);
// --json.
void show_json(const Weights *w);

#endif
