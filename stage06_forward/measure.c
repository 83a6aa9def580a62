// What --bench measures; see measure.h.
#include "measure.h"
#include "device.h"

// Of the weights, what one pass reads: all but the tables of which it takes single rows.
static size_t weight_bytes(const Model *m)
{
    const Matrix *wpe = &m->embeddings.wpe, *wte = &m->embeddings.wte;
    size_t bytes = m->params.used - matrix_bytes(wpe->dtype, wpe->in, wpe->out);
    return m->head == wte ? bytes : bytes - matrix_bytes(wte->dtype, wte->in, wte->out);
}

void measure_pass(Bench *b, const BenchOptions *o, const Model *m, State *s,
                  const Input *in)
{
    int length;
    float logit;
    bench_init(b, o, in->options, in->dtype, 1, 1, 1);
    b->weight_bytes = weight_bytes(m);
    do {
        length = in->n;
        void *text = bench_text(b, 0, &length, in->n);
        bench_start(b, NULL);
        model_forward(m, s);
        device_download(&logit, s->logits, sizeof logit);  // returns when it is computed
        length++;
        bench_token(text, NULL, 0);
    } while (bench_again(b));
}
