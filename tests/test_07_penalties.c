// Stage 07: the penalties by themselves; test_07_sampling.c: in the sampler.
#include "penalties.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { V = 12 };

static const SamplingParams plain = { .temperature = 1, .top_p = 1, .repetition = 1 };

// Token 2 twice in the text, token 5 once.
Test(penalties, by_hand)
{
    SamplingParams p = plain;
    int text[] = { 2, 5, 2 }, counts[V];
    float logits[V] = { 0.5f, -1, 2, 1.5f, 0, -3, 0.25f, 1.5f, -0.5f, 1, -2, 0.75f };
    float x[V];
    p.presence = 0.25f;
    p.frequency = 0.5f;
    p.repetition = 2;
    memcpy(x, logits, sizeof x);
    penalties_apply(x, counts, V, &p, text, 3);
    for (int i = 0; i < V; i++)
        cr_expect(x[i] == (i == 2   ? (2 - 0.25f - 1) / 2
                           : i == 5 ? (-3 - 0.25f - 0.5f) * 2
                                    : logits[i]),
                  "x[%d] is %g", i, (double)x[i]);
}

// The rule itself: would the last n - 1 tokens and this one be in the text already?
static bool repeats(const int *text, int n, int ngram, int next)
{
    for (int i = 0; i + ngram <= n; i++) {
        bool equal = text[i + ngram - 1] == next;
        for (int k = 0; k < ngram - 1; k++)
            equal = equal && text[i + k] == text[n - ngram + 1 + k];
        if (equal)
            return true;
    }
    return false;
}

Test(penalties, no_ngram_twice)
{
    unsigned seed = 1;
    SamplingParams p = plain;
    for (int round = 0; round < 300; round++) {
        int text[20], counts[V], n = round % 21;
        float x[V] = { 0 };
        for (int i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = (int)(seed >> 16) % 3;  // few tokens: many repetitions
        }
        p.no_repeat_ngram = 1 + round % 4;
        penalties_apply(x, counts, V, &p, text, n);
        for (int i = 0; i < V; i++)
            cr_expect((x[i] == -INFINITY) == repeats(text, n, p.no_repeat_ngram, i));
    }
}

Test(penalties, if_all_is_forbidden_nothing_is)
{
    SamplingParams p = plain;
    int text[V], counts[V];
    float x[V] = { 0 };
    for (int i = 0; i < V; i++)
        text[i] = i;
    p.no_repeat_ngram = 1;
    penalties_apply(x, counts, V, &p, text, V);
    for (int i = 0; i < V; i++)
        cr_expect(x[i] == 0);
}
