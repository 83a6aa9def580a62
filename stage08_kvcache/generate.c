// The generation loop.  Chapter 7.
#include "generate.h"
#include "device.h"
#include "memory.h"
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
    sampler_init(&q->sampler, &o->sampling, c->V, q->max, sample);
    sampler_text(&q->sampler, 0, ids, n);
}

void sequence_free(Sequence *q)
{
    sampler_free(&q->sampler);
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
    sampler_text(&q->sampler, q->n, &id, 1);
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

// As many rows of the text, from token i on, as fit in a pass; returns the first one that
// is left out.
static int place(State *s, const Sequence *q, int i)
{
    state_clear(s);
    while (i < q->n && s->T < s->max_rows && (s->T == 0 || !kvcache_full(s->cache)))
        state_row(s, q->ids[i++], kvcache_place(s->cache, s->T));
    if (i == q->n)
        state_want_next(s, q->n);
    state_upload(s);
    return i;
}

void generate_logits(const Model *m, State *s, Sequence *q)
{
    int i = kvcache_reuse(s->cache, q->n);
    q->computed += q->n - i;
    while (i < q->n) {
        i = place(s, q, i);
        // Decoding is recorded.  A growing cache moves its data, and recordings know
        // where that is.
        int key = s->T == 1 && s->W == 1 && s->cache->options.kind != CACHE_DYNAMIC;
        if (device_graph_begin(s->graphs, key))
            model_forward(m, s);
        device_graph_end(s->graphs, key);
    }
}

// A token for the text, from the logits of the last pass.
static int choose(State *s, const Sequence *q)
{
    int id;
    sampling_next(&q->sampler, s->logits, s->index, s->next);
    sampler_chosen(&id, s->next, 1);
    return id;
}

void generate_first(const Model *m, State *s, Sequence *q, int n)
{
    double start = timer_now();
    kvcache_truncate(s->cache, 0);
    generate_logits(m, s, q);
    for (int i = 0; i < n; i++) {
        q[i].t_start = start;
        q[i].ids[q[i].n] = choose(s, &q[i]);
        q[i].drawn = true;
        q[i].t_last = timer_now();
    }
}

void generate(const Model *m, State *s, Sequence *q)
{
    if (q->finish != RUNNING)
        return;
    if (!q->drawn)
        generate_first(m, s, q, 1);
    q->t_start +=
        timer_now() - q->t_last;  // the clock stood still while others were written
    kvcache_truncate(s->cache, q->n_prompt);
    sequence_push(q, q->ids[q->n]);
    while (q->finish == RUNNING) {
        generate_logits(m, s, q);
        sequence_push(q, choose(s, q));
    }
}
