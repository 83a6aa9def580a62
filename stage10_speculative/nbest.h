// Beam search for each prompt, and what it found: for people, or as --json.
#ifndef NBEST_H
#define NBEST_H

#include "beam.h"
#include "prompts.h"

// The state's cache has the lanes and pages that beam.h asks for.  n_new and eos are each
// prompt's own.
void nbest_show(const Model *m, State *s, const Input *in, const BeamOptions *beam,
                const Prompts *prompts);

#endif
