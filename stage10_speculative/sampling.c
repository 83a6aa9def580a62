// From logits to the next token: temperature, top-k, top-p, min-p, then one draw.
// Chapter 7.
#include "sampling.h"
#include "error.h"
#include "penalties.h"
#include "pivot.h"
#include "random.h"
#include "trace.h"
#include "vec.h"
#include <stdlib.h>

// sp->logits: after penalties and temperature, shifted so that the greatest is 0:
// dividing by a small temperature must not overflow.  (At temperature 0 only their order
// counts.)
static void prepare(const Sampler *sp, const float *logits, int index)
{
    const SamplingParams *p = &sp->params;
    float divisor = p->temperature > 0 ? p->temperature : 1;
    if (!(fabsf(vec_max(logits, sp->V)) < INFINITY))
        die("a logit is not a number; are the weights damaged?");
    memcpy(sp->logits, logits, (size_t)sp->V * sizeof *logits);
    penalties_apply(sp->logits, sp->counts, sp->V, p, sp->text, index);
    float max = vec_max(sp->logits, sp->V);
    for (int i = 0; i < sp->V; i++)
        sp->logits[i] = (sp->logits[i] - max) / divisor;
}

static int likeliest(const Sampler *sp)
{
    return vec_argmax(sp->logits, sp->V);
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

// The n likeliest tokens, sorted, to sp->candidates.  Most others fall at once: they are
// below a number that n tokens reach.
static void rank(const Sampler *sp, int n)
{
    Candidate *c = sp->candidates;
    float least = vec_kth(sp->logits, sp->V, n);
    int found = 0;
    for (int i = 0; i < sp->V; i++)
        if (!(sp->logits[i] < least))
            c[found++] = (Candidate){ sp->logits[i], i };
    select_first(c, found, n);
    qsort(c, (size_t)n, sizeof *c, by_rank);
}

// The sum of probabilities of the n likeliest, not normalised: the first of them has 1.
static double mass(const Sampler *sp, int n)
{
    const Candidate *c = sp->candidates;
    double sum = 0;
    if (n == sp->V)
        return vec_exp_mass(sp->logits, n);
    for (int i = 0; i < n; i++)
        sum += exp_f32(c[i].logit);
    return sum;
}

// How many of the n likeliest top-p keeps.  Sorts no more of them than it has to.
static int keep_top_p(const Sampler *sp, int n, float p)
{
    const Candidate *c = sp->candidates;
    double limit = p * mass(sp, n);
    for (int m = n < 256 ? n : 256;; m = m < n / 4 ? 4 * m : n) {
        double sum = 0;
        if (n == sp->V)
            rank(sp, m);
        for (int i = 0; i < m; i++)
            if ((sum += exp_f32(c[i].logit)) >= limit)
                return i + 1;
        if (m == n)
            return n;
    }
}

static int count_likely(const Sampler *sp, float least)
{
    int n = 0;
    for (int i = 0; i < sp->V; i++)
        n += exp_f32(sp->logits[i]) >= least;
    return n;
}

// How many tokens may be drawn: the likeliest ones, sorted in sp->candidates, or all of
// them.
static int filter(const Sampler *sp)
{
    const SamplingParams *p = &sp->params;
    const Candidate *c = sp->candidates;
    int n = sp->V;
    if (p->top_k > 0 && p->top_k < n)
        rank(sp, n = p->top_k);
    if (p->top_p < 1)
        n = keep_top_p(sp, n, p->top_p);
    if (p->min_p > 0 && n == sp->V)
        rank(sp, n = count_likely(sp, p->min_p));
    while (p->min_p > 0 && exp_f32(c[n - 1].logit) < p->min_p)
        n--;
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

// The same among all tokens: their noise is made many at a time.
static int draw_gumbel_of_all(const Sampler *sp, RandomKey key)
{
    float best = -INFINITY, value[RANDOM_GUMBELS];
    int id = 0;
    for (int i = 0; i < sp->V; i += RANDOM_GUMBELS) {
        int n = sp->V - i < RANDOM_GUMBELS ? sp->V - i : RANDOM_GUMBELS;
        random_gumbels(value, key, (uint32_t)(i / RANDOM_GUMBELS));
        for (int k = 0; k < n; k++)
            value[k] += sp->logits[i + k];
        if (vec_max(value, n) > best) {
            int k = vec_argmax(value, n);
            best = value[k];
            id = i + k;
        }
    }
    return id;
}

// The textbook's: where the running sum of the sorted probabilities passes a uniform
// number.
static int draw_sorted(const Sampler *sp, int n, RandomKey key)
{
    const Candidate *c = sp->candidates;
    if (n == sp->V)
        rank(sp, n);
    double u = (double)random_uniform(random_four(key, 0).v[0]) * mass(sp, n), sum = 0;
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
    if (sp->params.kind == SORT)
        return draw_sorted(sp, n, key);
    return n < sp->V ? draw_gumbel(sp, n, key) : draw_gumbel_of_all(sp, key);
}

static void distribution(const Sampler *sp, const float *logits, int index, float *probs)
{
    for (int i = 0; i < sp->V; i++)
        probs[i] = 0;
    prepare(sp, logits, index);
    if (sp->params.temperature == 0) {
        probs[likeliest(sp)] = 1;
        return;
    }
    int n = filter(sp);
    double total = mass(sp, n);
    for (int i = 0; i < n; i++) {
        int id = n < sp->V ? sp->candidates[i].id : i;
        probs[id] = (float)(exp_f32(sp->logits[id]) / total);
    }
}

void sampling_next(const Sampler *sp, int n, const int *who, const float *logits,
                   const int *index, int *next, int W)
{
    int V = sp->V;
    if (!trace_op("sampling", 4.0 * V * W, 40.0 * V * W))
        return;
    #pragma omp parallel for schedule(dynamic) if (W > 1)
    for (int text = 0; text < n; text++)
        for (int i = 0; i < W; i++)
            if (who[i] == text)
                next[i] = choose(&sp[text], logits + (size_t)i * V, index[i]);
}

void sampling_probs(const Sampler *sp, const float *logits, int index, float *probs)
{
    distribution(sp, logits, index, probs);
}
