// 04b: attention_merge joins two parts of a softmax mix.
#include "attention.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void attention_merge(float *max, float *sum, float *out, float max2, float sum2,
                     const float *out2, int HS);

enum { KEYS = 24, HS = 5, PARTS = 4 };

// What attend_fused has at the end of some keys, before its division.
typedef struct {
    float max, sum, out[HS];
} Part;

static float draw(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 16777216.0f * 2 - 1;
}

static Part part_of(const float *scores, float values[][HS], int begin, int end)
{
    Part p = { -INFINITY, 0, { 0 } };
    for (int j = begin; j < end; j++)
        p.max = fmaxf(p.max, scores[j]);
    for (int j = begin; j < end; j++) {
        float power = expf(scores[j] - p.max);
        p.sum += power;
        for (int i = 0; i < HS; i++)
            p.out[i] += power * values[j][i];
    }
    return p;
}

static int check(const char *what, const Part *p, const float *scores, float values[][HS],
                 int keys)
{
    double max = -INFINITY, sum = 0;
    for (int j = 0; j < keys; j++)
        max = fmax(max, (double)scores[j]);
    for (int j = 0; j < keys; j++)
        sum += exp((double)scores[j] - max);
    if (!(p->max == (float)max) || !(fabs((double)p->sum - sum) <= 1e-5 * sum)) {
        fprintf(stderr, "%s: wanted max %g and sum %g, found %g and %g\n", what, max, sum,
                (double)p->max, (double)p->sum);
        return 1;
    }
    for (int i = 0; i < HS; i++) {
        double want = 0;
        for (int j = 0; j < keys; j++)
            want += exp((double)scores[j] - max) * (double)values[j][i];
        if (!(fabs((double)p->out[i] - want) <= 1e-5 * sum)) {
            fprintf(stderr, "%s: out[%d]: wanted %g, found %g\n", what, i, want,
                    (double)p->out[i]);
            return 1;
        }
    }
    return 0;
}

// Keys in parts of random lengths, some of them empty; joined two by two in random order.
static int round_of(unsigned *state, float scale, float shift)
{
    float scores[KEYS], values[KEYS][HS];
    for (int j = 0; j < KEYS; j++) {
        scores[j] = draw(state) * scale + shift;
        for (int i = 0; i < HS; i++)
            values[j][i] = draw(state);
    }
    int cut[PARTS + 1] = { 0 };
    for (int i = 1; i < PARTS; i++) {
        cut[i] = cut[i - 1] + (int)(fabsf(draw(state)) * 12);
        cut[i] = cut[i] < KEYS ? cut[i] : KEYS;
    }
    cut[PARTS] = KEYS;
    Part parts[PARTS];
    for (int i = 0; i < PARTS; i++)
        parts[i] = part_of(scores, values, cut[i], cut[i + 1]);
    for (int n = PARTS; n > 1; n--) {
        int a = (int)(fabsf(draw(state)) * 100) % n, b = (a + 1) % n;
        Part before = parts[b];
        attention_merge(&parts[a].max, &parts[a].sum, parts[a].out, parts[b].max,
                        parts[b].sum, parts[b].out, HS);
        if (memcmp(&before, &parts[b], sizeof before) != 0)
            return fprintf(stderr, "the second part was changed\n") > 0;
        parts[b] = parts[n - 1];
    }
    return check("joined", &parts[0], scores, values, KEYS);
}

int main(void)
{
    unsigned state = 4;
    int wrong = 0;
    for (int i = 0; i < 300 && !wrong; i++)
        wrong = round_of(&state,
                         i % 3 == 0   ? 1
                         : i % 3 == 1 ? 30
                                      : 1000,
                         i % 2 ? 0 : -5000);
    Part a = { -INFINITY, 0, { 0 } }, b = a;  // no keys and no keys are no keys
    attention_merge(&a.max, &a.sum, a.out, b.max, b.sum, b.out, HS);
    if (!(a.max == -INFINITY) || !(a.sum == 0) || !(a.out[0] == 0))
        wrong = fprintf(stderr,
                        "two empty parts: wanted max -inf, sum 0, out 0; found "
                        "%g, %g, %g\n",
                        (double)a.max, (double)a.sum, (double)a.out[0]);
    return wrong != 0;
}
