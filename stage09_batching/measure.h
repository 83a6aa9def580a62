// What --bench measures: texts that are written together.
#ifndef MEASURE_H
#define MEASURE_H

#include "show.h"
#include "texts.h"

// All texts, several times; t->list is the last of them.  Release with texts_end and
// bench_free.
void measure_texts(Bench *b, const Model *m, State *s, const Input *in,
                   const ShowOptions *so, Texts *t);

#endif
