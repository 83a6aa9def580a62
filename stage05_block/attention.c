// Causal multi-head attention.  For each head and row t, with keys and values 0 .. t:
//
//     score[j] = q[t] . k[j] / sqrt(HS);  p = softmax(score);  mix[t] = sum of p[j] v[j]
//
// Chapter 4.
#include "attention.h"
#include "elementary.h"
#include "ops.h"
#include "options.h"
#include "trace.h"
#include "vec.h"

const char *const attention_kernels[] = { "fused", "naive", NULL };

enum { CHUNK = 32 };  // keys at a time

// What one head of one row works on.  k and v: the first key and value, `stride` floats
// apart.
typedef struct {
    const float *q, *k, *v;
    float *out;  // [HS]
    int stride, keys, HS;
} Head;

static Head head_of(const State *s, int t, int h)
{
    int C = s->config.C, HS = C / s->config.NH;
    const float *first = s->qkv + h * HS;  // row 0: query, then key, then value
    return (Head){
        .q = first + (size_t)t * 3 * C,
        .k = first + C,
        .v = first + 2 * C,
        .out = s->mix + (size_t)t * C + h * HS,
        .stride = 3 * C,
        .keys = t + 1,  // causal: what follows is not there yet
        .HS = HS,
    };
}

// scores[j] = q . key / sqrt(HS) for n keys from number j on.
static void score(float *scores, const Head *h, int j, int n)
{
    float scale = 1.0f / sqrtf((float)h->HS);
    vec_dots(scores, h->q, h->k + (size_t)j * h->stride, F32, h->stride, n, h->HS);
    for (int i = 0; i < n; i++)
        scores[i] *= scale;
}

// out += p[j] * value for n keys from number j on.
static void mix(const Head *h, const float *p, int j, int n)
{
    vec_mix(h->out, p, h->v + (size_t)j * h->stride, F32, h->stride, n, h->HS);
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

static void attend_fused(const Head *h)
{
    float max = -INFINITY, sum = 0;
    memset(h->out, 0, (size_t)h->HS * sizeof *h->out);
    for (int j = 0; j < h->keys; j += CHUNK)
        attend_chunk(h, j, h->keys - j < CHUNK ? h->keys - j : CHUNK, &max, &sum);
    for (int i = 0; i < h->HS; i++)
        h->out[i] /= sum;
}

static void attention_core(State *s)
{
    double T = s->T, C = s->config.C;
    if (!trace_op("attention", 16 * T * C, 2 * T * T * C))
        return;
    bool naive = kernel_choice("attention", attention_kernels) == 1;
    #pragma omp for collapse(2) schedule(static, 1)
    for (int t = 0; t < s->T; t++)
        for (int h = 0; h < s->config.NH; h++) {
            Head head = head_of(s, t, h);
            if (naive)
                attend_naive(&head);
            else
                attend_fused(&head);
        }
}

void attention_forward(const Attention *a, State *s, const float *in)
{
    matmul(s->qkv, in, &a->qkv, a->qkv_bias, s->T);
    attention_core(s);
    matmul_add(s->x, s->mix, &a->proj, a->proj_bias, s->T);
}
