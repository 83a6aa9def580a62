// The generation loop.  Chapter 7.
#include "generate.h"
#include "device.h"
#include "memory.h"
#include "pass.h"
#include "scheduler.h"
#include "timer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_TEXT = 12 };  // bytes of an id and a space

void generate_options(Args *a, GenerateOptions *o)
{
    args_group(a, "Generation");
    args_int(a, "tokens=N", 'n', &o->n_new, 100, 0, 1 << 24, "new tokens at most");
    args_list(a, "stop=TEXT", 0, &o->stop,
              "end before this text; may be given several times");
    args_flag(a, "ignore-eos", 0, &o->ignore_eos, "go on after the end-of-text token");
    sampler_options(a, &o->sampling);
}

void sequence_init(Sequence *q, const GenerateOptions *o, const int *ids, int n,
                   const Tokenizer *t, const Config *c, int sample)
{
    size_t longest = t ? t->longest + 4 : ID_TEXT;  // 4: an incomplete character's bytes
    *q = (Sequence){ .n = n, .n_prompt = n, .max = n + o->n_new, .tokenizer = t };
    q->eos = o->ignore_eos ? -1 : c->eos;
    q->finish = o->n_new > 0 ? RUNNING : LENGTH;
    q->ids = memory_alloc((size_t)q->max, sizeof *q->ids, "the text");
    memcpy(q->ids, ids, (size_t)n * sizeof *ids);
    stops_init(&q->stops, o->stop.items, o->stop.n, longest * (size_t)o->n_new);
    if (t)
        textstream_init(&q->stream, t);
    q->sampling = o->sampling;
    q->sample = sample;
    q->lane = -1;
}

void sequence_free(Sequence *q)
{
    stops_free(&q->stops);
    if (q->tokenizer)
        textstream_free(&q->stream);
    free(q->ids);
}

// Adds the token's text; true if that completes a stop text.
static bool add_text(Sequence *q, int id)
{
    char number[ID_TEXT];
    const char *text = number;
    size_t n;
    if (q->tokenizer)
        text = textstream_push(&q->stream, id, &n);
    else
        n = (size_t)snprintf(number, sizeof number, "%d ", id);
    return stops_push(&q->stops, text, n);
}

// What may be shown: when the text has ended, all that is left.
static void emit(Sequence *q)
{
    size_t ready, n;
    if (q->finish != RUNNING && q->finish != STOP && q->tokenizer) {
        const char *rest = textstream_end(&q->stream, &n);
        stops_push(&q->stops, rest, n);
    }
    ready = q->finish == RUNNING ? stops_ready(&q->stops) : q->stops.n;
    if (q->emit && ready > q->stops.shown)
        q->emit(q->to, q->stops.text + q->stops.shown, ready - q->stops.shown);
    q->stops.shown = ready;
}

void sequence_push(Sequence *q, int id)
{
    q->t_last = timer_now();
    if (q->n == q->n_prompt)
        q->t_first = q->t_last;
    sampler_text(q->sampler, q->n, &id, 1);
    q->ids[q->n++] = id;
    if (id == q->eos)
        q->finish = EOS;
    else if (add_text(q, id))
        q->finish = STOP;
    else if (q->n == q->max)
        q->finish = LENGTH;
    else if (q->interrupt && *q->interrupt)
        q->finish = INTERRUPT;
    emit(q);
}

const char *sequence_finish(const Sequence *q)
{
    static const char *const names[] = { "running", "length", "eos", "stop",
                                         "interrupt" };
    return names[q->finish];
}

// A pass, and a token for each of the texts whose last row was in it.
static void step(const Model *m, State *s, Scheduler *sc)
{
    device_upload(sc->who, sc->wanted, (size_t)s->W * sizeof *sc->who);
    pass_forward(m, s);
    sampling_next(sc->samplers, sc->options.batch, sc->who, s->logits, s->index, s->next,
                  s->W);
    sampler_chosen(sc->next, s->next, s->W);
}

void generate(const Model *m, State *s, Scheduler *sc)
{
    double start = timer_now();
    for (int i = 0; i < sc->n; i++) {
        Sequence *q = &sc->sequences[i];
        q->t_start = q->t_first = q->t_last = start;
    }
    while (scheduler_plan(sc, s)) {
        step(m, s, sc);
        scheduler_take(sc, s, sc->next);
    }
}
