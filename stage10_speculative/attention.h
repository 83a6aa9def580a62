// Causal multi-head attention: each token reads from those before it, and from itself.
// A. Vaswani et al., "Attention Is All You Need", 2017.
#ifndef ATTENTION_H
#define ATTENTION_H

#include "params.h"
#include "state.h"

// For --kernel attention=NAME, best first: "fused" walks the keys in chunks with the
// online softmax (M. Milakov, N. Gimelshein, 2018; T. Dao et al., "FlashAttention",
// 2022); "naive" writes all scores of a row down first.
extern const char *const attention_kernels[];

// x += attention(in), in [T, C] (the pass's rows, normalised), by way of s->qkv and
// s->mix.
void attention_forward(const Attention *a, State *s, const float *in);

#endif
