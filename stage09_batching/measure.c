// What --bench measures; see measure.h.
#include "measure.h"

// Of the weights, what one pass reads: all but the tables of which it takes single rows.
static size_t weight_bytes(const Model *m)
{
    const Matrix *wpe = &m->embeddings.wpe, *wte = &m->embeddings.wte;
    size_t bytes = m->params.used - matrix_bytes(wpe->dtype, wpe->in, wpe->out);
    return m->head == wte ? bytes : bytes - matrix_bytes(wte->dtype, wte->in, wte->out);
}

static void write_texts(Bench *b, const Model *m, State *s, const Input *in,
                        const ShowOptions *so, Texts *t)
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
    generate(m, s, &sc);
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
                   const ShowOptions *so, Texts *t)
{
    bool again = false;
    init(b, m, s, in, so, t);
    do {
        if (again)
            texts_end(t);
        write_texts(b, m, s, in, so, t);
        again = bench_again(b);
    } while (again);
}
