// Stage 09: passes that are padded to the rows of a recording, and replayed: the same logits to the
// bit, the same cache to the byte, few recordings.
#include "batched.h"
#include "pass.h"
#include "recorded.h"

enum { TEXTS = 5, NEW = 6, BATCH_MAX = 5 };

// All that a batch needs.
typedef struct {
    State s;
    KVCache k;
    Scheduler sc;
    Sequence q[TEXTS];
} World;

static void world_open(World *w, const Subject *u, SchedulerOptions so, KVOptions kv,
                       const int *ids)
{
    static const int lengths[TEXTS] = { 4, 29, 1, 12, 4 };
    int rows = scheduler_max_rows(&so);
    for (int i = 0; i < TEXTS; i++) {
        GenerateOptions o = { .n_new = NEW + i % 3, .ignore_eos = true };
        o.sampling = (SamplingParams){ .temperature = (float)(i % 2),
                                       .top_p = 1,
                                       .repetition = 1.2f,
                                       .seed = (uint64_t)i };
        sequence_init(&w->q[i], &o, ids, lengths[i], NULL, &u->r.config, i);
    }
    w->q[4].leader = &w->q[0];
    kvcache_init(&w->k, &kv, &u->r.config, rows, so.batch, u->r.config.T);
    state_init(&w->s, &u->r.config, &w->k, rows, so.batch);
    scheduler_init(&w->sc, &so, w->q, TEXTS, &u->r.config);
}

static void world_close(World *w)
{
    scheduler_free(&w->sc);
    state_free(&w->s);
    kvcache_free(&w->k);
    for (int i = 0; i < TEXTS; i++)
        sequence_free(&w->q[i]);
}

static void world_pass(World *w, const Model *m)
{
    device_upload(w->sc.who, w->sc.wanted, (size_t)w->s.W * sizeof *w->sc.who);
    pass_forward(m, &w->s);
}

static void world_take(World *w)
{
    State *s = &w->s;
    int next[BATCH_MAX];
    sampling_next(w->sc.samplers, w->sc.options.batch, w->sc.who, s->logits, s->index,
                  s->next, s->W);
    device_download(next, s->next, (size_t)s->W * sizeof *next);
    batched_take(&w->sc, s, next);
}

static void compare(const char *how, const World *a, const World *b)
{
    size_t n = (size_t)(a->s.W * a->s.config.V), floats = a->k.bytes / sizeof(float);
    cr_assert(a->s.T == b->s.T && a->s.W == b->s.W, "%s: padding does not count", how);
    expect_same_both(how, "logits", a->s.logits, b->s.logits, n);
    expect_same_both(how, "the cache", (float *)a->k.view.data, (float *)b->k.view.data,
                     floats);
}

// Two worlds in step, of which the first is padded and recorded.
static void check(const Subject *u, SchedulerOptions so, KVOptions kv, const int *ids)
{
    World a, b;
    char how[120];
    int passes = 0;
    Counts before = counts_since((Counts){ 0, 0 }), seen;
    sprintf(how, "batch %d, schedule %d, cache %d, overflow %s", so.batch, so.kind,
            kv.kind, kvcache_overflow_name((Overflow)kv.overflow));
    world_open(&a, u, so, kv, ids);
    world_open(&b, u, so, kv, ids);
    a.s.graphs = any_graphs();
    while (scheduler_plan(&a.sc, &a.s) && scheduler_plan(&b.sc, &b.s)) {
        passes++;
        world_pass(&a, &u->m);
        world_pass(&b, &u->m);
        compare(how, &a, &b);
        world_take(&a);
        world_take(&b);
    }
    seen = counts_since(before);
    cr_expect(seen.recorded <= 4, "%s: %d recorded", how, seen.recorded);  // 1, 2, 4, 5
    if (device_records() && kv.kind != CACHE_DYNAMIC)
        cr_expect(seen.replayed > 0 && seen.replayed <= passes, "%s: %d of %d replayed",
                  how, seen.replayed, passes);
    else
        cr_expect(seen.replayed == 0);
    for (int i = 0; i < TEXTS; i++)
        expect_same_text(how, &a.q[i], &b.q[i]);
    world_close(&a);
    world_close(&b);
}

Test(graphs, padding_changes_nothing)
{
    Subject u;
    subject_open(&u, "chunk33", F32);
    int *ids = any_ids(40, u.r.config.V, 5);
    SchedulerOptions so = { .kind = CONTINUOUS, .batch = BATCH_MAX, .chunk = 20 };
    for (int overflow = CROP; overflow <= SINKS; overflow++)
        check(&u, so, cached_as(overflow % 2 ? CACHE_PAGED : CACHE_STATIC, overflow, F32),
              ids);
    check(&u, so, cached_as(CACHE_DYNAMIC, RING, F32), ids);
    so.batch = 3;
    check(&u, so, (KVOptions){ CACHE_PAGED, HALF, F32, 3 }, ids);  // some wait again
    so.kind = STATIC;
    check(&u, so, cached_as(CACHE_STATIC, HALF, F32), ids);
    free(ids);
    subject_close(&u);
}

// The last `wanted` of n rows, of which the last is number n - 1 of a text.
static void rows_of_text(State *s, const int *ids, int n, int wanted)
{
    state_text(s, ids, n);
    for (int row = n - wanted; row < n; row++)
        state_want(s, row);
}

// What the recordings are for: 1, 2, 4, ... rows and the logits of as many, whatever is asked for.
Test(graphs, few_serve_all)
{
    enum { ROWS = 70 };
    Subject u;
    Road with, without;
    subject_open(&u, "tiny", F32);
    KVOptions kv = cached_as(CACHE_STATIC, CROP, F32);
    Counts before = counts_since((Counts){ 0, 0 });
    int V = u.r.config.V, *ids = any_ids(ROWS, V, 8);
    road_open(&with, &u.r.config, kv, ROWS);
    road_open(&without, &u.r.config, kv, ROWS);
    with.s.graphs = any_graphs();
    for (int n = 1; n <= 64; n += n < 5 ? 1 : n - 2)
        for (int time = 0; time < 3; time++) {
            int wanted = time < 2 ? time : n;
            size_t floats = (size_t)(wanted * V);
            rows_of_text(&with.s, ids + n % 5, n, wanted);
            pass_upload(&with.s);
            pass_forward(&u.m, &with.s);
            rows_of_text(&without.s, ids + n % 5, n, wanted);
            state_upload(&without.s);
            model_forward(&u.m, &without.s);
            expect_same_both(u.r.model, "logits", with.s.logits, without.s.logits,
                             floats);
        }
    Counts seen = counts_since(before);
    if (device_records())
        cr_expect(seen.recorded == 7, "%d recorded", seen.recorded);  // 1, 2, 4, ... 64
    free(ids);
    road_close(&with);
    road_close(&without);
    subject_close(&u);
}
