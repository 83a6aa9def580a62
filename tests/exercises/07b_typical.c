// 07b: SamplingParams.typical, by the definition, in double precision.
#include "sampling.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { V = 40 };

// Of what top-k leaves: the nearest to the entropy first, until they have p.
static void define(double *probs, const float *logits, double p, int top_k)
{
    double total = 0, entropy = 0, sum = 0;
    bool taken[V] = { false };
    for (int i = 0; i < V; i++) {
        int before = 0;
        for (int j = 0; j < V; j++)
            before += logits[j] > logits[i] || (logits[j] == logits[i] && j < i);
        probs[i] = top_k && before >= top_k ? 0 : exp((double)logits[i]);
        total += probs[i];
    }
    for (int i = 0; i < V; i++) {
        probs[i] /= total;
        entropy -= probs[i] > 0 ? probs[i] * log(probs[i]) : 0;
    }
    while (sum < p) {
        int next = -1;
        for (int i = 0; i < V; i++)
            if (!taken[i] && probs[i] > 0 &&
                (next < 0 ||
                 fabs(-log(probs[i]) - entropy) < fabs(-log(probs[next]) - entropy)))
                next = i;
        if (next < 0)
            break;
        taken[next] = true;
        sum += probs[next];
    }
    for (int i = 0; i < V; i++)
        probs[i] = taken[i] ? probs[i] / sum : 0;
}

static int check(const float *logits, float typical, int top_k)
{
    SamplingParams p = {
        .temperature = 1, .top_p = 1, .repetition = 1, .top_k = top_k, .typical = typical
    };
    double wanted[V];
    float found[V];
    Sampler sp;
    sampler_init(&sp, &p, V, 1, 0);
    sampling_probs(&sp, logits, 0, found);
    sampler_free(&sp);
    define(wanted, logits, typical < 1 ? (double)typical : 2, top_k);
    for (int i = 0; i < V; i++)
        if (!(fabs((double)found[i] - wanted[i]) <= 1e-5)) {
            fprintf(stderr, "typical %g, top-k %d: token %d has %g, not %g\n",
                    (double)typical, top_k, i, (double)found[i], wanted[i]);
            return 1;
        }
    return 0;
}

int main(void)
{
    int failed = 0;
    for (int round = 0; round < 20 && !failed; round++) {
        float logits[V];
        for (int i = 0; i < V; i++)
            logits[i] = (float)(round + 1) * 0.4f * sinf((float)(i * i + 17 * round));
        for (int k = 0; k <= 24 && !failed; k += 12)
            failed = check(logits, 0.13f, k) || check(logits, 0.5f, k) ||
                     check(logits, 0.93f, k) || check(logits, 1, k);
    }
    return failed;
}
