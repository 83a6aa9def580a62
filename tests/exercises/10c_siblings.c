// 10c: accept_siblings judges several proposals for one place.
#include "accept.h"
#include <math.h>
#include <stdio.h>

void accept_siblings(const float *p, const float *q, const int *proposed, int n, int V,
                     RandomKey key, float *left, int *kept, int *next);

enum { V = 6, TRIALS = 40000, N_MAX = 4 };

static int draw(const float *q, float u)
{
    double sum = 0;
    for (int i = 0; i < V; i++)
        if ((sum += (double)q[i]) > (double)u)
            return i;
    return V - 1;
}

// How often one of n proposals stays: each is kept with probability sum of min(left, q).
static double kept_share(const float *p, const float *q, int n)
{
    double left[V], refused = 1;
    for (int i = 0; i < V; i++)
        left[i] = (double)p[i];
    for (int k = 0; k < n; k++) {
        double keep = 0, total = 0;
        for (int i = 0; i < V; i++) {
            keep += fmin(left[i], (double)q[i]);
            left[i] = fmax(left[i] - (double)q[i], 0);
            total += left[i];
        }
        refused *= 1 - keep;
        for (int i = 0; i < V && total > 0; i++)
            left[i] /= total;
    }
    return fmin(fmax(1 - refused, 0), 1);
}

// 1 if a count is more than 5 standard deviations from what is expected.
static int far(const char *what, int count, double share)
{
    double wanted = TRIALS * share, allowed = 5 * sqrt(TRIALS * share * (1 - share)) + 1;
    if (fabs(count - wanted) <= allowed)
        return 0;
    fprintf(stderr, "%s: %d of %d, wanted %.0f and at most %.0f more or less\n", what,
            count, TRIALS, wanted, allowed);
    return 1;
}

static int check(const float *p, const float *q, int n)
{
    int count[V] = { 0 }, stayed = 0, wrong = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        RandomKey key = { .seed = (uint64_t)trial, .position = 9, .sample = (uint32_t)n };
        int proposed[N_MAX], kept = -2, next = -1;
        float left[V];
        for (int k = 0; k < n; k++) {
            RandomKey mine = key;
            mine.purpose = RANDOM_DRAFT;
            proposed[k] = draw(q, random_uniform(random_four(mine, (uint32_t)k).v[0]));
        }
        accept_siblings(p, q, proposed, n, V, key, left, &kept, &next);
        if (kept < -1 || kept >= n || next < 0 || next >= V ||
            (kept >= 0 && next != proposed[kept])) {
            fprintf(stderr, "kept %d of %d and next token %d do not go together\n", kept,
                    n, next);
            return 1;
        }
        stayed += kept >= 0;
        count[next]++;
    }
    for (int i = 0; i < V && !wrong; i++) {
        char what[64];
        snprintf(what, sizeof what, "%d proposals, token %d", n, i);
        wrong = far(what, count[i], (double)p[i]);
    }
    return wrong || far("a proposal stays", stayed, kept_share(p, q, n));
}

int main(void)
{
    static const float p[][V] = { { 0.50f, 0.30f, 0.15f, 0.05f, 0, 0 },
                                  { 0.05f, 0.05f, 0.10f, 0.20f, 0.25f, 0.35f },
                                  { 0, 0, 0, 0, 1, 0 } };
    static const float q[][V] = { { 0.20f, 0.60f, 0.10f, 0.10f, 0, 0 },
                                  { 0.30f, 0.20f, 0.10f, 0.10f, 0.20f, 0.10f },
                                  { 0.25f, 0.25f, 0, 0, 0.25f, 0.25f } };
    int wrong = 0;
    for (int i = 0; i < 3 && !wrong; i++)
        for (int n = 1; n <= N_MAX && !wrong; n++)
            wrong = check(p[i], q[i], n) || check(q[i], q[i], n);
    return wrong;
}
