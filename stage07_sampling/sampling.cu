// From logits to the next token; see sampling.c.
//
//     kernel  idea       bound
//     next    one block  a block's reads of the logits: up to three,
//     probs   one block  and some 40 for each of top-k and top-p
//
// A block of THREADS threads has a row of logits, and each thread every THREADS-th of
// them, logits and counts: no other thread reads or writes these, but to count, and so
// most steps need no barrier between.  Nothing is sorted: a filter keeps what is not
// below a threshold, and the threshold is found bit by bit, with a pass over the logits
// for each bit.
//
// Chapter 7.
#include "device_cuda.h"
extern "C" {
#include "sampling.h"
#include "memory.h"
#include "pivot.h"
#include "random.h"
#include "trace.h"
}
#include "block.cuh"
#include <limits.h>
#include <stdlib.h>

enum { THREADS = 256 };

// Whole numbers that are ordered as the floats are; -0 counts as 0.
static __device__ uint32_t key_of(float x)
{
    uint32_t bits = bits_of_float(x + 0.0f);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

// Which tokens may be drawn: those above `key`, of those at it the ones up to `id`, and
// none below min_p.
typedef struct {
    const float *logits;
    int V;
    uint32_t key;
    int id;
    float min_p;
} Kept;

static __device__ bool keeps(const Kept *k, int i)
{
    uint32_t key = key_of(k->logits[i]);
    return (key > k->key || (key == k->key && i <= k->id)) &&
           (k->min_p == 0 || exp_f32(k->logits[i]) >= k->min_p);
}

// The number, or the probabilities (not normalised), of what is kept from `key` up.
static __device__ double count_from(const Kept *k, uint32_t key, bool mass)
{
    double sum = 0;
    for (int i = threadIdx.x; i < k->V; i += THREADS)
        if (key_of(k->logits[i]) >= key && keeps(k, i))
            sum += mass ? (double)exp_f32(k->logits[i]) : 1;
    return block_sum(sum);
}

// Of the tokens that are kept at `key`, the id of number m (from 1), by their ids.
static __device__ int id_of(const Kept *k, uint32_t key, int m)
{
    int low = 0, high = k->V - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        double n = 0;
        for (int i = threadIdx.x; i <= middle; i += THREADS)
            n += key_of(k->logits[i]) == key && keeps(k, i);
        if (block_sum(n) >= m)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

// Going down from the likeliest: the token with which the number or mass reaches `limit`
// (passes it, if `beyond`).
static __device__ void select_token(const Kept *k, double limit, bool mass, bool beyond,
                                    uint32_t *key, int *id)
{
    uint32_t found = 0;
    for (uint32_t bit = 0x80000000u; bit; bit >>= 1) {
        double sum = count_from(k, found | bit, mass);
        if (beyond ? sum > limit : sum >= limit)
            found |= bit;
    }
    double above = found == UINT32_MAX ? 0 : count_from(k, found + 1, mass);
    double each = mass ? (double)exp_f32(float_of_bits(found >> 31 ? found ^ 0x80000000u
                                                                   : ~found))
                       : 1;
    int m = 1;
    while (beyond ? !(above + m * each > limit) : above + m * each < limit)
        if (m++ == k->V)
            break;
    *key = found;
    *id = id_of(k, found, m);
}

// The penalties of penalties.c.
static __device__ void penalize(const Sampler *sp, int n)
{
    const SamplingParams *p = &sp->params;
    for (int i = threadIdx.x; i < sp->V; i += THREADS)
        sp->counts[i] = 0;
    __syncthreads();  // before others count
    for (int i = threadIdx.x; i < n; i += THREADS)
        atomicAdd(&sp->counts[sp->text[i]], 1);
    __syncthreads();  // all is counted
    for (int i = threadIdx.x; i < sp->V; i += THREADS)
        if (sp->counts[i] > 0) {
            float x = sp->logits[i] - (p->presence + p->frequency * (float)sp->counts[i]);
            sp->logits[i] = x > 0 ? x / p->repetition : x * p->repetition;
        }
}

static __device__ void forbid_ngrams(const Sampler *sp, int n)
{
    int size = sp->params.no_repeat_ngram - 1;
    double marked = 0;
    for (int i = threadIdx.x; i < sp->V; i += THREADS)
        sp->counts[i] = 0;
    __syncthreads();  // before others count
    for (int i = threadIdx.x; i + size < n; i += THREADS) {
        bool same = true;
        for (int k = 0; k < size; k++)
            same = same && sp->text[i + k] == sp->text[n - size + k];
        if (same)
            atomicExch(&sp->counts[sp->text[i + size]], 1);
    }
    __syncthreads();  // all are marked
    for (int i = threadIdx.x; i < sp->V; i += THREADS)
        marked += sp->counts[i];
    if (block_sum(marked) < sp->V)
        for (int i = threadIdx.x; i < sp->V; i += THREADS)
            if (sp->counts[i])
                sp->logits[i] = -INFINITY;
}

// sp->logits: after penalties and temperature, the greatest 0.  false: one was not a
// number.
static __device__ bool prepare(const Sampler *sp, const float *logits, int n)
{
    const SamplingParams *p = &sp->params;
    float divisor = p->temperature > 0 ? p->temperature : 1, max = -INFINITY;
    double wrong = 0;
    for (int i = threadIdx.x; i < sp->V; i += THREADS) {
        sp->logits[i] = logits[i];
        wrong += !(logits[i] < INFINITY);
    }
    if (block_sum(wrong) > 0)
        return false;
    if (p->presence != 0 || p->frequency != 0 || p->repetition != 1)
        penalize(sp, n);
    if (p->no_repeat_ngram > 0 && p->no_repeat_ngram <= n)
        forbid_ngrams(sp, n);
    for (int i = threadIdx.x; i < sp->V; i += THREADS)
        max = fmaxf(max, sp->logits[i]);
    max = block_max(max);
    for (int i = threadIdx.x; i < sp->V; i += THREADS)
        sp->logits[i] = (sp->logits[i] - max) / divisor;
    return true;
}

// What top-k, top-p and min-p leave.
static __device__ Kept filter(const Sampler *sp)
{
    const SamplingParams *p = &sp->params;
    Kept kept = { sp->logits, sp->V, 0, sp->V - 1, 0 };
    uint32_t key;
    int id;
    if (p->top_k > 0 && p->top_k < sp->V) {
        select_token(&kept, p->top_k, false, false, &key, &id);
        kept.key = key;
        kept.id = id;
    }
    if (p->top_p < 1) {
        select_token(&kept, count_from(&kept, 0, true) * p->top_p, true, false, &key,
                     &id);
        kept.key = key;
        kept.id = id;
    }
    kept.min_p = p->min_p;
    return kept;
}

// The kept token with the greatest logit, plus its noise if `noisy`; of equal ones the
// lowest id.
static __device__ int greatest(const Kept *k, bool noisy, RandomKey key)
{
    float best = -INFINITY;
    int id = INT_MAX;
    for (int i = threadIdx.x; i < k->V; i += THREADS) {
        if (!keeps(k, i))
            continue;
        float noise = noisy ? random_gumbel(random_four(key, i / 4).v[i % 4]) : 0;
        float value = k->logits[i] + noise;
        if (value > best || id == INT_MAX) {
            best = value;
            id = i;
        }
    }
    float all = block_max(best);
    return block_min(best == all ? id : INT_MAX);
}

// The token for place `index`; -1: a logit was not a number.  -2: `pivot` goes on with
// sp->logits on the host.
static __device__ int choose(const Sampler *sp, const float *logits, int index)
{
    RandomKey key = { sp->params.seed, (uint32_t)sp->sample, (uint32_t)index,
                      RANDOM_SAMPLE };
    if (!prepare(sp, logits, index))
        return -1;
    if (sp->params.temperature == 0) {
        Kept all = { sp->logits, sp->V, 0, sp->V - 1, 0 };
        return greatest(&all, false, key);
    }
    if (sp->params.kind == PIVOT)
        return -2;
    Kept kept = filter(sp);
    if (sp->params.kind == GUMBEL)
        return greatest(&kept, true, key);
    uint32_t at;
    int id;
    double u = random_uniform(random_four(key, 0).v[0]) * count_from(&kept, 0, true);
    select_token(&kept, u, true, true, &at, &id);
    return id;
}

// A block, alone.
static __global__ void next_kernel(Sampler sp, const float *logits, const int *index,
                                   int *next)
{
    int id = choose(&sp, logits, *index);
    if (threadIdx.x == 0)
        *next = id;
}

// A block, alone.  probs: exp(logit) of what is kept, divided by their sum.
static __global__ void probs_kernel(Sampler sp, const float *logits, int index,
                                    float *probs)
{
    bool cold = sp.params.temperature == 0;
    if (!prepare(&sp, logits, index))
        return;
    Kept kept = { sp.logits, sp.V, 0, sp.V - 1, 0 };
    RandomKey none = { 0, 0, 0, 0 };
    int id = cold ? greatest(&kept, false, none) : -1;
    if (!cold)
        kept = filter(&sp);
    double total = cold ? 1 : count_from(&kept, 0, true);
    for (int i = threadIdx.x; i < sp.V; i += THREADS) {
        double p = cold ? i == id : keeps(&kept, i) ? (double)exp_f32(sp.logits[i]) : 0;
        probs[i] = (float)(p / total);
    }
}

// `pivot` draws on the host: it is here to be compared with, not to be fast.
static void draw_pivot(const Sampler *sp, const int *index, int *next)
{
    float *logits = (float *)memory_alloc(sp->V, sizeof *logits, "logits");
    int at, id;
    device_download(&at, index, sizeof at);
    device_download(&id, next, sizeof id);
    device_download(logits, sp->logits, sp->V * sizeof *logits);
    RandomKey key = { sp->params.seed, (uint32_t)sp->sample, (uint32_t)at,
                      RANDOM_SAMPLE };
    if (id != -1)
        id = pivot_draw(logits, sp->V, &sp->params, key);
    device_upload(next, &id, sizeof id);
    free(logits);
}

void sampling_next(const Sampler *sp, const float *logits, const int *index, int *next)
{
    if (!trace_op("sampling", 4.0 * sp->V, 40.0 * sp->V))
        return;
    next_kernel<<<1, THREADS, 0, device_stream()>>>(*sp, logits, index, next);
    CUDA_LAUNCHED();
    if (sp->params.kind == PIVOT && sp->params.temperature > 0)
        draw_pivot(sp, index, next);
}

void sampling_probs(const Sampler *sp, const float *logits, int index, float *probs)
{
    probs_kernel<<<1, THREADS, 0, device_stream()>>>(*sp, logits, index, probs);
    CUDA_LAUNCHED();
}
