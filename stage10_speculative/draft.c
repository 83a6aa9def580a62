// Proposals; see draft.h.  Chapter 10.
#include "draft.h"
#include "accept.h"
#include "device.h"
#include "error.h"
#include "file.h"
#include "memory.h"
#include "pass.h"
#include "random.h"
#include <stdlib.h>
#include <string.h>

enum { NGRAM_MAX = 4 };  // how many last tokens `ngram` looks for, at most

void draft_options(Args *a, DraftOptions *o)
{
    static const char *const kinds[] = { "coupled", "rejection", "greedy", NULL };
    args_group(a, "Speculation");
    args_text(a, "draft=WHO", 0, &o->who, NULL,
              "a model's directory, ngram, layers:N, none; else the model's name with "
              "-draft if that is there, or ngram");
    args_int(a, "gamma=K", 0, &o->gamma, 2, 1, GAMMA_MAX, "proposals in a round");
    args_choice(a, "accept=HOW", 0, &o->accept, COUPLED, kinds,
                "which proposals stay; all three are lossless");
}

static void open_model(Draft *d, const Model *target, DType dtype)
{
    Config config;
    if (!file_exists(d->options.who))
        die("--draft %s: there is no such model; give its directory, ngram, layers:N or "
            "none",
            d->options.who);
    weights_open(&d->weights, d->options.who);
    config_read(&config, d->options.who);
    if (config.V != target->config.V)
        die("--draft %s: its vocabulary has %d tokens, the model's %d; they must be the "
            "same",
            d->options.who, config.V, target->config.V);
    model_load(&d->model, &d->weights, &config, dtype);
}

static void open_layers(Draft *d, const Model *target, const State *s)
{
    char *end;
    long layers = strtol(d->options.who + strlen("layers:"), &end, 10);
    if (*end || layers < 1 || layers > target->config.L)
        die("--draft %s: give a number of blocks from 1 to %d", d->options.who,
            target->config.L);
    if (s->cache->options.kind == CACHE_NONE)
        die("--draft %s shares the model's keys and values: it needs another --cache "
            "than none",
            d->options.who);
    d->model = *target;
    d->model.config.L = (int)layers;
}

// What its texts need.  After a round that kept all proposals two rows are missing of
// a text.
static void open_texts(Draft *d, State *s, const SchedulerOptions *so, int longest)
{
    const DraftOptions *o = &d->options;
    size_t B = (size_t)so->batch, V = (size_t)s->config.V;
    size_t rows_judged = o->accept == REJECTION ? B * ((size_t)o->gamma + 1) : 1;
    int rows = so->batch * 2 + so->chunk, wanted = so->batch * 2;
    KVOptions kv = { .kind = CACHE_STATIC, .overflow = HALF, .dtype = F32 };
    KVCache *cache = d->kind == DRAFT_MODEL ? &d->cache : s->cache;
    MemoryPart parts[] = {
        { &d->texts, B, sizeof *d->texts },
        { &d->limits, B, sizeof *d->limits },
        { &d->wanted, B, sizeof *d->wanted },
        { &d->next, B, sizeof *d->next },
        { NULL, 0, 0 },
    };
    d->block = memory_block(parts, "the draft");
    d->who = device_alloc(B * sizeof *d->who, "the draft");
    d->probs =
        device_alloc(rows_judged * V * sizeof *d->probs, "a draft's probabilities");
    d->target = device_alloc(rows_judged * V * sizeof *d->target, "probabilities");
    if (d->kind == DRAFT_NGRAM)
        return;
    if (d->kind == DRAFT_MODEL)
        kvcache_init(cache, &kv, &d->model.config, rows, so->batch, longest);
    else
        rows = s->max_rows;
    state_init(&d->state, &d->model.config, cache, rows, wanted);
    d->state.graphs = s->graphs ? device_graphs_new() : NULL;
}

void draft_open(Draft *d, const DraftOptions *o, const Model *target, State *s,
                DType dtype, const SchedulerOptions *so, int longest)
{
    *d = (Draft){ .options = *o, .kind = DRAFT_MODEL };
    if (strcmp(o->who, "ngram") == 0)
        d->kind = DRAFT_NGRAM;
    else if (strncmp(o->who, "layers:", strlen("layers:")) == 0)
        d->kind = DRAFT_LAYERS;
    if (d->kind == DRAFT_MODEL)
        open_model(d, target, dtype);
    else if (d->kind == DRAFT_LAYERS)
        open_layers(d, target, s);
    open_texts(d, s, so, longest);
}

void draft_twin(Draft *twin, const Draft *d, State *s, const SchedulerOptions *so,
                int longest)
{
    *twin = *d;
    twin->is_twin = true;
    open_texts(twin, s, so, longest);
}

void draft_close(Draft *d)
{
    if (d->kind != DRAFT_NGRAM)
        state_free(&d->state);
    if (d->kind == DRAFT_MODEL)
        kvcache_free(&d->cache);
    if (d->kind == DRAFT_MODEL && !d->is_twin) {
        model_free(&d->model);
        weights_close(&d->weights);
    }
    device_free(d->target);
    device_free(d->probs);
    device_free(d->who);
    free(d->block);
}

void draft_start(Draft *d)
{
    for (int b = 0; d && d->kind == DRAFT_MODEL && b < d->cache.lanes; b++)
        d->texts[b] = NULL;
}

// How many proposals a text may have: all of them must be in one window with its last
// token, and be of use.
static int limit_of(const Sequence *q, const KVCache *k, int gamma)
{
    const Window *w = &k->windows[q->lane];
    int limit = gamma, window = w->base + k->n_ctx - q->n;
    if (q->finish != RUNNING || w->base + w->length != q->n - 1)
        return 0;
    limit = q->max - q->n - 1 < limit ? q->max - q->n - 1 : limit;
    limit = window < limit ? window : limit;
    return limit > 0 ? limit : 0;
}

// Puts a proposal behind the text.
static void propose(Sequence *q, int id)
{
    sampler_text(q->sampler, q->n + q->n_draft, &id, 1);
    q->ids[q->n + q->n_draft++] = id;
}

// Where the distribution of a text's next proposal is kept.
static float *probs_of(const Draft *d, const Sequence *q, int V)
{
    return d->probs + (size_t)(q->lane * d->options.gamma + q->n_draft) * (size_t)V;
}

// The longest run of last tokens, of up to NGRAM_MAX, that occurred before, the latest
// time: what followed then is proposed.
static void propose_ngram(Draft *d, Sequence *q, int limit, int V)
{
    for (int size = q->n - 1 < NGRAM_MAX ? q->n - 1 : NGRAM_MAX; size > 0; size--)
        for (int i = q->n - size - 1; i >= 0; i--) {
            if (memcmp(q->ids + i, q->ids + q->n - size, (size_t)size * sizeof *q->ids))
                continue;
            for (int j = i + size; q->n_draft < limit; j++) {
                if (d->options.accept == REJECTION)
                    accept_certain(probs_of(d, q, V), V, q->ids[j]);
                propose(q, q->ids[j]);  // j may have reached the proposals
            }
            return;
        }
}

// The rows that the draft's cache lacks of a text and its proposals, as many as fit.
static void place(Draft *d, Sequence *q)
{
    State *s = &d->state;
    int n = q->n + q->n_draft, i = kvcache_reuse(s->cache, q->lane, n);
    for (; i < n && s->T < s->max_rows; i++) {
        int pos = kvcache_place(s->cache, s->T, q->lane);
        if (pos < 0) {
            d->limits[q->lane] = q->n_draft;  // no page left: that is all
            return;
        }
        state_row(s, q->ids[i], pos);
    }
    if (i == n) {
        d->wanted[s->W] = q->lane;
        state_want_next(s, n);
    }
}

static RandomKey key_of(const Sequence *q, int index, RandomPurpose purpose)
{
    const Sampler *sp = q->sampler;
    return (RandomKey){ sp->params.seed, (uint32_t)sp->sample, (uint32_t)index, purpose };
}

// A token for each wanted row.
static void draw(Draft *d, Scheduler *sc)
{
    State *s = &d->state;
    size_t V = (size_t)s->config.V;
    if (d->options.accept != REJECTION) {
        device_upload(d->who, d->wanted, (size_t)s->W * sizeof *d->who);
        sampling_next(sc->samplers, sc->options.batch, d->who, s->logits, s->index,
                      s->next, s->W);
        sampler_chosen(d->next, s->next, s->W);
    }
    for (int i = 0; i < s->W; i++) {
        Sequence *q = sc->lanes[d->wanted[i]];
        if (d->options.accept == REJECTION) {
            int index = q->n + q->n_draft;
            RandomKey key = key_of(q, index, RANDOM_DRAFT);
            float *probs = probs_of(d, q, (int)V);
            sampling_probs(q->sampler, s->logits + (size_t)i * V, index, probs);
            d->next[i] = accept_residual(probs, NULL, (int)V,
                                         random_uniform(random_four(key, 0).v[0]));
        }
        propose(q, d->next[i]);
    }
}

// Proposal number `step` of each text that may have one.  A new prompt may take several
// passes.
static void propose_next(Draft *d, Scheduler *sc, int step)
{
    for (;;) {
        state_clear(&d->state);
        for (int i = 0; i < sc->n_running; i++) {
            Sequence *q = sc->running[i];
            if (q->n_draft == step && d->limits[q->lane] > step)
                place(d, q);
        }
        if (d->state.T == 0)
            return;
        pass_upload(&d->state);
        pass_forward(&d->model, &d->state);
        draw(d, sc);
    }
}

void draft_propose(Draft *d, Scheduler *sc, State *s)
{
    if (!d)
        return;
    for (int i = 0; i < sc->n_running; i++) {
        Sequence *q = sc->running[i];
        d->limits[q->lane] = limit_of(q, s->cache, d->options.gamma);
        if (d->kind == DRAFT_NGRAM)
            propose_ngram(d, q, d->limits[q->lane], s->config.V);
        if (d->kind != DRAFT_MODEL)
            continue;
        // It may hold proposals that were not kept, or another text.
        kvcache_truncate(&d->cache, q->lane, d->texts[q->lane] == q ? q->n - 1 : 0);
        d->texts[q->lane] = q;
    }
    for (int step = 0; d->kind != DRAFT_NGRAM && step < d->options.gamma; step++)
        propose_next(d, sc, step);
    for (int i = 0; d->kind == DRAFT_LAYERS && i < sc->n_running; i++)
        if (d->limits[sc->running[i]->lane] > 0)
            kvcache_truncate(s->cache, sc->running[i]->lane, sc->running[i]->n - 1);
}

// The model chose for itself at every row; proposals stay while they agree.
static int agree(const int *proposed, int n, const int *chosen)
{
    int kept = 0;
    while (kept < n && proposed[kept] == chosen[kept])
        kept++;
    return kept;
}

// By coupling: what plain sampling says to every row.
static void choose_all(Scheduler *sc, const State *s)
{
    sampling_next(sc->samplers, sc->options.batch, sc->who, s->logits, s->index, s->next,
                  s->W);
    sampler_chosen(sc->chosen, s->next, s->W);
}

// By rejection: one text's rows, of which `row` is the first.
static void judge(const Draft *d, Scheduler *sc, const State *s, const Sequence *q,
                  int row)
{
    int V = s->config.V;
    const Sampler *sp = q->sampler;
    RandomKey key = key_of(q, q->n, RANDOM_ACCEPT);
    for (int i = row; i <= row + q->n_draft; i++)
        sampling_probs(sp, s->logits + (size_t)i * (size_t)V, s->row_index[i],
                       d->target + (size_t)i * (size_t)V);
    accept_test(d->target + (size_t)row * (size_t)V,
                d->probs + (size_t)(q->lane * d->options.gamma) * (size_t)V,
                q->ids + q->n, q->n_draft, V, key, &sc->kept[q->lane],
                &sc->next[q->lane]);
}

void draft_judge(const Draft *d, Scheduler *sc, const State *s)
{
    bool rejection = d && d->options.accept == REJECTION;
    for (int b = 0; b < sc->options.batch; b++)
        sc->next[b] = -1;
    if (!rejection)
        choose_all(sc, s);
    for (int row = 0, rows; row < s->W; row += rows) {
        int lane = sc->wanted[row];
        const Sequence *q = sc->lanes[lane];
        rows = q->n_draft + 1;
        if (rejection) {
            judge(d, sc, s, q, row);
        } else {
            sc->kept[lane] = agree(q->ids + q->n, q->n_draft, sc->chosen + row);
            sc->next[lane] = sc->chosen[row + sc->kept[lane]];
        }
    }
}
