// From logits to the next token: temperature, top-k, top-p, min-p, then one draw.
// Chapter 7.
#include "sampling.h"
#include "error.h"
#include "penalties.h"
#include "pivot.h"
#include "random.h"
#include "trace.h"
#include <stdlib.h>

// sp->logits: after penalties and temperature, shifted so that the greatest is 0:
// dividing by a small temperature must not overflow.  (At temperature 0 only their order
// counts.)
static void prepare(const Sampler *sp, const float *logits, int index)
{
    const SamplingParams *p = &sp->params;
    float divisor = p->temperature > 0 ? p->temperature : 1, max = -INFINITY;
    for (int i = 0; i < sp->V; i++) {
        sp->logits[i] = logits[i];
        if (!(logits[i] < INFINITY))
            die("the logit of token %d is not a number; are the weights damaged?", i);
    }
    penalties_apply(sp->logits, sp->counts, sp->V, p, sp->text, index);
    for (int i = 0; i < sp->V; i++)
        max = sp->logits[i] > max ? sp->logits[i] : max;
    for (int i = 0; i < sp->V; i++)
        sp->logits[i] = (sp->logits[i] - max) / divisor;
}

static int likeliest(const Sampler *sp)
{
    int best = 0;
    for (int i = 1; i < sp->V; i++)
        if (sp->logits[i] > sp->logits[best])
            best = i;
    return best;
}

// Likeliest first; of equal ones the lower id.
static bool before(Candidate a, Candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static int by_rank(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    return before(*y, *x) - before(*x, *y);
}

// Brings the m candidates that come first to the front, in any order (Hoare's
// quickselect).
static void select_first(Candidate *c, int n, int m)
{
    int low = 0, high = n - 1;
    while (low < high) {
        Candidate pivot = c[low + (high - low) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (before(c[i], pivot))
                i++;
            while (before(pivot, c[j]))
                j--;
            if (i <= j) {
                Candidate swap = c[i];
                c[i++] = c[j];
                c[j--] = swap;
            }
        }
        if (m <= j + 1)
            high = j;
        else if (m > i)
            low = i;
        else
            return;
    }
}

// Of n candidates, the m likeliest, sorted.
static void sort_first(Candidate *c, int n, int m)
{
    if (m < n)
        select_first(c, n, m);
    qsort(c, (size_t)m, sizeof *c, by_rank);
}

// The sum of probabilities, not normalised: the likeliest token has 1.
static double mass(const Candidate *c, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += exp_f32(c[i].logit);
    return sum;
}

// How many of n candidates top-p keeps.  Sorts no more of them than it has to.
static int keep_top_p(Candidate *c, int n, float p)
{
    double limit = mass(c, n) * p;
    for (int m = n < 256 ? n : 256;; m = m < n / 4 ? 4 * m : n) {
        double sum = 0;
        sort_first(c, n, m);
        for (int i = 0; i < m; i++)
            if ((sum += exp_f32(c[i].logit)) >= limit)
                return i + 1;
        if (m == n)
            return n;
    }
}

// The tokens that may be drawn, to sp->candidates; returns how many.  Sorted, unless no
// filter is on.
static int filter(const Sampler *sp)
{
    const SamplingParams *p = &sp->params;
    Candidate *c = sp->candidates;
    int n = sp->V;
    for (int i = 0; i < n; i++)
        c[i] = (Candidate){ sp->logits[i], i };
    if (p->top_k > 0 && p->top_k < n) {
        sort_first(c, n, p->top_k);
        n = p->top_k;
    }
    if (p->top_p < 1)
        n = keep_top_p(c, n, p->top_p);
    if (p->min_p > 0) {
        sort_first(c, n, n);
        while (n > 1 && exp_f32(c[n - 1].logit) < p->min_p)
            n--;
    }
    return n;
}

// argmax of logit + Gumbel noise draws from the softmax of the logits, and needs no sum.
// The noise belongs to the token's id, so that it is the same whatever the filters leave.
static int draw_gumbel(const Sampler *sp, int n, RandomKey key)
{
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

// The textbook's: where the running sum of the sorted probabilities passes a uniform
// number.
static int draw_sorted(const Sampler *sp, int n, RandomKey key)
{
    Candidate *c = sp->candidates;
    qsort(c, (size_t)n, sizeof *c, by_rank);
    double u = (double)random_uniform(random_four(key, 0).v[0]) * mass(c, n), sum = 0;
    for (int i = 0; i < n; i++)
        if ((sum += exp_f32(c[i].logit)) > u)
            return c[i].id;
    return c[0].id;  // only by rounding
}

// The token for place `index` of the text.
static int choose(const Sampler *sp, const float *logits, int index)
{
    RandomKey key = { sp->params.seed, (uint32_t)sp->sample, (uint32_t)index,
                      RANDOM_SAMPLE };
    prepare(sp, logits, index);
    if (sp->params.temperature == 0)
        return likeliest(sp);
    if (sp->params.kind == PIVOT)
        return pivot_draw(sp->logits, sp->V, &sp->params, key);
    int n = filter(sp);
    return sp->params.kind == SORT ? draw_sorted(sp, n, key) : draw_gumbel(sp, n, key);
}

static void distribution(const Sampler *sp, const float *logits, int index, float *probs)
{
    const Candidate *c = sp->candidates;
    for (int i = 0; i < sp->V; i++)
        probs[i] = 0;
    prepare(sp, logits, index);
    if (sp->params.temperature == 0) {
        probs[likeliest(sp)] = 1;
        return;
    }
    int n = filter(sp);
    double total = mass(c, n);
    for (int i = 0; i < n; i++)
        probs[c[i].id] = (float)(exp_f32(c[i].logit) / total);
}

void sampling_next(const Sampler *sp, const float *logits, const int *index, int *next)
{
    if (trace_op("sampling", 4.0 * sp->V, 40.0 * sp->V))
        *next = choose(sp, logits, *index);
}

void sampling_probs(const Sampler *sp, const float *logits, int index, float *probs)
{
    distribution(sp, logits, index, probs);
}
