// Two half-batches; see overlap.h.  Chapter 10.
#include "overlap.h"
#include "device.h"
#include "memory.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    KVCache cache;
    State state;
    Draft draft;
    Scheduler sc;
} Half;

void overlap_options(Args *a, bool *overlap)
{
    args_flag(a, "overlap", 0, overlap,
              "two half-batches: one drafts while the other verifies (CUDA streams)");
}

// Samples share keys with the first one of their prompt, their leader.  If that is in the
// other half, the first one here takes its place.
static void lead(Sequence *q, int n)
{
    const Sequence *old = NULL, *new = NULL;
    for (int i = 0; i < n; i++) {
        if (!q[i].leader || q[i].leader >= q)
            continue;
        if (q[i].leader != old) {
            old = q[i].leader;
            new = &q[i];
        }
        q[i].leader = new == &q[i] ? NULL : new;
    }
}

static void half_open(Half *h, const State *s, const Scheduler *sc, const Draft *d,
                      int batch, Sequence *q, int n)
{
    SchedulerOptions o = sc->options;
    KVOptions kv = s->cache->options;
    int longest = 1;
    for (int i = 0; i < n; i++)
        longest = q[i].max > longest ? q[i].max : longest;
    o.batch = batch;
    int rows = scheduler_max_rows(&o);
    int least = (longest < s->config.T ? longest : s->config.T) / KV_CHUNK + 1;
    if (kv.pages > 0)
        kv.pages = kv.pages / 2 > least ? kv.pages / 2 : least;
    lead(q, n);
    kvcache_init(&h->cache, &kv, &s->config, rows, batch, longest);
    state_init(&h->state, &s->config, &h->cache, rows, scheduler_max_wanted(&o));
    h->state.graphs = s->graphs ? device_graphs_new() : NULL;
    draft_twin(&h->draft, d, &h->state, &o, longest);
    scheduler_init(&h->sc, &o, q, n, &s->config);
}

static void half_close(Half *h, Scheduler *sum)
{
    sum->steps += h->sc.steps;
    sum->preempted += h->sc.preempted;
    sum->row_sum += h->sc.row_sum;
    sum->pad_sum += h->sc.pad_sum;
    for (int i = 0; i < 3; i++)
        sum->seconds[i] += h->sc.seconds[i];
    scheduler_free(&h->sc);
    draft_close(&h->draft);
    state_free(&h->state);
    kvcache_free(&h->cache);
}

// In turns: a half guesses, in its stream, while the pass of the other is under way.
static void take_turns(const Model *m, Half half[2])
{
    Half *h = half;
    bool going[2] = { generate_guess(m, &h->state, &h->sc, &h->draft), true };
    for (int i = 1; going[0] || going[1]; i = !i) {
        h = &half[i];
        device_stream_use(i);
        going[i] = going[i] && generate_guess(m, &h->state, &h->sc, &h->draft);
        h = &half[!i];
        device_stream_use(!i);
        if (going[!i])
            generate_keep(&h->state, &h->sc, &h->draft);
    }
}

void overlap_generate(const Model *m, State *s, Scheduler *sc, Draft *d)
{
    Half half[2];
    int batch = sc->options.batch, n = sc->n;
    half_open(&half[0], s, sc, d, (batch + 1) / 2, sc->sequences, (n + 1) / 2);
    half_open(&half[1], s, sc, d, batch / 2, sc->sequences + (n + 1) / 2, n / 2);
    device_wait();  // what they were set up with went through stream 0
    for (int i = 0; i < 2; i++)
        generate_start(&half[i].sc, &half[i].draft);
    take_turns(m, half);
    for (int i = 1; i >= 0; i--) {
        device_stream_use(i);
        half_close(&half[i], sc);
    }
}

// From the start to the last token of all texts.
static double milliseconds(const Texts *t)
{
    double last = 0;
    for (int i = 0; i < t->n; i++)
        last = t->list[i].t_last > last ? t->list[i].t_last : last;
    return 1e3 * (last - t->list->t_start);
}

void overlap_print(const Model *m, State *s, const Scheduler *sc, Draft *d,
                   const Texts *t, const Input *in)
{
    Scheduler whole;
    Texts again = *t;
    bool same = true;
    again.list = memory_alloc((size_t)t->n, sizeof *again.list, "the texts");
    texts_begin(&again, in);
    scheduler_init(&whole, &sc->options, again.list, again.n, &in->config);
    generate(m, s, &whole, d);
    for (int i = 0; i < t->n; i++) {
        const Sequence *a = &t->list[i], *b = &again.list[i];
        same = same && a->n == b->n &&
               memcmp(a->ids, b->ids, (size_t)a->n * sizeof *a->ids) == 0;
    }
    double one = milliseconds(&again), two = milliseconds(t);
    printf("one batch: %.1f ms; two halves, one drafting while the other verifies: %.1f "
           "ms; saved: %s%.1f ms%s; the same texts: %s\n",
           one, two, ink(one > two ? GREEN : YELLOW), one - two, ink(PLAIN),
           same ? "yes" : "NO");
    scheduler_free(&whole);
    texts_end(&again);
    free(again.list);
}
