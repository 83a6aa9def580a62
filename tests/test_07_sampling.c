// Stage 07: the sampler's distribution and filters.
#include "reference.h"
#include "sampling.h"

enum { V = 12 };

// Twelve logits with two equal ones (ids 3 and 7).
static const float logits[V] = { 0.5f,  -1,   2,     1.5f, 0,  -3,
                                 0.25f, 1.5f, -0.5f, 1,    -2, 0.75f };

static const SamplingParams plain = {
    .temperature = 1, .top_p = 1, .repetition = 1, .seed = 42
};

static Sampler sampler(SamplingParams p)
{
    Sampler sp;
    sampler_init(&sp, &p, V, 64, 0);
    return sp;
}

// What the device is given and gives back.
static struct {
    float *logits, *probs;  // [V]
    int *who, *index, *next;
} there;

static void put(const float *from, int index)
{
    if (!there.logits) {
        there.logits = device_alloc(V * sizeof(float), "logits");
        there.probs = device_alloc(V * sizeof(float), "probabilities");
        there.who = device_alloc(sizeof(int), "who");  // 0
        there.index = device_alloc(sizeof(int), "index");
        there.next = device_alloc(sizeof(int), "next");
    }
    device_upload(there.logits, from, V * sizeof *from);
    device_upload(there.index, &index, sizeof index);
}

static int draw(const Sampler *sp, const float *from, int index)
{
    int next = -1;
    put(from, index);
#if __has_include("scheduler.h")
    sampling_next(sp, 1, there.who, there.logits, there.index, there.next, 1);
#else
    sampling_next(sp, there.logits, there.index, there.next);
#endif
    sampler_chosen(&next, there.next, 1);
    return next;
}

static void distribution(float *probs, const Sampler *sp, const float *from, int index)
{
    put(from, index);
    sampling_probs(sp, there.logits, index, there.probs);
    device_download(probs, there.probs, V * sizeof *probs);
}

// The distribution by its definition, in double precision, with nothing shared with sampling.c:
// a token is kept by top-k if fewer than k come before it, by top-p if those before it have less
// than p of what top-k left, by min-p if it has that part of the greatest.
static void define(double *probs, const SamplingParams *p)
{
    double e[V], kept[V], total = 0, sum = 0, max = 0;
    for (int i = 0; i < V; i++) {
        e[i] = exp((double)(logits[i] / p->temperature));
        max = e[i] > max ? e[i] : max;
    }
    for (int i = 0; i < V; i++) {
        int before = 0;
        for (int j = 0; j < V; j++)
            before += e[j] > e[i] || (e[j] == e[i] && j < i);
        kept[i] = p->top_k && before >= p->top_k ? 0 : e[i];
        total += kept[i];
    }
    for (int i = 0; i < V; i++) {
        double mass = 0;
        for (int j = 0; j < V; j++)
            if (kept[j] > kept[i] || (kept[j] == kept[i] && j < i))
                mass += kept[j] / total;
        probs[i] =
            mass < (double)p->top_p && e[i] >= (double)p->min_p * max ? kept[i] : 0;
        sum += probs[i];
    }
    for (int i = 0; i < V; i++)
        probs[i] /= sum;
}

// Pearson's chi-square.  The limit is the 99.99 % point for 11 degrees of freedom; the draws are
// keyed, so the test gives the same result every time.
static void check_distribution(SamplingParams p, int draws)
{
    static const char *const names[] = { "gumbel", "sort", "pivot" };
    Sampler sp = sampler(p);
    double probs[V], chi = 0;
    float ours[V];
    int count[V] = { 0 };
    char what[100];
    snprintf(what, sizeof what, "%s T %g k %d p %g min-p %g", names[p.kind],
             (double)p.temperature, p.top_k, (double)p.top_p, (double)p.min_p);
    define(probs, &p);
    distribution(ours, &sp, logits, 0);
    for (int i = 0; i < draws; i++) {
        sp.params.seed = (uint64_t)i;  // the text is empty: index 0 each time
        count[draw(&sp, logits, 0)]++;
    }
    for (int i = 0; i < V; i++) {
        cr_expect(fabs((double)ours[i] - probs[i]) < 1e-6, "%s: probs[%d] is %g, not %g",
                  what, i, (double)ours[i], probs[i]);
        if (probs[i] == 0)
            cr_expect(count[i] == 0, "%s: token %d was drawn", what, i);
        else if (draws > 0)
            chi += pow(count[i] - probs[i] * draws, 2) / (probs[i] * draws);
    }
    cr_expect(chi < 37.4, "%s: chi-square %g", what, chi);
    sampler_free(&sp);
}

static void check_sampler(int kind)
{
    float temperatures[] = { 0.5f, 1, 2 }, ps[] = { 1, 0.9f, 0.5f, 0.05f },
          least[] = { 0, 0.3f };
    int ks[] = { 0, 1, 3, 4, 100 };
    for (int i = 0; i < 3 * 5 * 4 * 2; i++) {
        SamplingParams p = plain;
        p.kind = kind;
        p.temperature = temperatures[i % 3];
        p.top_k = ks[i / 3 % 5];
        p.top_p = ps[i / 15 % 4];
        p.min_p = least[i / 60];
        // Emulated, the distribution of each setting, and draws of a few.
        check_distribution(p, fewer(20000, i % 40 == 1 ? 300 : 0));
    }
}

Test(sampling, gumbel_draws_from_the_distribution)
{
    check_sampler(GUMBEL);
}

Test(sampling, sort_draws_from_the_distribution)
{
    check_sampler(SORT);
}

Test(sampling, pivot_draws_from_the_distribution)
{
    check_sampler(PIVOT);
}

// Of 5,000 logits top-p sorts only as many as it needs; top-k selects.  Against a full sort.
Test(sampling, filters_of_a_large_vocabulary)
{
    enum { N = 5000 };
    static float many[N], want[N];
    fill(many, N, 7);
    for (int i = 0; i < N; i++)
        many[i] = many[i] * 3 + (float)(i % 7 == 0);  // spread; ties are unlikely
    float *from = to_device(many, sizeof many), *to = to_device(want, sizeof want);
    for (int k = 0; k <= 300; k += 100)
        for (int percent = 10; percent <= 100; percent += 30) {
            SamplingParams p = plain;
            p.top_k = k;
            p.top_p = (float)percent / 100;
            Sampler sp;
            sampler_init(&sp, &p, N, 1, 0);
            sampling_probs(&sp, from, 0, to);
            float *probs = from_device(to, sizeof want);
            double total = 0, kept = 0, mass = 0;
            for (int i = 0; i < N; i++) {
                int before = 0;
                for (int j = 0; k && j < N; j++)
                    before += many[j] > many[i];
                want[i] = k && before >= k ? 0 : expf(many[i]);
                total += (double)want[i];
                kept += probs[i] > 0;
            }
            // What is kept has at least p, and without its last token less than p.
            double least = 1;
            for (int i = 0; i < N; i++) {
                double share = (double)want[i] / total;
                cr_assert(probs[i] == 0 || want[i] > 0);
                mass += probs[i] > 0 ? share : 0;
                least = probs[i] > 0 && share < least ? share : least;
            }
            cr_expect(mass >= (double)p.top_p - 1e-5, "k %d p %d: mass %g", k, percent,
                      mass);
            cr_expect(percent == 100 || mass - least < (double)p.top_p,
                      "k %d p %d: mass %g without the last", k, percent, mass - least);
            cr_expect(percent < 100 || kept == (k ? k : N));
            free(probs);
            sampler_free(&sp);
        }
    device_free(from), device_free(to);
}

Test(sampling, greedy_takes_the_greatest)
{
    SamplingParams cold = plain, first = plain;
    cold.temperature = 0;
    first.top_k = 1;
    Sampler sp = sampler(cold), one = sampler(first);
    float equal[V] = { 0 };
    equal[5] = equal[9] = 1;  // of equal ones the lower id
    for (int i = 0; i < 60; i++) {
        cr_expect(draw(&sp, logits, i) == 2 && draw(&one, logits, i) == 2);
        cr_expect(draw(&sp, equal, i) == 5 && draw(&one, equal, i) == 5);
    }
    sampler_free(&sp);
    sampler_free(&one);
}

// The token that crosses p is kept (the trap of several programs).
Test(sampling, top_p_keeps_the_token_that_crosses)
{
    float two[V], probs[V];
    for (int i = 0; i < V; i++)
        two[i] = -100;
    two[4] = logf(0.6f);
    two[8] = logf(0.4f);
    SamplingParams p = plain;
    p.top_p = 0.7f;
    Sampler sp = sampler(p);
    distribution(probs, &sp, two, 0);
    cr_expect(fabsf(probs[4] - 0.6f) < 1e-5f && fabsf(probs[8] - 0.4f) < 1e-5f);
    sp.params.top_p = 0.5f;
    distribution(probs, &sp, two, 0);
    cr_expect(probs[4] == 1 && probs[8] == 0);
    sampler_free(&sp);
}

Test(sampling, top_k_is_exactly_k)
{
    float equal[V] = { 0 }, probs[V];
    SamplingParams p = plain;
    p.top_k = 3;
    for (p.kind = GUMBEL; p.kind <= PIVOT; p.kind++) {
        Sampler sp = sampler(p);
        distribution(probs, &sp, equal, 0);
        for (int i = 0; i < V; i++)
            cr_expect(i < 3 ? fabsf(probs[i] - 1.0f / 3) < 1e-6f : probs[i] == 0);
        for (int i = 0; i < 60; i++)
            cr_expect(draw(&sp, equal, i) < 3);
        sampler_free(&sp);
    }
}

// The noise belongs to (seed, sample, place, id): a filter that drops other tokens, or a call in
// between, changes nothing.
Test(sampling, a_function_not_a_state)
{
    SamplingParams without = plain;
    without.top_k = V - 1;
    Sampler a = sampler(plain), b = sampler(without), other = sampler(plain);
    other.sample = 1;
    int same = 0, changed = 0, n = fewer(500, 100);
    for (int i = 0; i < n; i++) {
        a.params.seed = b.params.seed = other.params.seed = (uint64_t)i;
        int first = draw(&a, logits, 3), filtered = draw(&b, logits, 3);
        cr_expect(first == draw(&a, logits, 3));
        cr_expect(first == 5 || first == filtered);  // id 5 is what top-k 11 drops
        same += first == filtered;
        changed += first != draw(&other, logits, 3);
    }
    cr_expect(same > n * 9 / 10 && changed > n * 2 / 5, "same %d, changed %d", same,
              changed);
    sampler_free(&a);
    sampler_free(&b);
    sampler_free(&other);
}

Test(sampling, a_nan_ends_the_program, .exit_code = 1)
{
    Sampler sp = sampler(plain);
    float bad[V] = { 0 };
    bad[3] = NAN;
    draw(&sp, bad, 0);
}

// Penalties act under greedy decoding too, and before the temperature.
Test(sampling, penalties_at_any_temperature)
{
    SamplingParams p = plain;
    p.temperature = 0;
    p.presence = 1;  // takes token 2 (2.0) below token 3 (1.5)
    Sampler sp = sampler(p);
    sampler_text(&sp, 0, (int[]){ 2 }, 1);
    cr_expect(draw(&sp, logits, 0) == 2 && draw(&sp, logits, 1) == 3);
    float probs[V];
    sp.params.temperature = 0.5f;
    distribution(probs, &sp, logits, 1);
    cr_expect(fabs(log((double)(probs[3] / probs[2])) - (1.5 - 1) / 0.5) < 1e-5);
    sampler_free(&sp);
}
