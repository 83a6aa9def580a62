// What --bench measures; see measure.h.
#include "measure.h"
#include "memory.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Of the weights, what one pass reads: all but the tables of which it takes single rows.
static size_t weight_bytes(const Model *m)
{
    const Matrix *wpe = &m->embeddings.wpe, *wte = &m->embeddings.wte;
    size_t bytes = m->params.used - matrix_bytes(wpe->dtype, wpe->in, wpe->out);
    return m->head == wte ? bytes : bytes - matrix_bytes(wte->dtype, wte->in, wte->out);
}

static void write_texts(Bench *b, const Model *m, State *s, const Input *in,
                        const ShowOptions *so, Texts *t, Draft *d)
{
    Scheduler sc;
    texts_begin(t, in);
    for (int i = 0; i < t->n; i++) {
        Sequence *q = &t->list[i];
        q->leader = NULL;  // each computes its own prompt
        q->emit = bench_token;
        q->to = bench_text(b, i, &q->n, q->n_prompt);
    }
    scheduler_init(&sc, &so->scheduler, t->list, t->n, &in->config);
    bench_start(b, &sc.steps);
    generate(m, s, &sc, d);
    scheduler_free(&sc);
}

static void init(Bench *b, const Model *m, const State *s, const Input *in,
                 const ShowOptions *so, const Texts *t)
{
    int n_new = 0;
    for (int i = 0; i < t->n; i++)
        n_new += t->prompts.list[i / t->samples].generate.n_new;
    bench_init(b, &so->bench, in->options, in->dtype, t->n, so->scheduler.batch, n_new);
    b->weight_bytes = weight_bytes(m);
    b->kv_token_bytes = kvcache_chunk_bytes(&s->cache->view) / KV_CHUNK;
    b->n_ctx = in->config.T;
}

void measure_texts(Bench *b, const Model *m, State *s, const Input *in,
                   const ShowOptions *so, Texts *t, Draft *d)
{
    bool again = false;
    Bench plain;
    Texts twin = *t;
    twin.list = memory_alloc((size_t)t->n, sizeof *twin.list, "the texts");
    init(b, m, s, in, so, t);
    init(&plain, m, s, in, so, t);
    do {
        if (again)
            texts_end(t);
        plain.n_runs = b->n_runs;  // 0 again after the warm-up
        write_texts(b, m, s, in, so, t, d);
        if (d) {
            write_texts(&plain, m, s, in, so, &twin, NULL);
            bench_stop(&plain);
            texts_end(&twin);
        }
        again = bench_again(b);
    } while (again);
    if (d)
        b->speedup = bench_decode(b) / bench_decode(&plain);
    bench_free(&plain);
    free(twin.list);
}

double measure_rate(const Sequence *q)
{
    int n = q->n - q->n_prompt - 1;
    return n > 0 ? n / (q->t_last - q->t_first) : 0;
}

double measure_plain(const Model *m, State *s, const Input *in, const ShowOptions *so,
                     const Sequence *q)
{
    Scheduler sc;
    Sequence plain;
    sequence_init(&plain, &so->generate, in->ids, in->n,
                  in->has_text ? &in->tokenizer : NULL, &in->config, 0);
    scheduler_init(&sc, &so->scheduler, &plain, 1, &in->config);
    generate(m, s, &sc, NULL);
    double speedup = measure_rate(q) / measure_rate(&plain);
    bool same =
        plain.n == q->n && memcmp(plain.ids, q->ids, (size_t)q->n * sizeof *q->ids) == 0;
    if (!in->options->json)
        printf("plain: %.1f tokens/s; with the draft: %.1f tokens/s, %s%.2f times as "
               "fast%s; the same text: %s\n",
               measure_rate(&plain), measure_rate(q), ink(GREEN), speedup, ink(PLAIN),
               same                            ? "yes"
               : so->draft.accept == REJECTION ? "no, one from the same distribution"
                                               : "NO");
    scheduler_free(&sc);
    sequence_free(&plain);
    return speedup;
}
