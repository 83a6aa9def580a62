// Less of what the text has already.  Chapter 7.
#include "penalties.h"
#include <math.h>
#include <string.h>

static void count_text(int *counts, int V, const int *text, int n)
{
    memset(counts, 0, (size_t)V * sizeof *counts);
    for (int i = 0; i < n; i++)
        counts[text[i]]++;
}

// counts = 1 for each token that followed the text's last n - 1 tokens before; returns
// how many.
static int mark_ngrams(int *counts, int V, int ngram, const int *text, int n)
{
    int marked = 0, size = ngram - 1;
    const int *end = text + n - size;
    memset(counts, 0, (size_t)V * sizeof *counts);
    for (int i = 0; i + size < n; i++)
        if (memcmp(text + i, end, (size_t)size * sizeof *text) == 0) {
            marked += counts[text[i + size]] == 0;
            counts[text[i + size]] = 1;
        }
    return marked;
}

void penalties_apply(float *logits, int *counts, int V, const SamplingParams *p,
                     const int *text, int n)
{
    if (p->presence != 0 || p->frequency != 0 || p->repetition != 1) {
        count_text(counts, V, text, n);
        for (int i = 0; i < V; i++) {
            if (counts[i] == 0)
                continue;
            logits[i] -= p->presence + p->frequency * (float)counts[i];
            logits[i] =
                logits[i] > 0 ? logits[i] / p->repetition : logits[i] * p->repetition;
        }
    }
    if (p->no_repeat_ngram > 0 && p->no_repeat_ngram <= n &&
        mark_ngrams(counts, V, p->no_repeat_ngram, text, n) < V)
        for (int i = 0; i < V; i++)
            if (counts[i])
                logits[i] = -INFINITY;
}
