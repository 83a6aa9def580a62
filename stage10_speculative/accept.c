// Which proposals stay; see accept.h.  Chapter 10.
#include "accept.h"
#include "device.h"
#include "random.h"

// The model chose for itself at every row; proposals stay while they agree.
static int agree(const int *proposed, int n, const int *chosen)
{
    int kept = 0;
    while (kept < n && proposed[kept] == chosen[kept])
        kept++;
    return kept;
}

int accept_residual(const float *p, const float *q, int V, float u)
{
    double total = 0, sum = 0;
    int last = 0;
    for (int i = 0; i < V; i++)
        total += p[i] > (q ? q[i] : 0) ? (double)p[i] - (double)(q ? q[i] : 0) : 0;
    if (!(total > 0))
        return accept_residual(p, NULL, V, u);
    for (int i = 0; i < V; i++)
        if (p[i] > (q ? q[i] : 0)) {
            sum += (double)p[i] - (double)(q ? q[i] : 0);
            last = i;
            if (sum > (double)u * total)
                return i;
        }
    return last;
}

static float uniform(const Sampler *sp, int index, RandomPurpose purpose)
{
    RandomKey key = { sp->params.seed, (uint32_t)sp->sample, (uint32_t)index, purpose };
    return random_uniform(random_four(key, 0).v[0]);
}

// Tests the proposals of a text one after the other; `row` is the first of its rows.
static int reject(const Draft *d, const Sequence *q, const State *s, int row, int *next)
{
    size_t V = (size_t)s->config.V;
    const float *probs = d->probs + (size_t)(q->lane * d->options.gamma) * V;
    for (int kept = 0;; kept++, probs += V) {
        int index = q->n + kept, x = q->ids[index];
        bool tested = kept < q->n_draft;
        sampling_probs(q->sampler, s->logits + (size_t)(row + kept) * V, index,
                       d->target);
        if (tested && uniform(q->sampler, index, RANDOM_ACCEPT) * probs[x] < d->target[x])
            continue;
        *next = accept_residual(d->target, tested ? probs : NULL, (int)V,
                                uniform(q->sampler, index, RANDOM_RESIDUAL));
        return kept;
    }
}

void accept_round(const Draft *d, Scheduler *sc, const State *s)
{
    bool rejection = d && d->options.accept == REJECTION;
    for (int b = 0; b < sc->options.batch; b++)
        sc->next[b] = -1;
    if (!rejection) {
        sampling_next(sc->samplers, sc->options.batch, sc->who, s->logits, s->index,
                      s->next, s->W);
        device_download(sc->chosen, s->next, (size_t)s->W * sizeof *sc->chosen);
    }
    for (int row = 0, rows; row < s->W; row += rows) {
        int lane = sc->wanted[row];
        const Sequence *q = sc->lanes[lane];
        rows = q->n_draft + 1;
        if (rejection) {
            sc->kept[lane] = reject(d, q, s, row, &sc->next[lane]);
        } else {
            sc->kept[lane] = agree(q->ids + q->n, q->n_draft, sc->chosen + row);
            sc->next[lane] = sc->chosen[row + sc->kept[lane]];
        }
    }
}
