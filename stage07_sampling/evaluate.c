// Perplexity and the logit lens.  Chapter 6.
#include "evaluate.h"
#include "device.h"
#include "memory.h"
#include "vec.h"
#include <math.h>
#include <stdlib.h>

double evaluate_surprise(float *logits, int V, int id)
{
    double max = vec_max(logits, V), logit = logits[id];
    return max + log(vec_exp_sum(logits, (float)max, V)) - logit;
}

// The sum of surprises at rows from .. T - 2 of a pass; row t predicts the token of row t
// + 1.  The head is applied to as many rows at once as the state has room for logits.
static double surprises(const Model *m, State *s, int from, float *host)
{
    size_t V = (size_t)s->config.V;
    double sum = 0;
    for (int t = from; t < s->T - 1; t += s->W) {
        s->W = 0;
        while (s->W < s->max_wanted && t + s->W < s->T - 1)
            state_want(s, t + s->W);
        state_upload(s);
        #pragma omp parallel
        model_head(m, s);
        device_download(host, s->logits, (size_t)s->W * V * sizeof *host);
        for (int i = 0; i < s->W; i++)
            sum += evaluate_surprise(host + (size_t)i * V, (int)V, s->row_ids[t + i + 1]);
    }
    return sum;
}

Perplexity evaluate_perplexity(const Model *m, State *s, const int *ids, int n,
                               int stride)
{
    float *host =
        memory_alloc((size_t)s->max_wanted * (size_t)s->config.V, sizeof *host, "logits");
    double sum = 0;
    int done = 1;  // the first token is not predicted by anything
    for (int next = 0; done < n; next += stride) {
        // The last token that was predicted is the first that predicts.
        int begin = next < done ? next : done - 1;
        int end = begin + s->config.T < n ? begin + s->config.T : n;
        state_text(s, ids + begin, end - begin);
        state_upload(s);
        model_forward(m, s);
        sum += surprises(m, s, done - 1 - begin, host);
        done = end;
    }
    free(host);
    return (Perplexity){ sum / (n - 1), exp(sum / (n - 1)), n - 1 };
}

void evaluate_lens(const Model *m, State *s,
                   void (*see)(void *to, int l, const float *logits), void *to)
{
    size_t bytes = (size_t)s->config.V * sizeof(float);
    float *host = memory_alloc(bytes, 1, "logits");
    #pragma omp parallel
    embeddings_forward(&m->embeddings, s);
    for (int l = 0;; l++) {
        #pragma omp parallel
        model_head(m, s);
        device_download(host, s->logits, bytes);
        see(to, l, host);
        if (l == m->config.L)
            break;
        #pragma omp parallel
        block_forward(&m->blocks[l], s);
    }
    free(host);
}
