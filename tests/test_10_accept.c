// Stage 10: which proposals stay.
#include "rig.h"

// How many of 1,000 evenly spread uniform numbers draw each token.
static void check_residual(const float *from, const float *minus, const int *want)
{
    int count[4] = { 0 };
    float *p = to_device(from, 4 * sizeof *p);
    float *q = minus ? to_device(minus, 4 * sizeof *q) : NULL;
    for (int i = 0; i < 1000; i++)
        count[accept_residual(p, q, 4, ((float)i + 0.5f) / 1000)]++;
    for (int i = 0; i < 4; i++)
        cr_expect(abs(count[i] - want[i]) <= 1, "token %d: %d", i, count[i]);
    int first = accept_residual(p, q, 4, 0x1p-24f),
        last = accept_residual(p, q, 4, 1 - 0x1p-24f);
    cr_expect(want[first] > 0 && want[last] > 0, "%d, %d", first, last);
    device_free(p), device_free(q);
}

Test(residual, by_hand)
{
    float p[] = { 0.1f, 0.4f, 0.3f, 0.2f }, q[] = { 0.4f, 0.2f, 0.2f, 0.2f },
          more[] = { 0.1000001f, 0.4000001f, 0.3000001f, 0.2000001f },
          left[] = { 0.25f, 0.75f, 0, 0 }, right[] = { 0, 0, 0.5f, 0.5f },
          none[] = { 0, 0, 0, 0 };
    check_residual(p, q, (int[]){ 0, 667, 333, 0 });
    check_residual(q, p, (int[]){ 1000, 0, 0, 0 });
    check_residual(left, right, (int[]){ 250, 750, 0, 0 });
    check_residual(right, left, (int[]){ 0, 0, 500, 500 });
    check_residual(p, NULL, (int[]){ 100, 400, 300, 200 });
    check_residual(p, p, (int[]){ 100, 400, 300, 200 });  // nothing is left: all of p
    check_residual(p, more, (int[]){ 100, 400, 300, 200 });
    float *nothing = to_device(none, sizeof none);
    cr_expect(accept_residual(nothing, nothing, 4, 0.5f) < 4);
    device_free(nothing);
}

// Damaged weights.
Test(residual, of_no_numbers_ends_the_program, .exit_code = 1)
{
    float logits[V] = { 0, 1, NAN };
    Sampler sp;
    SamplingParams p = { .temperature = 1, .top_p = 1, .repetition = 1 };
    sampler_init(&sp, &p, V, 1, 0);
    float *there = to_device(logits, sizeof logits), *probs = to_device(logits, V * 4);
    sampling_probs(&sp, there, 0, probs);
    accept_residual(probs, NULL, V, 0.5f);
}

// More tokens than a block has threads, so that each thread has a stretch of them.
Test(residual, of_a_large_vocabulary)
{
    enum { N = 1000 };
    static float p[N], q[N];
    double total = 0, sum = 0;
    fill(p, N, 1);
    fill(q, N, 2);
    for (int i = 0; i < N; i++) {
        p[i] = fabsf(p[i]) / 500;
        q[i] = fabsf(q[i]) / 500;
        total += p[i] > q[i] ? (double)p[i] - (double)q[i] : 0;
    }
    float *P = to_device(p, sizeof p), *Q = to_device(q, sizeof q);
    for (int i = 0; i < N; i++) {
        if (p[i] <= q[i])
            continue;
        double part = (double)p[i] - (double)q[i];
        int got = accept_residual(P, Q, N, (float)((sum + part / 2) / total));
        cr_expect(got == i, "%d is drawn, not %d", got, i);
        sum += part;
    }
    device_free(P), device_free(Q);
}

typedef struct {
    double sum, expected;  // chi-square; of cells too small to count alone, together
    long rest;
    int cells;
} Chi;

static void chi_add(Chi *chi, long count, double expected, const char *what)
{
    if (expected == 0) {
        cr_assert(count == 0, "%s: a token that has no probability", what);
    } else if (expected < 8) {
        chi->rest += count;
        chi->expected += expected;
    } else {
        chi->sum += pow((double)count - expected, 2) / expected;
        chi->cells++;
    }
}

// The 99.997 % point by Wilson and Hilferty; the draws are keyed, so the result is the same each
// time.
static void chi_check(const Chi *chi, int sums, const char *what)
{
    double sum = chi->sum, cells = chi->cells - sums;
    if (chi->expected >= 8) {
        sum += pow((double)chi->rest - chi->expected, 2) / chi->expected;
        cells++;
    }
    cells = cells > 1 ? cells : 1;
    double limit = cells * pow(1 - 2 / (9 * cells) + 4 * sqrt(2 / (9 * cells)), 3);
    cr_expect(sum < limit, "%s: chi-square %.1f, limit %.1f", what, sum, limit);
}

static void check_joint(const Rig *r, float p[V][V], const char *what)
{
    Chi chi = { 0 };
    for (int i = 0; i < JOINT; i++)
        chi_add(&chi, r->joint[i],
                (double)r->texts * (double)p[0][i / V / V] *
                    (double)p[i / V / V][i / V % V] * (double)p[i / V % V][i % V],
                what);
    chi_check(&chi, 1, what);
}

// What follows each token, apart for each place of a round.
static void check_places(const Rig *r, float p[V][V], const char *what)
{
    for (int k = 0; k <= r->d.options.gamma; k++) {
        Chi chi = { 0 };
        int sums = 0;
        for (int i = 0; i < V; i++) {
            long n = 0;
            for (int j = 0; j < V; j++)
                n += r->count[k][i][j];
            for (int j = 0; j < V; j++)
                chi_add(&chi, r->count[k][i][j], (double)n * (double)p[i][j], what);
            sums += n > 0;
        }
        chi_check(&chi, sums, what);
    }
}

// Of n trials k came true: is the chance at least `low` and at most `high`?
static void check_rate(long k, long n, double low, double high, const char *what)
{
    double below = 4.5 * sqrt((double)n * low * (1 - low)) + 1e-4 * (low < 1),
           above = 4.5 * sqrt((double)n * high * (1 - high)) + 1e-4 * (high > 0);
    cr_expect((double)k >= (double)n * low - below - 1e-6 * (double)n &&
                  (double)k <= (double)n * high + above + 1e-6 * (double)n,
              "%s: %ld of %ld accepted, expected %.4f to %.4f", what, k, n, low, high);
}

static const SamplingParams settings[] = {
    { .temperature = 1, .top_p = 1, .repetition = 1 },
    { .temperature = 0.7f, .top_p = 1, .top_k = 4, .repetition = 1 },
    { .temperature = 1.4f, .top_p = 0.8f, .repetition = 1 },
    { .temperature = 0.9f, .top_p = 0.95f, .top_k = 5, .min_p = 0.1f, .repetition = 1 },
};

// 1 - TV.
static double overlap(const float *p, const float *q)
{
    double sum = 0;
    for (int i = 0; i < V; i++)
        sum += (double)(p[i] < q[i] ? p[i] : q[i]);
    return sum;
}

static void exact(Rig *r, float p[V][V], float q[V][V])
{
    for (int i = 0; i < V; i++) {
        sampling_probs(r->sc.samplers, r->model[0] + i * V, 0, r->d.probs);
        device_download(p[i], r->d.probs, V * sizeof *p[i]);
        sampling_probs(r->sc.samplers, r->model[1] + i * V, 0, r->d.probs);
        device_download(q[i], r->d.probs, V * sizeof *q[i]);
    }
}

// 2,000 texts of 15 tokens with each of the settings: 120,000 draws.  Emulated: fewer, with the setting
// that has all filters, and with the one that has none.
static void check_rejection(int gamma, bool good)
{
    int texts = fewer(2000, good ? 60 : 12);
    for (int i = fewer(0, good ? 0 : 3), last = fewer(3, i); i <= last; i++) {
        Rig *r = rig_open(settings[i], gamma, REJECTION, good);
        float p[V][V], q[V][V];
        char what[100];
        snprintf(what, sizeof what, "gamma %d, %s draft, settings %d", gamma,
                 good ? "good" : "bad", i);
        exact(r, p, q);
        while (r->texts < texts)
            rig_write(r);
        check_joint(r, p, what);
        check_places(r, p, what);
        for (int j = 0; j < V; j++)
            check_rate(r->kept[j], r->tested[j], overlap(p[j], q[j]), overlap(p[j], q[j]),
                       what);
        rig_close(r);
    }
}

Test(rejection, draws_from_the_target)
{
    for (int gamma = 1; gamma <= GAMMA; gamma += fewer(1, 2)) {
        check_rejection(gamma, true);
        check_rejection(gamma, false);
    }
}

// The text of plain sampling, and agreement at least as often as is promised: (1 - TV) / (1 + TV)
// by Gumbel noise; 1 - TV is the most that any coupling has.
static void check_coupled(SamplingParams p, int gamma, bool good)
{
    Rig *r = rig_open(p, gamma, COUPLED, good);
    float target[V][V], draft[V][V];
    exact(r, target, draft);
    while (r->texts < fewer(1000, 8)) {
        rig_write(r);
        for (int b = 0; b < LANES; b++)
            for (int i = 1; i < r->q[b].max; i++) {
                int x = rig_draw(r, b, r->model[0] + r->q[b].ids[i - 1] * V, i);
                cr_assert(x == r->q[b].ids[i], "gamma %d: text %ld, token %d", gamma,
                          r->texts + b, i);
            }
    }
    for (int i = 0; i < V && p.kind == GUMBEL && p.repetition == 1; i++) {
        double same = overlap(target[i], draft[i]);
        check_rate(r->kept[i], r->tested[i], same / (2 - same), same, "coupled");
    }
    rig_close(r);
}

Test(coupled, writes_what_plain_sampling_writes)
{
    for (int i = 0; i < 4 * 3 * GAMMA * 2; i += fewer(1, 17)) {
        SamplingParams p = settings[i % 4];
        p.kind = i / 4 % 3;
        check_coupled(p, 1 + i / 12 % GAMMA, i / 60);
    }
    SamplingParams p = settings[0];
    p.repetition = 1.5f;
    p.no_repeat_ngram = 3;
    check_coupled(p, 4, true);
    p = (SamplingParams){ .top_p = 1, .repetition = 1 };  // greedy
    check_coupled(p, 3, true);
}
