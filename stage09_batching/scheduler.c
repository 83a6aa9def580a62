// Who computes what in the next pass.  Chapter 9.
#include "scheduler.h"
#include "device.h"
#include "memory.h"
#include "pass.h"
#include "tables.h"
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = { "continuous", "static", "grouped", NULL };

void scheduler_options(Args *a, SchedulerOptions *o)
{
    args_group(a, "Batching");
    args_int(a, "batch=N", 0, &o->batch, 4, 1, 4096, "texts that are written together");
    args_choice(a, "schedule=KIND", 0, &o->kind, CONTINUOUS, kinds,
                "when the next text comes in");
    args_int(a, "prefill-chunk=N", 0, &o->chunk, 256, 1, 1 << 20,
             "tokens of prompts in one pass, at most");
}

const char *scheduler_kind_name(ScheduleKind kind)
{
    return kinds[kind];
}

int scheduler_max_rows(const SchedulerOptions *o)
{
    return o->batch + o->chunk;
}

void scheduler_init(Scheduler *sc, const SchedulerOptions *o, Sequence *sequences, int n,
                    const Config *c)
{
    size_t B = (size_t)o->batch;
    int longest = 0;
    MemoryPart parts[] = {
        { &sc->running, B, sizeof(Sequence *) },
        { &sc->lanes, B, sizeof(Sequence *) },
        { &sc->rows, B, sizeof(int) },
        { &sc->pads, B, sizeof(int) },
        { &sc->samplers, B, sizeof(Sampler) },
        { &sc->wanted, B, sizeof(int) },
        { &sc->next, B, sizeof(int) },
        { &sc->held, B, sizeof(int) },
        { NULL, 0, 0 },
    };
    *sc = (Scheduler){ .options = *o, .sequences = sequences, .n = n };
    sc->block = memory_block(parts, "the scheduler");
    sc->who = device_alloc(B * sizeof *sc->who, "the scheduler");
    for (int i = 0; i < n; i++)
        longest = sequences[i].max > longest ? sequences[i].max : longest;
    for (int b = 0; b < o->batch; b++)
        sampler_init(&sc->samplers[b], &sequences->sampling, c->V, longest, 0);
}

void scheduler_free(Scheduler *sc)
{
    for (int b = 0; b < sc->options.batch; b++)
        sampler_free(&sc->samplers[b]);
    device_free(sc->who);
    free(sc->block);
}

static bool waits(const Sequence *q)
{
    return q->finish == RUNNING && q->lane < 0;
}

// The text of another sample is on its way through the prompt: soon it can be shared.
static bool leader_is_near(const Sequence *q)
{
    const Sequence *l = q->leader;
    return l && l->finish == RUNNING && l->n == l->n_prompt;
}

static void start(Scheduler *sc, State *s, Sequence *q)
{
    int lane = 0;
    while (sc->lanes[lane])
        lane++;
    q->lane = lane;
    q->sampler = &sc->samplers[lane];
    q->sampler->params = q->sampling;
    q->sampler->sample = q->sample;
    sampler_text(q->sampler, 0, q->ids, q->n);
    sc->lanes[lane] = q;
    sc->running[sc->n_running++] = q;
    if (q->leader && q->leader->lane >= 0 && q->n == q->n_prompt) {
        tables_fork(s->cache, lane, q->leader->lane);
        kvcache_truncate(s->cache, lane, q->n - 1);  // its last row gives the logits
    } else if (s->cache->options.kind == CACHE_PAGED) {
        tables_recall(s->cache, lane, q->ids, q->n);
    }
}

// The length of which most of the waiting texts are; of several such, that of the oldest.
static int largest_group(const Scheduler *sc)
{
    int best = 0, length = 0;
    for (int i = sc->n_ended; i < sc->n; i++) {
        int same = 0;
        for (int j = i; j < sc->n; j++)
            same += waits(&sc->sequences[j]) && sc->sequences[j].n == sc->sequences[i].n;
        if (waits(&sc->sequences[i]) && same > best) {
            best = same;
            length = sc->sequences[i].n;
        }
    }
    return length;
}

// Are there pages for a text and its next tokens?
static bool fits(const KVCache *k, const Sequence *q)
{
    int need = q->n / KV_CHUNK + 1;
    return (need < k->view.max_pages ? need : k->view.max_pages) <= k->pages.n_free;
}

// Gives free lanes to the texts that wait, oldest first.
static void admit(Scheduler *sc, State *s)
{
    bool grouped = sc->options.kind == GROUPED;
    if (sc->options.kind != CONTINUOUS && sc->n_running > 0)
        return;
    int length = grouped ? largest_group(sc) : 0;
    for (int i = sc->n_ended; i < sc->n && sc->n_running < sc->options.batch; i++) {
        Sequence *q = &sc->sequences[i];
        if (!waits(q) || (grouped && q->n != length))
            continue;
        bool shares = sc->options.kind == CONTINUOUS && leader_is_near(q);
        if ((shares || !fits(s->cache, q)) && sc->n_running > 0)
            break;
        start(sc, s, q);
    }
}

static void leave(Scheduler *sc, State *s, Sequence *q)
{
    int i = 0;
    kvcache_truncate(s->cache, q->lane, 0);
    sc->lanes[q->lane] = NULL;
    q->lane = -1;
    while (sc->running[i] != q)
        i++;
    sc->n_running--;
    memmove(sc->running + i, sc->running + i + 1,
            (size_t)(sc->n_running - i) * sizeof *sc->running);
}

// Pages for so many rows of a text: if there are none left, the newest texts lose theirs
// and wait again.  false: that was this text itself.
static bool make_room(Scheduler *sc, State *s, Sequence *q, int rows)
{
    while (!tables_fit(s->cache, q->lane, rows)) {
        Sequence *newest = sc->running[sc->n_running - 1];
        sc->preempted += newest->finish == RUNNING;
        leave(sc, s, newest);
        if (newest == q)
            return false;
    }
    return true;
}

// The rows of a text that the cache lacks: one when decoding, many of a new prompt, of
// which `budget` fit in the pass.
static void place(Scheduler *sc, State *s, Sequence *q, int *budget)
{
    int lane = q->lane, i = kvcache_reuse(s->cache, lane, q->n), rows = q->n - i;
    int room = s->config.T - s->cache->windows[lane].length;
    if (rows > 1) {
        rows = rows < *budget ? rows : *budget;
        if (rows > room)
            rows = room > 0 ? room : 1;
        *budget -= rows;
    }
    if (rows == 0 || !make_room(sc, s, q, rows))
        return;
    q->computed += rows;
    sc->rows[lane] = rows;
    for (int end = i + rows; i < end; i++)
        state_row(s, q->ids[i], kvcache_place(s->cache, s->T, lane));
    if (i == q->n) {
        sc->wanted[s->W] = lane;
        state_want_next(s, q->n);
    }
    if (s->cache->options.kind == CACHE_PAGED)
        tables_remember(s->cache, lane, q->ids, i);
}

// Fills a lane up with rows that nobody wants, behind its text, where the text's own rows
// do not see them: right padding.
static void pad(Scheduler *sc, State *s, int lane, int width)
{
    const Window *w = &s->cache->windows[lane];
    sc->held[lane] = w->base + w->length;
    for (; sc->rows[lane] < width && !kvcache_full(s->cache, lane); sc->rows[lane]++) {
        int pos = kvcache_place(s->cache, s->T, lane);
        if (pos < 0)
            return;
        state_row(s, 0, pos);
        sc->pads[lane]++;
    }
}

// Makes the pass a rectangle: as many rows for each lane as the longest needs.
static void pad_all(Scheduler *sc, State *s)
{
    int width = 0;
    for (int b = 0; b < sc->options.batch; b++)
        width = sc->rows[b] > width ? sc->rows[b] : width;
    for (int i = 0; i < sc->n_running; i++)
        pad(sc, s, sc->running[i]->lane, width);
}

// After the pass the cache forgets them.
static void unpad(const Scheduler *sc, State *s)
{
    for (int b = 0; b < sc->options.batch; b++)
        if (sc->pads[b] > 0)
            kvcache_truncate(s->cache, b, sc->held[b]);
}

static void count(Scheduler *sc)
{
    sc->steps++;
    for (int b = 0; b < sc->options.batch; b++) {
        sc->row_sum += sc->rows[b];
        sc->pad_sum += sc->pads[b];
    }
    if (sc->watch)
        sc->watch(sc->to, sc);
}

bool scheduler_plan(Scheduler *sc, State *s)
{
    bool padded = sc->options.kind == STATIC;
    admit(sc, s);
    state_clear(s);
    memset(sc->rows, 0, (size_t)sc->options.batch * sizeof *sc->rows);
    memset(sc->pads, 0, (size_t)sc->options.batch * sizeof *sc->pads);
    int budget = sc->options.chunk, share = budget / (sc->n_running + !sc->n_running);
    for (int i = 0; i < sc->n_running; i++) {
        Sequence *q = sc->running[i];
        if (padded)
            budget = share > 1 ? share : 1;
        if (q->finish == RUNNING)
            place(sc, s, q, &budget);
    }
    if (padded)
        pad_all(sc, s);
    pass_upload(s);
    if (s->T > 0)
        count(sc);
    return s->T > 0;
}

void scheduler_take(Scheduler *sc, State *s, const int *next)
{
    int ended = 0, running = sc->n_running;
    unpad(sc, s);
    for (int i = 0; i < s->W; i++)
        sequence_push(sc->lanes[sc->wanted[i]], next[i]);
    for (int i = 0; i < running; i++)
        ended += sc->running[i]->finish != RUNNING;
    for (int i = running - 1; i >= 0; i--) {
        Sequence *q = sc->running[i];
        if (q->finish == RUNNING)
            continue;
        kvcache_truncate(s->cache, q->lane, 0);  // its pages at once, not with its lane
        if (sc->options.kind == CONTINUOUS || ended == running)
            leave(sc, s, q);
    }
    while (sc->n_ended < sc->n && sc->sequences[sc->n_ended].finish != RUNNING &&
           sc->sequences[sc->n_ended].lane < 0)
        sc->n_ended++;
}
