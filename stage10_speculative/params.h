// The weights as the model uses them: vectors in f32, matrices packed, all in one block
// of device memory.  The same functions first count and then load:
//
//     Params p = { .weights = &w, .config = &config, .dtype = BF16 };
//     params_embeddings(&p, &e);       // no block yet: only counts p.used
//     params_allocate(&p, "weights");
//     params_embeddings(&p, &e);       // loads
//     ...
//     device_free(p.block);
//
// A tensor that is missing or has another shape than config.json says ends the program,
// named.
#ifndef PARAMS_H
#define PARAMS_H

#include "config.h"
#include "matmul.h"
#include "weights.h"

typedef struct {
    const Weights *weights;  // must stay open: names and the file's numbers
    const Config *config;
    DType dtype;  // of packed matrices
    int layer;    // whose tensors are meant; -1: those outside of the blocks
    char *block;  // device; NULL: count only
    size_t used;  // bytes
} Params;

typedef struct {
    Matrix wte;  // [V, C] one row for each token
    Matrix wpe;  // [n_ctx, C] one row for each position
} Embeddings;

typedef struct {
    int layer;
    Matrix qkv;        // [C, 3C]
    Matrix proj;       // [C, C]
    float *qkv_bias;   // [3C]
    float *proj_bias;  // [C]
} Attention;

typedef struct {
    float *gain;  // [C]
    float *bias;  // [C]
    float eps;
} Norm;

typedef struct {
    Norm ln1, ln2;
    Attention attention;
    Matrix fc;         // [C, n_inner]
    Matrix proj;       // [n_inner, C]
    float *fc_bias;    // [n_inner]
    float *proj_bias;  // [C]
} Block;

// The block for what was counted, zeroed, then counts from 0 again.
void params_allocate(Params *p, const char *what);
// A vector of n numbers.
float *params_vector(Params *p, const char *name, int n);
// A matrix; in the file it is [in, out] or [out, in], as `layout` says.
Matrix params_matrix(Params *p, const char *name, int in, int out, MatrixLayout layout);

void params_embeddings(Params *p, Embeddings *e);
void params_attention(Params *p, Attention *a, int layer);
void params_norm(Params *p, Norm *n, const char *name);
void params_block(Params *p, Block *b, int layer);

#endif
