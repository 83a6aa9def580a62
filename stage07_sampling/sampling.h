// From logits to the next token.
//
// A function, not a state: the token depends on the logits, the text so far, the settings
// and the key of the noise, and on nothing that was drawn before.  So a text can be cut,
// computed again or verified, and goes on as it would have.
//
//     sampling_next(&sampler, s->logits, s->index, s->next);
//
// In this order: penalties (penalties.h), temperature, top-k, top-p over what top-k left,
// min-p.  Then one of three samplers, which all draw from the same distribution:
//     gumbel   the greatest of logit + Gumbel noise; the noise belongs to the token's id
//     sort     one uniform number, and the sum of sorted probabilities that passes it
//     pivot    draws until a token is one that the filters keep; sorts nothing (pivot.h)
#ifndef SAMPLING_H
#define SAMPLING_H

#include "sampler.h"

// next[1] = a token for logits [V]; index[1]: its place in the text.  All device memory.
void sampling_next(const Sampler *sp, const float *logits, const int *index, int *next);
// probs[V] = the distribution that sampling_next draws from, for place `index`; 0 for
// what the filters drop.
void sampling_probs(const Sampler *sp, const float *logits, int index, float *probs);

#endif
