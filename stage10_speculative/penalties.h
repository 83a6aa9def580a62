// Less of what the text has already.  Applied before the temperature, also when that is
// 0.
#ifndef PENALTIES_H
#define PENALTIES_H

#include "sampling.h"

// Changes logits[V] by what occurs in text[n] (prompt and new tokens alike):
//     presence and frequency   logit - presence - frequency * count (as in OpenAI's API)
//     repetition               logit / r if positive, else logit * r, once for each token
//                              of the text (N. Keskar et al., "CTRL", 2019)
//     no_repeat_ngram          -INFINITY for a token that would complete an n-gram
//                              of the text; if that forbids all, nothing is forbidden
// counts[V]: scratch.  Nothing is remembered between calls.
void penalties_apply(float *logits, int *counts, int V, const SamplingParams *p,
                     const int *text, int n);

#endif
