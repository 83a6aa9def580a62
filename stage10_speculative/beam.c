// Beam search; see beam.h.  Chapter 9.
#include "beam.h"
#include "device.h"
#include "error.h"
#include "memory.h"
#include "pass.h"
#include "tables.h"
#include "vec.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    double sum;
    int from, id;  // which beam goes on, and with which token
} Continuation;

typedef struct {
    const BeamOptions *o;
    Hypothesis *beams, *next, *ended;  // [o->beams] each
    int n, n_next, n_ended;
    int *lanes;    // [2 * o->beams] first those of the beams, then the free ones
    int *parents;  // [o->beams] which beam each of `next` continues
    float *logits;
    Continuation *list;  // [2 * o->beams] the best of this step
} Search;

void beam_options(Args *a, BeamOptions *o)
{
    args_group(a, "Beam search");
    args_int(a, "beams=N", 0, &o->beams, 0, 0, BEAMS_MAX,
             "the N best of all texts, by beam search; 0: off");
    args_float(a, "length-penalty=X", 0, &o->length_penalty, 1, -10, 10,
               "a text's score is its log-probability / length^X");
}

static void copy_ids(Hypothesis *h, const int *ids, int n, int room)
{
    if (!h->ids)
        h->ids = memory_alloc((size_t)room, sizeof *h->ids, "a hypothesis");
    if (n > 0)
        memcpy(h->ids, ids, (size_t)n * sizeof *ids);
    h->n = n;
}

// Puts a continuation in its place among the best so far; list is full from the start,
// with sums of -INFINITY.
static void insert(Continuation *list, int n, Continuation c)
{
    if (c.sum <= list[n - 1].sum)
        return;
    int i = n - 1;
    for (; i > 0 && list[i - 1].sum < c.sum; i--)
        list[i] = list[i - 1];
    list[i] = c;
}

// The 2 * beams best continuations.  Twice as many as beams: even if half of them end
// here, enough are left to go on with.
static void rank(Search *b, int V)
{
    int n = 2 * b->o->beams;
    for (int i = 0; i < n; i++)
        b->list[i] = (Continuation){ -INFINITY, 0, 0 };
    for (int i = 0; i < b->n; i++) {
        const float *logits = b->logits + (size_t)i * (size_t)V;
        double max = (double)vec_max(logits, V), total = 0;
        for (int id = 0; id < V; id++) {
            if (!(logits[id] < INFINITY))
                die("the logit of token %d is not a number; are the weights damaged?",
                    id);
            total += exp((double)logits[id] - max);
        }
        double rest = b->beams[i].sum - max - log(total);
        for (int id = 0; id < V; id++)
            insert(b->list, n, (Continuation){ rest + (double)logits[id], i, id });
    }
}

// Keeps an ended text if it is among the best.
static void end_text(Search *b, const Continuation *c, Finish finish)
{
    const Hypothesis *from = &b->beams[c->from];
    double score = c->sum / pow(from->n + 1, (double)b->o->length_penalty);
    int i = b->n_ended;
    if (i == b->o->beams && score <= b->ended[i - 1].score)
        return;
    Hypothesis h = i < b->o->beams ? (Hypothesis){ 0 } : b->ended[--i];
    copy_ids(&h, from->ids, from->n, b->o->n_new);
    h.ids[h.n++] = c->id;
    h.sum = c->sum;
    h.score = score;
    h.finish = finish;
    for (; i > 0 && b->ended[i - 1].score < score; i--)
        b->ended[i] = b->ended[i - 1];
    b->ended[i] = h;
    b->n_ended += b->n_ended < b->o->beams;
}

// The next beams, from the ranked continuations; those that end here are ended.
static void choose(Search *b)
{
    b->n_next = 0;
    for (int rank = 0; rank < 2 * b->o->beams && b->n_next < b->o->beams; rank++) {
        const Continuation *c = &b->list[rank];
        bool full = b->beams[c->from].n + 1 == b->o->n_new, eos = c->id == b->o->eos;
        if (c->sum == -INFINITY)
            return;
        if (eos || full) {
            if (rank < b->o->beams)
                end_text(b, c, eos ? EOS : LENGTH);
            continue;
        }
        Hypothesis *h = &b->next[b->n_next];
        b->parents[b->n_next++] = c->from;
        copy_ids(h, b->beams[c->from].ids, b->beams[c->from].n, b->o->n_new);
        h->ids[h->n++] = c->id;
        h->sum = c->sum;
    }
}

// The caches of the next beams, from those of the ones that they continue.
static void inherit(Search *b, KVCache *k)
{
    int B = b->o->beams;
    for (int i = 0; i < b->n_next; i++)
        tables_fork(k, b->lanes[B + i], b->lanes[b->parents[i]]);
    for (int i = 0; i < B; i++) {
        int lane = b->lanes[i];
        kvcache_truncate(k, lane, 0);
        b->lanes[i] = b->lanes[B + i];
        b->lanes[B + i] = lane;
    }
    Hypothesis *swap = b->beams;
    b->beams = b->next;
    b->next = swap;
    b->n = b->n_next;
}

// Could the best open text still become one of the best?  By the score that it has now.
static bool may_improve(const Search *b)
{
    const Hypothesis *h = b->beams;
    if (b->n == 0)
        return false;
    return b->n_ended < b->o->beams || h->sum / pow(h->n, (double)b->o->length_penalty) >
                                           b->ended[b->n_ended - 1].score;
}

// One pass over the last token of every beam.
static void pass(const Model *m, State *s, const Search *b, int n)
{
    state_clear(s);
    for (int i = 0; i < b->n; i++) {
        int at = n + b->beams[i].n;
        for (int j = kvcache_reuse(s->cache, b->lanes[i], at); j < at; j++)
            state_row(s, b->beams[i].ids[j - n],
                      kvcache_place(s->cache, s->T, b->lanes[i]));
        state_want_next(s, at);
    }
    pass_upload(s);
    pass_forward(m, s);
}

// The prompt, in lane 0, in as many passes as it takes.
static void prefill(const Model *m, State *s, const int *ids, int n)
{
    kvcache_truncate(s->cache, 0, 0);
    for (int i = kvcache_reuse(s->cache, 0, n); i < n;) {
        state_clear(s);
        while (i < n && s->T < s->max_rows)
            state_row(s, ids[i++], kvcache_place(s->cache, s->T, 0));
        if (i == n)
            state_want_next(s, n);
        pass_upload(s);
        pass_forward(m, s);
    }
}

int beam_search(const Model *m, State *s, const BeamOptions *o, const int *ids, int n,
                Hypothesis *best)
{
    size_t B = (size_t)o->beams, V = (size_t)s->config.V;
    Search b = { .o = o, .ended = best, .n = 1 };
    MemoryPart parts[] = {
        { &b.beams, B, sizeof *b.beams },
        { &b.next, B, sizeof *b.next },
        { &b.lanes, 2 * B, sizeof *b.lanes },
        { &b.list, 2 * B, sizeof *b.list },
        { &b.logits, B * V, sizeof(float) },
        { &b.parents, B, sizeof(int) },
        { NULL, 0, 0 },
    };
    void *block = memory_block(parts, "beam search");
    for (int i = 0; i < 2 * o->beams; i++)
        b.lanes[i] = i;
    copy_ids(&b.beams[0], NULL, 0, o->n_new);
    prefill(m, s, ids, n);
    for (;;) {
        device_download(b.logits, s->logits, (size_t)b.n * V * sizeof *b.logits);
        rank(&b, s->config.V);
        choose(&b);
        inherit(&b, s->cache);
        if (!may_improve(&b))
            break;
        pass(m, s, &b, n);
    }
    for (int i = 0; i < o->beams; i++) {
        free(b.beams[i].ids);
        free(b.next[i].ids);
        kvcache_truncate(s->cache, b.lanes[i], 0);
    }
    free(block);
    return b.n_ended;
}

void beam_free(Hypothesis *best, int n)
{
    for (int i = 0; i < n; i++)
        free(best[i].ids);
}
