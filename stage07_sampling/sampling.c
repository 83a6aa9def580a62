// From logits to the next token: temperature, top-k, top-p, then one draw.  Chapter 7.
#include "sampling.h"
#include "error.h"
#include "memory.h"
#include "random.h"
#include "trace.h"
#include <limits.h>
#include <stdlib.h>

void sampling_options(Args *a, SamplingParams *p)
{
    args_group(a, "Sampling");
    args_float(a, "temperature=T", 0, &p->temperature, 1, 0, 1000,
               "0: always the likeliest token; above 1: more surprises");
    args_int(a, "top-k=K", 0, &p->top_k, 0, 0, INT_MAX,
             "only the K likeliest tokens; 0: all");
    args_float(a, "top-p=P", 0, &p->top_p, 1, 0, 1,
               "only the likeliest tokens that together have P");
}

void sampling_init(Sampler *sp, const SamplingParams *p, int V, int sample)
{
    *sp = (Sampler){ .params = *p, .V = V, .sample = sample };
    sp->candidates = memory_alloc((size_t)V, sizeof *sp->candidates, "the sampler");
}

void sampling_free(Sampler *sp)
{
    free(sp->candidates);
}

// Likeliest first; of equal ones the lower id.
static int by_logit(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

// Of n candidates, likeliest first: how many it takes to have p of their probability, the
// one that crosses p included.
static int keep_top_p(const Candidate *c, int n, float p)
{
    double total = 0, sum = 0;
    for (int i = 0; i < n; i++)
        total += exp_f32(c[i].logit - c[0].logit);
    for (int i = 0; i < n; i++) {
        sum += exp_f32(c[i].logit - c[0].logit);
        if (sum >= p * total)
            return i + 1;
    }
    return n;
}

// The tokens that may be drawn, to sp->candidates; returns how many.
static int filter(const Sampler *sp, const float *logits)
{
    const SamplingParams *p = &sp->params;
    Candidate *c = sp->candidates;
    int n = sp->V;
    for (int i = 0; i < n; i++) {
        c[i] =
            (Candidate){ p->temperature > 0 ? logits[i] / p->temperature : logits[i], i };
        if (isnan(c[i].logit))
            die("the logit of token %d is not a number; are the weights damaged?", i);
    }
    bool all = (p->top_k == 0 || p->top_k >= n) && p->top_p == 1;
    if (p->temperature > 0 && all)
        return n;
    if (p->temperature == 0) {
        for (int i = 1; i < n; i++)
            if (c[i].logit > c[0].logit)
                c[0] = c[i];
        return 1;
    }
    qsort(c, (size_t)n, sizeof *c, by_logit);
    n = p->top_k > 0 && p->top_k < n ? p->top_k : n;
    return p->top_p < 1 ? keep_top_p(c, n, p->top_p) : n;
}

// argmax of logit + Gumbel noise draws from the softmax of the logits, and needs no sum.
// The noise belongs to the token's id, so that it is the same whatever the filters leave.
static int gumbel(const Sampler *sp, int n, int index)
{
    RandomKey key = { sp->params.seed, (uint32_t)sp->sample, (uint32_t)index,
                      RANDOM_SAMPLE };
    RandomFour four = { { 0 } };
    float best = -INFINITY;
    int id = sp->candidates[0].id, have = -1;
    for (int i = 0; i < n; i++) {
        const Candidate *c = &sp->candidates[i];
        if (c->id / 4 != have)
            four = random_four(key, (uint32_t)(have = c->id / 4));
        float value = c->logit + random_gumbel(four.v[c->id % 4]);
        if (value > best) {
            best = value;
            id = c->id;
        }
    }
    return id;
}

void sampling_next(const Sampler *sp, const float *logits, const int *index, int *next)
{
    if (!trace_op("sampling", 4.0 * sp->V, 40.0 * sp->V))
        return;
    int n = filter(sp, logits);
    *next = n == 1 ? sp->candidates[0].id : gumbel(sp, n, *index);
}

void sampling_probs(const Sampler *sp, const float *logits, float *probs)
{
    const Candidate *c = sp->candidates;
    int n = filter(sp, logits);
    float max = -INFINITY;
    double sum = 0;
    for (int i = 0; i < n; i++)
        max = c[i].logit > max ? c[i].logit : max;
    for (int i = 0; i < n; i++)
        sum += exp_f32(c[i].logit - max);
    for (int i = 0; i < sp->V; i++)
        probs[i] = 0;
    for (int i = 0; i < n; i++)
        probs[c[i].id] = (float)(exp_f32(c[i].logit - max) / sum);
}
