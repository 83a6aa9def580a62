// What --bench measures; see measure.h.
#include "measure.h"

// Of the weights, what one pass reads: all but the tables of which it takes single rows.
static size_t weight_bytes(const Model *m)
{
    const Matrix *wpe = &m->embeddings.wpe, *wte = &m->embeddings.wte;
    size_t bytes = m->params.used - matrix_bytes(wpe->dtype, wpe->in, wpe->out);
    return m->head == wte ? bytes : bytes - matrix_bytes(wte->dtype, wte->in, wte->out);
}

void measure_text(Bench *b, Sequence *q, const Model *m, State *s, const Input *in,
                  const ShowOptions *so)
{
    bool again = false;
    GenerateOptions o = so->generate;
    o.ignore_eos = true;
    bench_init(b, &so->bench, in->options, in->dtype, 1, 1, o.n_new);
    b->weight_bytes = weight_bytes(m);
    do {
        if (again)
            sequence_free(q);
        sequence_init(q, &o, in->ids, in->n, in->has_text ? &in->tokenizer : NULL,
                      &in->config, 0);
        q->emit = bench_token;
        q->to = bench_text(b, 0, &q->n, q->n_prompt);
        bench_start(b, NULL);
        generate(m, s, q);
        again = bench_again(b);
    } while (again);
}
