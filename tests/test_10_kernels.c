// Stage 10: acceptance over a vocabulary of several tiles, against its definition.
#include "accept.h"
#include "kernels.h"

enum { V = 1000, N = 5 };

// Probabilities: numbers that sum to 1, a third of them 0.
static void fill_probs(float *p, unsigned seed)
{
    double sum = 0;
    fill(p, V, seed);
    for (int i = 0; i < V; i++)
        sum += (double)(p[i] = i % 3 == (int)seed % 3 ? 0 : p[i] * p[i]);
    for (int i = 0; i < V; i++)
        p[i] = (float)((double)p[i] / sum);
}

static double rest(const float *p, const float *q, int i)
{
    double r = (double)p[i] - (q ? (double)q[i] : 0);
    return r > 0 ? r : 0;
}

static int define_residual(const float *p, const float *q, float u)
{
    double total = 0, sum = 0;
    for (int i = 0; i < V; i++)
        total += rest(p, q, i);
    if (total == 0)
        return define_residual(p, NULL, u);
    for (int i = 0; i < V; i++)
        if ((sum += rest(p, q, i)) > (double)u * total)
            return i;
    return -1;
}

static float uniform(RandomKey key, int i, RandomPurpose purpose)
{
    key.position += (uint32_t)i;
    key.purpose = purpose;
    return random_uniform(random_four(key, 0).v[0]);
}

static int define_test(const float *p, const float *q, const int *x, RandomKey key,
                       int *next)
{
    int i = 0;
    while (i < N && uniform(key, i, RANDOM_ACCEPT) * q[i * V + x[i]] < p[i * V + x[i]])
        i++;
    *next = define_residual(p + i * V, i < N ? q + i * V : NULL,
                            uniform(key, i, RANDOM_RESIDUAL));
    return i;
}

// p - q; p alone; and p - p, of which nothing is left, so that p itself is drawn from.
Test(kernels, residual)
{
    float p[V], q[V];
    fill_probs(p, 1);
    fill_probs(q, 2);
    float *dp = to_device(p, sizeof p), *dq = to_device(q, sizeof q);
    for (int i = 0; i < 20; i++) {
        float u = ((float)i + 0.5f) / 20;
        int got = accept_residual(dp, dq, V, u), want = define_residual(p, q, u);
        int all = accept_residual(dp, NULL, V, u), rest_of_none;
        cr_expect(got == want, "p - q, u %g: token %d, should be %d", (double)u, got,
                  want);
        want = define_residual(p, NULL, u);
        cr_expect(all == want, "p, u %g: token %d, should be %d", (double)u, all, want);
        rest_of_none = accept_residual(dp, dp, V, u);
        cr_expect(rest_of_none == want, "p - p, u %g: token %d, should be %d", (double)u,
                  rest_of_none, want);
    }
    device_free(dp), device_free(dq);
}

Test(kernels, acceptance)
{
    static float p[(N + 1) * V], q[N * V];
    int x[N], seen = 0;
    for (int i = 0; i <= N; i++)
        fill_probs(p + i * V, (unsigned)(10 + i));
    for (int i = 0; i < N; i++)
        for (int k = 0; k < V; k++)  // near p, so that some stay
            q[i * V + k] = 0.8f * p[i * V + k] + 0.2f * p[(i + 1) * V + k];
    float *dp = to_device(p, sizeof p), *dq = to_device(q, sizeof q);
    for (unsigned seed = 0; seed < 20; seed++) {
        RandomKey key = { seed, 0, 7, 0 };
        int kept, next, want, want_next;
        for (int i = 0; i < N; i++)
            x[i] = define_residual(q + i * V, NULL, uniform(key, i, RANDOM_DRAFT));
        want = define_test(p, q, x, key, &want_next);
        accept_test(dp, dq, x, N, V, key, &kept, &next);
        cr_expect(kept == want && next == want_next,
                  "seed %u: %d stay, then token %d; should be %d, then %d", seed, kept,
                  next, want, want_next);
        seen |= 1 << kept;
    }
    cr_expect((seen & 1) && (seen & 1 << N), "the seeds try little");
    device_free(dp), device_free(dq);
}

Test(kernels, certainty)
{
    float want[V] = { 0 }, *probs = device_alloc(sizeof want, "probs");
    want[777] = 1;
    accept_certain(probs, V, 777);
    expect_close_there("kernel", "certain", probs, want, V, 0);
    device_free(probs);
}
