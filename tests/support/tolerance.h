// How far results may be from the reference, and why: one table for all tests.  Each is relative to
// the largest absolute value of the reference's tensor.  NaN is never near enough.
#ifndef TOLERANCE_H
#define TOLERANCE_H

// Hugging Face computes in f32 with sums in another order; seen: up to 2e-6 (its own distance from
// f64 is 1e-6).  GELU by erf instead of tanh is 1e-4 away and must fail.
#define TOLERANCE_LOGITS 1e-5
#define TOLERANCE_HIDDEN 1e-5
// A single look-up and sum: one rounding.
#define TOLERANCE_EMBEDDINGS 1e-7
// One sub-layer; seen: 6e-7.
#define TOLERANCE_SUBLAYER 5e-6
// Two orders of one sum of a few hundred products.
#define TOLERANCE_MATMUL 1e-5
// f16 has 11 significant bits, bf16 8: half a unit in the last place each, and they add up over the
// layers.  Seen on the random models: 1.9e-3 and 1.4e-2.
#define TOLERANCE_F16 4e-3
#define TOLERANCE_BF16 3e-2
// e^x of a mean of up to a few hundred surprises, each off by about 1e-6 of the largest logit; seen: 1e-6.
#define TOLERANCE_PERPLEXITY 1e-5

#endif
