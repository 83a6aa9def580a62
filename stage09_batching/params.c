// From the tensors of a file to packed weights on the device.  Chapter 3.
#include "params.h"
#include "device.h"
#include "error.h"
#include "file.h"
#include "memory.h"
#include "trace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A tensor of the present layer, or, if that is -1, of none.
static const Tensor *find(const Params *p, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "h.%d.%s", p->layer, name);
    const Tensor *t = weights_find(p->weights, p->layer < 0 ? name : full);
    if (!t)
        die("the weights have no tensor %s; is this a GPT-2 model?",
            p->layer < 0 ? name : full);
    return t;
}

static void expect_shape(const Tensor *t, int rank, const size_t *shape)
{
    if (t->rank != rank || memcmp(t->shape, shape, (size_t)rank * sizeof *shape) != 0)
        die("tensor %s: config.json asks for a shape of %zu x %zu, the file has another; "
            "do the two belong together?",
            t->name, rank > 1 ? shape[0] : 1, shape[rank - 1]);
}

static void expect(const Tensor *t, int rank, const size_t *shape)
{
    expect_shape(t, rank, shape);
    if (t->dtype != F32 && t->dtype != F16 && t->dtype != BF16)
        die("tensor %s: cannot compute with %s; convert the weights to F32, F16 or BF16",
            t->name, dtype_name(t->dtype));
}

static void *take(Params *p, size_t bytes)
{
    void *at = p->block ? p->block + p->used : NULL;
    p->used += (bytes + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
    return at;
}

void params_allocate(Params *p, const char *what)
{
    p->block = device_alloc(p->used, what);
    p->used = 0;
}

float *params_vector(Params *p, const char *name, int n)
{
    const Tensor *t = find(p, name);
    size_t bytes = (size_t)n * sizeof(float);
    float *vector = take(p, bytes);
    expect(t, 1, (size_t[]){ (size_t)n });
    if (vector) {
        float *host = memory_alloc(bytes, 1, name);
        tensor_floats(host, t, 0, (size_t)n);
        device_upload(vector, host, bytes);
        free(host);
    }
    return vector;
}

// The numbers or the scales of a matrix that models/quantize has written.
static void expect_rows(const Tensor *t, MatrixRows row, int out)
{
    expect_shape(t, 2, (size_t[]){ (size_t)out, row.columns });
    if (t->dtype != row.dtype)
        die("tensor %s is of type %s, not %s; write the model anew with models/quantize",
            t->name, dtype_name(t->dtype), dtype_name(row.dtype));
}

static Matrix quantised(Params *p, const Tensor *t, int in, int out, MatrixLayout layout)
{
    const Tensor *scales = weights_scales(p->weights, t);
    DType stored = weights_dtype(p->weights), dtype = matrix_dtype(stored, layout);
    if (p->dtype != stored)
        die("the weights are quantised to %s and cannot be held in %s; leave --dtype "
            "out, or take the model that they were made from",
            dtype_option(stored), dtype_option(p->dtype));
    if (!scales)
        die("there is no tensor %s.scale; write the model anew with models/quantize",
            t->name);
    expect_rows(t, matrix_numbers(dtype, in), out);
    expect_rows(scales, matrix_scales(dtype, in), out);
    Matrix m = { t->name, dtype, in, out, take(p, matrix_bytes(dtype, in, out)) };
    if (m.panels && !trace_is_dry()) {
        matrix_load(&m, t->data, scales->data);
        file_release(t->data, t->bytes);
        file_release(scales->data, scales->bytes);
    }
    return m;
}

Matrix params_matrix(Params *p, const char *name, int in, int out, MatrixLayout layout)
{
    const Tensor *t = find(p, name);
    size_t shape[2] = { (size_t)in, (size_t)out },
           swapped[2] = { (size_t)out, (size_t)in };
    if (weights_quantised(p->weights))
        return quantised(p, t, in, out, layout);
    expect(t, 2, layout == MATRIX_IN_OUT ? shape : swapped);
    DType dtype = matrix_dtype(p->dtype, layout);
    Matrix m = { t->name, dtype, in, out, take(p, matrix_bytes(dtype, in, out)) };
    if (m.panels && !trace_is_dry()) {
        matrix_pack(&m, t->data, t->dtype, layout);
        file_release(t->data, t->bytes);
    }
    return m;
}

void params_embeddings(Params *p, Embeddings *e)
{
    const Config *c = p->config;
    p->layer = -1;
    e->wte = params_matrix(p, "wte.weight", c->C, c->V, MATRIX_OUT_IN);
    e->wpe = params_matrix(p, "wpe.weight", c->C, c->T, MATRIX_OUT_IN);
}

void params_attention(Params *p, Attention *a, int layer)
{
    int C = p->config->C;
    p->layer = a->layer = layer;
    a->qkv = params_matrix(p, "attn.c_attn.weight", C, 3 * C, MATRIX_IN_OUT);
    a->qkv_bias = params_vector(p, "attn.c_attn.bias", 3 * C);
    a->proj = params_matrix(p, "attn.c_proj.weight", C, C, MATRIX_IN_OUT);
    a->proj_bias = params_vector(p, "attn.c_proj.bias", C);
}

void params_norm(Params *p, Norm *n, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    n->gain = params_vector(p, full, p->config->C);
    snprintf(full, sizeof full, "%s.bias", name);
    n->bias = params_vector(p, full, p->config->C);
    n->eps = p->config->eps;
}

void params_block(Params *p, Block *b, int layer)
{
    int C = p->config->C, n = p->config->n_inner;
    params_attention(p, &b->attention, layer);
    params_norm(p, &b->ln1, "ln_1");
    params_norm(p, &b->ln2, "ln_2");
    b->fc = params_matrix(p, "mlp.c_fc.weight", C, n, MATRIX_IN_OUT);
    b->fc_bias = params_vector(p, "mlp.c_fc.bias", n);
    b->proj = params_matrix(p, "mlp.c_proj.weight", n, C, MATRIX_IN_OUT);
    b->proj_bias = params_vector(p, "mlp.c_proj.bias", C);
}
