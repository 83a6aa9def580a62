// Stage 08: a decode step that is recorded once and replayed gives what it gives when it is launched
// anew: nothing of the first step is in the recording.
#include "recorded.h"

enum { CHUNK_ROWS = 7, NEW = 6 };

// A text by a cache of its own; its graphs are the state's.
static Sequence written(const Subject *u, const GenerateOptions *o, const int *ids, int n,
                        KVOptions kv, int rows, DeviceGraphs *graphs)
{
    Road road;
    Sequence q;
    road_open(&road, &u->r.config, kv, rows);
    road.s.graphs = graphs;
    sequence_init(&q, o, ids, n, NULL, &u->r.config, 0);
    write_text(&u->m, &road.s, &q);
    road_close(&road);
    return q;
}

static void check_text(const Subject *u, const int *ids, int n, int new, KVOptions kv,
                       int rows)
{
    char how[120];
    GenerateOptions o = { .n_new = new, .ignore_eos = true };
    o.sampling = (SamplingParams){ .temperature = 1, .top_p = 1, .repetition = 1.2f };
    sprintf(how, "cache %d, overflow %s, %d tokens, %d rows", kv.kind,
            kvcache_overflow_name((Overflow)kv.overflow), n, rows);
    Counts before = counts_since((Counts){ 0, 0 }), seen;
    Sequence want = written(u, &o, ids, n, kv, rows, NULL);
    seen = counts_since(before);
    cr_expect(seen.recorded == 0 && seen.replayed == 0, "%s: nobody asked", how);
    Sequence got = written(u, &o, ids, n, kv, rows, any_graphs());
    seen = counts_since(before);
    expect_same_text(how, &got, &want);
    bool decodes = kv.kind == CACHE_STATIC &&
                   (kv.overflow > CROP || n + new <= u->r.config.T) && new > 3;
    if (device_records() && decodes)
        cr_expect(seen.recorded <= 2 && seen.replayed >= new - 4,
                  "%s: %d recorded, %d replayed", how, seen.recorded, seen.replayed);
    sequence_free(&got);
    sequence_free(&want);
}

Test(graphs, replayed_steps_are_steps)
{
    Subject u;
    subject_open(&u, "chunk33", F32);
    int *ids = any_ids(40, u.r.config.V, 5);
    for (int kind = CACHE_NONE; kind <= CACHE_STATIC; kind++)
        for (int overflow = CROP; overflow <= SINKS; overflow++) {
            KVOptions kv = cached_as(kind, overflow, overflow == RING ? BF16 : F32);
            if (kind == CACHE_NONE && overflow != CROP)
                continue;
            check_text(&u, ids, 3, NEW, kv, CHUNK_ROWS);  // within the window
            if (kind == CACHE_STATIC)
                check_text(&u, ids, 31, NEW, kv, CHUNK_ROWS);  // out of it
        }
    free(ids);
    subject_close(&u);
}

// A prompt in passes of one row looks like decoding, but nobody wants their logits.
Test(graphs, a_prompt_row_by_row)
{
    Subject u;
    subject_open(&u, "tiny", F32);
    int *ids = any_ids(9, u.r.config.V, 6);
    for (int n = 1; n < 9; n += 3)
        for (int rows = 1; rows <= 2; rows++)
            check_text(&u, ids, n, NEW, cached_as(CACHE_STATIC, CROP, F32), rows);
    free(ids);
    subject_close(&u);
}

#if !__has_include("scheduler.h")  // later stages have tests of their own for that
// Texts of unlike lengths one after the other, by one state and its recordings.
Test(graphs, serve_one_text_after_the_other)
{
    Subject u;
    Road with, without;
    subject_open(&u, "heads12", F32);
    KVOptions kv = cached_as(CACHE_STATIC, HALF, F32);
    size_t V = (size_t)u.r.config.V;
    int *ids = any_ids(u.r.config.T, u.r.config.V, 7);
    Counts before = counts_since((Counts){ 0, 0 });
    road_open(&with, &u.r.config, kv, CHUNK_ROWS);
    road_open(&without, &u.r.config, kv, CHUNK_ROWS);
    with.s.graphs = any_graphs();
    for (int first = 1; first < 24; first += 11) {
        cached_truncate(&with.k, 0);
        cached_truncate(&without.k, 0);
        for (int n = first; n < first + 6; n++) {
            cached_logits(&u.m, &with.s, ids, n);
            cached_logits(&u.m, &without.s, ids, n);
            expect_same_both(u.r.model, "logits", with.s.logits, without.s.logits, V);
        }
    }
    cr_expect(counts_since(before).recorded <= 1);
    free(ids);
    road_close(&with);
    road_close(&without);
    subject_close(&u);
}
#endif
