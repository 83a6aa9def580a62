// What --bench measures: the pass that predicts the next token.
#ifndef MEASURE_H
#define MEASURE_H

#include "bench.h"
#include "input.h"
#include "model.h"

// The pass that is in the state, several times; its logits are there afterwards.  Release
// with bench_free.
void measure_pass(Bench *b, const BenchOptions *o, const Model *m, State *s,
                  const Input *in);

#endif
