// Causal multi-head attention.  The pass's keys and values are appended to the cache;
// then for each head and row t, with what the cache holds for it:
//
//     score[j] = q[t] . k[j] / sqrt(HS);  p = softmax(score);  mix[t] = sum of p[j] v[j]
//
// Chapters 4 and 8.
#include "attention.h"
#include "elementary.h"
#include "halves.h"
#include "ops.h"
#include "options.h"
#include "trace.h"
#include "vec.h"

const char *const attention_kernels[] = { "fused", "naive", NULL };

enum { CHUNK = KV_CHUNK, ROWS = 16 };  // keys, and rows, at a time

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

// scores[j] = q . key / sqrt(HS) for n keys from number j on, a run of memory at a time.
static void score(float *scores, const Head *h, int j, int n)
{
    const KVView *v = h->cache;
    float scale = 1.0f / sqrtf((float)h->HS);
    for (int i = 0, run; i < n; i += run) {
        run = kvcache_run(v, h->t, j + i, n - i);
        int slot = kvcache_slot(v, h->t, j + i);
        vec_dots(scores + i, h->q, kvcache_at(v, h->layer, 0, h->h, slot), v->dtype,
                 h->HS, run, h->HS);
    }
    for (int i = 0; i < n; i++)
        scores[i] *= scale;
}

// out += p[j] * value for n keys from number j on.
static void mix(const Head *h, const float *p, int j, int n)
{
    const KVView *v = h->cache;
    for (int i = 0, run; i < n; i += run) {
        run = kvcache_run(v, h->t, j + i, n - i);
        int slot = kvcache_slot(v, h->t, j + i);
        vec_mix(h->out, p + i, kvcache_at(v, h->layer, 1, h->h, slot), v->dtype, h->HS,
                run, h->HS);
    }
}

static void attend_naive(const Head *h)
{
    float p[h->keys];
    score(p, h, 0, h->keys);
    softmax(p, h->keys);
    memset(h->out, 0, (size_t)h->HS * sizeof *h->out);
    mix(h, p, 0, h->keys);
}

// One chunk of n keys: what was mixed so far fades by e^(old maximum - new maximum), as
// if it had been computed with the new one from the start.
static void attend_chunk(const Head *h, int j, int n, float *max, float *sum)
{
    float p[CHUNK];
    score(p, h, j, n);
    float chunk_max = vec_max(p, n), new_max = chunk_max > *max ? chunk_max : *max;
    float fade = exp_f32(*max - new_max);
    *sum = fmaf(*sum, fade, vec_exp_sum(p, new_max, n));
    *max = new_max;
    for (int i = 0; i < h->HS; i++)
        h->out[i] *= fade;
    mix(h, p, j, n);
}

// Some rows of one head.  They take turns at each chunk: what the first has brought into
// the processor's cache serves the others.
static void attend_fused(const Head *heads, int rows)
{
    float max[ROWS], sum[ROWS] = { 0 };
    int keys = 0;
    for (int r = 0; r < rows; r++) {
        max[r] = -INFINITY;
        memset(heads[r].out, 0, (size_t)heads[r].HS * sizeof *heads[r].out);
        keys = heads[r].keys > keys ? heads[r].keys : keys;
    }
    for (int j = 0; j < keys; j += CHUNK)
        for (int r = 0; r < rows; r++) {
            int left = heads[r].keys - j;
            if (left > 0)
                attend_chunk(&heads[r], j, left < CHUNK ? left : CHUNK, &max[r], &sum[r]);
        }
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < heads[r].HS; i++)
            heads[r].out[i] /= sum[r];
}

static void attention_core(State *s, int layer)
{
    double T = s->T, C = s->config.C, read = s->cache->seen * C;
    if (!trace_op("attention", 8 * T * C + 2 * read * dtype_size(s->cache->view.dtype),
                  4 * read))
        return;
    bool naive = kernel_choice("attention", attention_kernels) == 1;
    #pragma omp for collapse(2) schedule(static, 1)
    for (int h = 0; h < s->config.NH; h++)
        for (int t = 0; t < s->T; t += ROWS) {
            Head heads[ROWS];
            int rows = s->T - t < ROWS ? s->T - t : ROWS;
            for (int r = 0; r < rows; r++)
                heads[r] = head_of(s, layer, t + r, h);
            if (naive)
                for (int r = 0; r < rows; r++)
                    attend_naive(&heads[r]);
            else
                attend_fused(heads, rows);
        }
}

void attention_forward(const Attention *a, State *s, const float *in)
{
    matmul(s->qkv, in, &a->qkv, a->qkv_bias, s->T);
    attention_append(s, a->layer);
    attention_core(s, a->layer);
    matmul_add(s->x, s->mix, &a->proj, a->proj_bias, s->T);
}
