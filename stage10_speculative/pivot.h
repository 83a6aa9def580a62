// Sampling without sorting: draw, test whether the filters keep what was drawn, else draw
// again from less.  After FlashInfer's sampling kernels (Z. Ye et al., 2025,
// https://arxiv.org/abs/2501.01005 and its "Sorting-Free GPU Kernels for LLM Sampling"),
// with ties in order of the ids, so that it draws from exactly the distribution that the
// sorted filters leave.
#ifndef PIVOT_H
#define PIVOT_H

#include "random.h"
#include "sampling.h"

// A token for logits[V], which are divided by the temperature, the greatest 0; spoils
// them.  Top-k's threshold is found first, by bisection; top-p applies to what it leaves.
// The expected number of rounds is small: each failed one at least halves the range of
// probabilities that is in question.
int pivot_draw(float *logits, int V, const SamplingParams *p, RandomKey key);

#endif
