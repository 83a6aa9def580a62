// 05b: mean and variance of numbers that come one by one.
#include "ops.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static unsigned state = 5;

static float draw(void)
{
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / 8388608.0f - 1;
}

// `n` numbers around `shift`.
static int check(int n, float shift, float width)
{
    Moments m = { 0 };
    float x[2000];
    double mean = 0, variance = 0;
    for (int i = 0; i < n; i++) {
        x[i] = shift + width * draw();
        moments_add(&m, x[i]);
        mean += (double)x[i] / n;
    }
    for (int i = 0; i < n; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / n;
    double off = fabs((double)moments_variance(&m) - variance);
    if (!(fabs((double)m.mean - mean) <= 3e-6 * (fabs(mean) + (double)width)) ||
        !(off <= 0.02 * variance)) {
        fprintf(stderr,
                "%d numbers around %g: wanted mean %.7g and variance %.6g, "
                "found %.7g and %.6g\n",
                n, (double)shift, mean, variance, (double)m.mean,
                (double)moments_variance(&m));
        return 1;
    }
    return 0;
}

int main(void)
{
    int wrong = 0;
    if (sizeof(Moments) > 16) {
        fprintf(stderr, "a Moments has %zu bytes; three numbers are enough\n",
                sizeof(Moments));
        return 1;
    }
    static const int counts[] = { 1, 2, 3, 320, 2000 };
    static const float shifts[] = { 0, 1, -30, 1000, -10000 };
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++) {
            wrong += check(counts[i], shifts[k], 1);
            wrong += check(counts[i], shifts[k], 3);
        }
    Moments m = { 0 };
    for (int i = 0; i < 4; i++)
        moments_add(&m, (float)(10000 + i));
    if (!(m.mean == 10001.5f) || !(moments_variance(&m) == 1.25f))
        wrong += fprintf(stderr,
                         "10000, 10001, 10002, 10003: wanted 10001.5 and 1.25, "
                         "found %.9g and %.9g\n",
                         (double)m.mean, (double)moments_variance(&m)) > 0;
    return wrong != 0;
}
