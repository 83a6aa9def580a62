// Causal multi-head attention.  The pass's keys and values are appended to the cache;
// then for each head and row t, with what the cache holds for it:
//
//     score[j] = q[t] . k[j] / sqrt(HS);  p = softmax(score);  mix[t] = sum of p[j] v[j]
//
// Chapters 4 and 8.
#include "attention.h"
#include "attend.h"
#include "halves.h"
#include "ops.h"
#include "options.h"
#include "trace.h"
#include "vec.h"
#include <math.h>
#include <string.h>

const char *const attention_kernels[] = { "fused", "naive", NULL };

// One of a row's new key (which = 0) and value (which = 1), rounded to the cache's type.
static void append(const State *s, int layer, int t, int which, int h)
{
    const KVView *v = &s->cache->view;
    int C = s->config.C;
    const float *from = s->qkv + (size_t)t * 3 * C + (which + 1) * C + h * v->HS;
    if (v->slot[t] < 0)  // padding, from chapter 9 on
        return;
    if (v->shift[t])
        for (int j = 0; j + 1 < v->keys[t]; j++)
            memcpy(kvcache_at(v, layer, which, h, kvcache_slot(v, t, j)),
                   kvcache_at(v, layer, which, h, kvcache_slot(v, t, j + 1)),
                   (size_t)v->HS * dtype_size(v->dtype));
    floats_to_halves(kvcache_at(v, layer, which, h, v->slot[t]), from, v->dtype, v->HS);
}

static void attention_append(State *s, int layer)
{
    double count = 2.0 * s->T * s->config.C;
    if (!trace_op("attention_append", (4 + dtype_size(s->cache->view.dtype)) * count, 0))
        return;
    #pragma omp for collapse(3)
    for (int t = 0; t < s->T; t++)
        for (int which = 0; which < 2; which++)
            for (int h = 0; h < s->config.NH; h++)
                append(s, layer, t, which, h);
}

// What one head of one row works on.
typedef struct {
    const KVView *cache;
    const float *q;
    float *out;  // [HS]
    int layer, t, h, keys, HS;
} Head;

static Head head_of(const State *s, int layer, int t, int h)
{
    int C = s->config.C, HS = C / s->config.NH;
    return (Head){
        .cache = &s->cache->view,
        .q = s->qkv + (size_t)t * 3 * C + h * HS,
        .out = s->mix + (size_t)t * C + h * HS,
        .layer = layer,
        .t = t,
        .h = h,
        .keys = s->cache->view.keys[t],  // causal: what follows is not counted
        .HS = HS,
    };
}

// Key or value number j.
static const char *number(const Head *h, int which, int j)
{
    return kvcache_at(h->cache, h->layer, which, h->h, kvcache_slot(h->cache, h->t, j));
}

static void attend_naive(const Head *h)
{
    const KVView *v = h->cache;
    float p[h->keys], scale = 1.0f / sqrtf((float)h->HS);
    for (int j = 0; j < h->keys; j++) {
        vec_dots(&p[j], h->q, number(h, 0, j), v->dtype, h->HS, 1, h->HS);
        p[j] *= scale;
    }
    softmax(p, h->keys);
    memset(h->out, 0, (size_t)h->HS * sizeof *h->out);
    for (int j = 0; j < h->keys; j++)
        vec_mix(h->out, &p[j], number(h, 1, j), v->dtype, h->HS, 1, h->HS);
}

// A chunk of keys or values, from number j on: where it lies, or, if it is not a whole
// one there, a copy.
static const char *chunk_of(const Head *h, int which, int j, char *copy)
{
    const KVView *v = h->cache;
    int n = h->keys - j < KV_CHUNK ? h->keys - j : KV_CHUNK;
    size_t bytes = (size_t)h->HS * dtype_size(v->dtype);
    if (kvcache_slot(v, h->t, j) % KV_CHUNK == 0 && kvcache_run(v, h->t, j, n) == n)
        return number(h, which, j);
    for (int i = 0; i < n; i++)
        memcpy(copy + (size_t)i * bytes, number(h, which, j + i), bytes);
    return copy;
}

// One head of some rows, up to row h->t, which find their keys in the same slots.
static void attend_fused(const Head *h, const State *s, int rows)
{
    const KVView *v = h->cache;
    char copies[2][(size_t)(KV_CHUNK * h->HS) * dtype_size(v->dtype)];
    int C = s->config.C, first = h->t - rows + 1, n[ATTEND_ROWS];
    Head top = head_of(s, h->layer, first, h->h);
    Attend a;
    attend_begin(&a, v->dtype, h->HS, top.q, 3 * (size_t)C, top.out, (size_t)C, rows);
    for (int j = 0; j < h->keys; j += KV_CHUNK) {
        for (int r = 0; r < rows; r++)
            n[r] = v->keys[first + r] - j;
        attend_chunk(&a, chunk_of(h, 0, j, copies[0]), chunk_of(h, 1, j, copies[1]), n);
    }
    attend_end(&a);
}

// One head of rows from t on, at most `rows`; returns how many.
static int attend(const State *s, int layer, int t, int h, int rows, bool naive)
{
    int n = 1;
    while (!naive && n < rows && kvcache_extends(&s->cache->view, t + n - 1, t + n))
        n++;
    Head last = head_of(s, layer, t + n - 1, h);
    if (naive)
        attend_naive(&last);
    else
        attend_fused(&last, s, n);
    return n;
}

static void attention_core(State *s, int layer)
{
    double T = s->T, C = s->config.C, read = s->cache->seen * C;
    if (!trace_op("attention", 8 * T * C + 2 * read * dtype_size(s->cache->view.dtype),
                  4 * read))
        return;
    bool naive = kernel_choice("attention", attention_kernels) == 1;
    #pragma omp for collapse(2) schedule(dynamic)
    for (int h = 0; h < s->config.NH; h++)
        for (int t = 0; t < s->T; t += ATTEND_ROWS) {
            int end = s->T - t < ATTEND_ROWS ? s->T : t + ATTEND_ROWS;
            for (int from = t; from < end;)
                from += attend(s, layer, from, h, end - from, naive);
        }
}

void attention_forward(const Attention *a, State *s, const float *in)
{
    matmul(s->qkv, in, &a->qkv, a->qkv_bias, s->T);
    attention_append(s, a->layer);
    attention_core(s, a->layer);
    matmul_add(s->x, s->mix, &a->proj, a->proj_bias, s->T);
}
