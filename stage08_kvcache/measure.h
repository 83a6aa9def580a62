// What --bench measures: a text as it is written.
#ifndef MEASURE_H
#define MEASURE_H

#include "show.h"

// The text of the prompt, several times; *q is the last of them.  Release with
// sequence_free and bench_free.
void measure_text(Bench *b, Sequence *q, const Model *m, State *s, const Input *in,
                  const ShowOptions *so);

#endif
