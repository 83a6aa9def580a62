// Acceptance by rejection: a proposal x that was drawn from q stays with probability
// min(1, p(x) / q(x)), where p is the model's distribution; the first that does not stay
// is replaced by a draw from max(p - q, 0).  What comes out is a draw from p (Y.
// Leviathan et al., 2022; C. Chen et al., "Accelerating Large Language Model Decoding
// with Speculative Sampling", 2023, https://arxiv.org/abs/2302.01318).
//
// Probabilities are device memory, all else the caller's.
#ifndef ACCEPT_H
#define ACCEPT_H

#include "random.h"

// Of n proposals, drawn from q [n, V]: how many stay, given the model's p [n + 1, V] at
// their places and at the one after; and the token that follows them.  key: seed and
// sample, and the place of the first proposal.
void accept_test(const float *p, const float *q, const int *proposed, int n, int V,
                 RandomKey key, int *kept, int *next);
// Draws from max(p - q, 0), or from p if nothing of it is left; q may be NULL: 0.  u:
// uniform in (0, 1).
int accept_residual(const float *p, const float *q, int V, float u);
// probs[V] = 1 for id, else 0: there was no choice.
void accept_certain(float *probs, int V, int id);

#endif
