// Token and position embeddings: x[t] = wte[ids[t]] + wpe[pos[t]].  Chapter 3.
#include "embeddings.h"
#include "trace.h"

void embeddings_forward(const Embeddings *e, State *s)
{
    int C = s->config.C;
    if (!trace_op("embeddings", 12.0 * s->T * C, (double)s->T * C))
        return;
    #pragma omp for
    for (int t = 0; t < s->T; t++) {
        float *x = s->x + (size_t)t * C, position[C];
        matrix_row(x, &e->wte, s->ids[t]);
        matrix_row(position, &e->wpe, s->pos[t]);
        for (int i = 0; i < C; i++)
            x[i] += position[i];
    }
}
