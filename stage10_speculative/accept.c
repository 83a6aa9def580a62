// Acceptance by rejection; see accept.h.  Chapter 10.
#include "accept.h"
#include <string.h>

int accept_residual(const float *p, const float *q, int V, float u)
{
    double total = 0, sum = 0;
    int last = 0;
    for (int i = 0; i < V; i++)
        total += p[i] > (q ? q[i] : 0) ? (double)p[i] - (double)(q ? q[i] : 0) : 0;
    if (!(total > 0))
        return q ? accept_residual(p, NULL, V, u) : 0;
    for (int i = 0; i < V; i++)
        if (p[i] > (q ? q[i] : 0)) {
            sum += (double)p[i] - (double)(q ? q[i] : 0);
            last = i;
            if (sum > (double)u * total)
                return i;
        }
    return last;
}

static float uniform(RandomKey key, int i, RandomPurpose purpose)
{
    key.position += (uint32_t)i;
    key.purpose = purpose;
    return random_uniform(random_four(key, 0).v[0]);
}

void accept_test(const float *p, const float *q, const int *proposed, int n, int V,
                 RandomKey key, int *kept, int *next)
{
    int i = 0;
    for (; i < n; i++, p += V, q += V) {
        int x = proposed[i];
        if (!(uniform(key, i, RANDOM_ACCEPT) * q[x] < p[x]))
            break;
    }
    *kept = i;
    *next = accept_residual(p, i < n ? q : NULL, V, uniform(key, i, RANDOM_RESIDUAL));
}

void accept_certain(float *probs, int V, int id)
{
    memset(probs, 0, (size_t)V * sizeof *probs);
    probs[id] = 1;
}
