// What speculation gains: the same texts with a draft and without.
#ifndef MEASURE_H
#define MEASURE_H

#include "show.h"
#include "texts.h"

// --bench: all texts, several times, in turns with and without a draft; t->list is the
// last of those with.  Release with texts_end and bench_free.
void measure_texts(Bench *b, const Model *m, State *s, const Input *in,
                   const ShowOptions *so, Texts *t, Draft *d);
// New tokens a second, the first one apart: what it took to come also depends on the
// prompt.
double measure_rate(const Sequence *q);
// The text q, which is sample 0 of the prompt, once more and without a draft.  Prints how
// many times as fast it is with one, unless --json is given, and returns that.
double measure_plain(const Model *m, State *s, const Input *in, const ShowOptions *so,
                     const Sequence *q);

#endif
