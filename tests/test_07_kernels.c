// Stage 07: sampling from a vocabulary of several tiles, against its definition in double precision.
#include "kernels.h"
#include "random.h"
#include "sampling.h"

enum { V = 1000, TEXT = 60, ROWS = 5 };

static const SamplingParams plain = {
    .temperature = 1, .top_p = 1, .repetition = 1, .seed = 42
};

// All logits here have equal ones: V numbers of 300 kinds.
static void fill_logits(float *logits, unsigned seed)
{
    fill(logits, V, seed);
    for (int i = 0; i < V; i++)
        logits[i] = 6 * roundf(150 * logits[i]) / 150;
}

// Few different tokens, so that pairs come again.
static void fill_text(int *text, unsigned seed)
{
    float x[TEXT];
    fill(x, TEXT, seed);
    for (int i = 0; i < TEXT; i++)
        text[i] = 499 + 100 * (int)(4 * x[i]);
}

// What the penalties leave of the logits, for place n of the text.
static void penalize(double *out, const float *logits, const SamplingParams *p,
                     const int *text, int n)
{
    for (int i = 0; i < V; i++) {
        int count = 0;
        bool ends = false;
        for (int k = 0; k < n; k++) {
            count += text[k] == i;
            ends = ends || (p->no_repeat_ngram == 2 && k > 0 && text[k] == i &&
                            text[k - 1] == text[n - 1]);
        }
        double x = (double)logits[i];
        if (count > 0) {
            x -= (double)p->presence + (double)p->frequency * count;
            x = x > 0 ? x / (double)p->repetition : x * (double)p->repetition;
        }
        out[i] = ends ? (double)-INFINITY : x;
    }
}

// As in penalize, by numbers of exp(logit / T): which are kept, and what they sum to.
typedef struct {
    double logit[V], kept[V], total;
    int order[V];  // by probability, of equal ones the lower id first
} Definition;

static Definition *sorted;

static int by_probability(const void *a, const void *b)
{
    int i = *(const int *)a, j = *(const int *)b;
    double x = sorted->logit[i], y = sorted->logit[j];
    return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

static void define(Definition *d, const float *logits, const SamplingParams *p,
                   const int *text, int n)
{
    double all = 0, mass = 0, max,
           divisor = p->temperature > 0 ? (double)p->temperature : 1;
    penalize(d->logit, logits, p, text, n);
    for (int i = 0; i < V; i++)
        d->order[i] = i;
    sorted = d;
    qsort(d->order, V, sizeof *d->order, by_probability);
    max = d->logit[d->order[0]];
    d->total = 0;
    int k = p->temperature == 0 ? 1 : p->top_k ? p->top_k : V;
    for (int i = 0; i < V; i++)
        d->logit[i] = (d->logit[i] - max) / divisor;
    for (int i = 0; i < k; i++)
        all += exp(d->logit[d->order[i]]);
    for (int i = 0; i < V; i++) {
        double e = exp(d->logit[d->order[i]]);
        bool keep = i < k && mass < (double)p->top_p * all && e >= (double)p->min_p;
        mass += e;
        d->total += d->kept[d->order[i]] = keep ? e : 0;
    }
}

// The token that the definition draws for place `index`.
static int define_next(const Definition *d, const SamplingParams *p, int sample,
                       int index)
{
    RandomKey key = { p->seed, (uint32_t)sample, (uint32_t)index, RANDOM_SAMPLE };
    double u = (double)random_uniform(random_four(key, 0).v[0]) * d->total, best = 0;
    int id = -1;
    for (int i = 0; i < V && p->kind == GUMBEL; i++) {
        RandomFour four = random_four(key, (uint32_t)i / 4);
        double value = d->logit[i] + (double)random_gumbel(four.v[i % 4]);
        if (d->kept[i] > 0 && (id < 0 || value > best)) {
            best = value;
            id = i;
        }
    }
    for (int i = 0; i < V && p->kind == SORT && u >= 0; i++) {
        id = d->order[i];
        u -= d->kept[id];
    }
    return id;
}

static const SamplingParams *settings(void)
{
    static SamplingParams p[8];
    for (int i = 0; i < 7; i++)
        p[i] = plain;
    p[0].kind = GUMBEL;
    p[1].temperature = 0, p[1].repetition = 1.7f;
    p[2].top_k = 300, p[2].top_p = 0.8f, p[2].frequency = 0.3f;
    p[3].temperature = 0.7f, p[3].min_p = 0.01f, p[3].no_repeat_ngram = 2;
    p[4].kind = SORT, p[4].top_p = 0.9f, p[4].presence = 2, p[4].no_repeat_ngram = 2;
    p[5].kind = SORT, p[5].temperature = 1.3f, p[5].top_k = 7;
    p[6].repetition = 1.3f, p[6].frequency = -0.5f, p[6].no_repeat_ngram = 2;
    return p;
}
enum { SETTINGS = 7 };

Test(kernels, distributions)
{
    float logits[V], want[V];
    int text[TEXT];
    Definition *d = malloc(sizeof *d);
    fill_logits(logits, 1);
    fill_text(text, 2);
    float *device = to_device(logits, sizeof logits),
          *probs = to_device(logits, sizeof logits);
    for (int k = 0; k < SETTINGS; k++) {
        const SamplingParams *p = &settings()[k];
        char what[40];
        Sampler sp;
        snprintf(what, sizeof what, "probs of settings %d", k);
        sampler_init(&sp, p, V, TEXT, 0);
        sampler_text(&sp, 0, text, TEXT);
        define(d, logits, p, text, TEXT);
        for (int i = 0; i < V; i++)
            want[i] = (float)(d->kept[i] / d->total);
        sampling_probs(&sp, device, TEXT, probs);
        expect_close_there("kernel", what, probs, want, V, TOLERANCE_MATMUL);
        sampler_free(&sp);
    }
    device_free(device), device_free(probs), free(d);
}

// Several rows at once, of two texts.
static void draw_rows(const Sampler *sp, const int *who, const float *logits,
                      const int *index, int *next)
{
    size_t bytes = ROWS * sizeof(int);
    float *device = to_device(logits, ROWS * V * sizeof *logits);
    int *places = to_device(index, bytes), *tokens = to_device(index, bytes);
#if __has_include("scheduler.h")
    int *texts = to_device(who, bytes);
    sampling_next(sp, 2, texts, device, places, tokens, ROWS);
    device_free(texts);
#else
    for (int i = 0; i < ROWS; i++)
        sampling_next(&sp[who[i]], device + i * V, places + i, tokens + i);
#endif
    device_download(next, tokens, bytes);
    device_free(device), device_free(places), device_free(tokens);
}

Test(kernels, tokens)
{
    static float logits[ROWS * V];
    int texts[2][TEXT], who[ROWS] = { 0, 1, 0, 0, 1 },
                        index[ROWS] = { 40, 51, 41, 42, 52 };
    Definition *d = malloc(sizeof *d);
    for (int i = 0; i < ROWS; i++)
        fill_logits(logits + i * V, (unsigned)(10 + i));
    fill_text(texts[0], 2);
    fill_text(texts[1], 3);
    for (int k = 0; k < SETTINGS; k++) {
        const SamplingParams *p = &settings()[k];
        int next[ROWS];
        Sampler sp[2];
        for (int i = 0; i < 2; i++) {
            sampler_init(&sp[i], p, V, TEXT, 3 * i);
            sampler_text(&sp[i], 0, texts[i], TEXT);
        }
        draw_rows(sp, who, logits, index, next);
        for (int i = 0; i < ROWS; i++) {
            define(d, logits + i * V, p, texts[who[i]], index[i]);
            int want = define_next(d, p, 3 * who[i], index[i]);
            cr_expect(next[i] == want, "settings %d, row %d: token %d, should be %d", k,
                      i, next[i], want);
        }
        sampler_free(&sp[0]), sampler_free(&sp[1]);
    }
    free(d);
}
