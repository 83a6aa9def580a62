// The generation loop.  Chapter 7.
#include "generate.h"
#include "device.h"
#include "memory.h"
#include "timer.h"
#include <stdlib.h>
#include <string.h>

void sequence_init(Sequence *q, const int *ids, int n, int n_new, const SamplingParams *p,
                   const Config *config, int sample)
{
    *q = (Sequence){ .n = n, .n_prompt = n, .max = n + n_new, .eos = config->eos };
    q->ids = memory_alloc((size_t)q->max, sizeof *q->ids, "the text");
    memcpy(q->ids, ids, (size_t)n * sizeof *ids);
    q->finish = n_new > 0 ? RUNNING : LENGTH;
    sampling_init(&q->sampler, p, config->V, sample);
}

void sequence_free(Sequence *q)
{
    sampling_free(&q->sampler);
    free(q->ids);
}

void sequence_push(Sequence *q, int id)
{
    q->t_last = timer_now();
    if (q->n == q->n_prompt)
        q->t_first = q->t_last;
    q->ids[q->n++] = id;
    if (id == q->eos)
        q->finish = EOS;
    else if (q->n == q->max)
        q->finish = LENGTH;
    if (q->emit && q->finish != EOS)
        q->emit(q->to, id);
}

const char *sequence_finish(const Sequence *q)
{
    static const char *const names[] = { "running", "length", "eos" };
    return names[q->finish];
}

// The rows of a pass: the whole text, or as much of its end as the model can see.
static void place(State *s, const Sequence *q)
{
    int from = q->n > s->config.T ? q->n - s->config.T : 0;
    state_clear(s);
    for (int i = from; i < q->n; i++)
        state_row(s, q->ids[i], i - from);
    state_want_next(s, q->n);
    state_upload(s);
}

void generate(const Model *m, State *s, Sequence *q)
{
    q->t_start = timer_now();
    while (q->finish == RUNNING) {
        int id;
        place(s, q);
        model_forward(m, s);
        sampling_next(&q->sampler, s->logits, s->index, s->next);
        device_download(&id, s->next, sizeof id);
        sequence_push(q, id);
    }
}
