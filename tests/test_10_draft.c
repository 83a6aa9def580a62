// Stage 10: what a draft proposes, and in how many passes.
#include "drafted.h"
#include "trace.h"
#include <unistd.h>

static const SamplingParams plain = {
    .temperature = 1, .top_p = 1, .repetition = 1, .seed = 42
};

// ---- from the text itself

// What is proposed behind ids[n] of a text of up to `max` tokens and a window of n_ctx.
static void check_ngram(int n, const int *ids, int gamma, int max, int n_ctx, int count,
                        const int *want)
{
    Config config = { .V = 10, .T = n_ctx, .C = 4, .L = 1, .NH = 1, .n_inner = 4 };
    Model target = { .config = config };
    KVOptions kv = cached_as(CACHE_STATIC, CROP, F32);
    SchedulerOptions so = { .batch = 1, .chunk = 1, .gamma = gamma };
    DraftOptions o = { .who = "ngram", .gamma = gamma };
    GenerateOptions go = { .n_new = max - n, .sampling = plain };
    KVCache k;
    State s;
    Draft d;
    Scheduler sc;
    Sequence q;
    kvcache_init(&k, &kv, &config, 1 + gamma, 1, max);
    state_init(&s, &config, &k, 1 + gamma, 1 + gamma);
    draft_open(&d, &o, &target, &s, F32, &so, max);
    sequence_init(&q, &go, ids, n, NULL, &config, 0);
    scheduler_init(&sc, &so, &q, 1, &config);
    q.sampler = sc.samplers;
    q.lane = 0;
    sc.running[0] = sc.lanes[0] = &q;
    sc.n_running = 1;
    k.windows[0].length = n - 1;
    draft_propose(&d, &sc, &s);
    cr_expect(q.n_draft == count &&
                  memcmp(q.ids + n, want, (size_t)count * sizeof *want) == 0,
              "%d proposals, %d, ...", q.n_draft, q.n_draft > 0 ? q.ids[n] : -1);
    int *text = from_device(sc.samplers->text + n, (size_t)count * sizeof *text);
    cr_expect(memcmp(text, want, (size_t)count * sizeof *want) == 0);
    free(text);
    k.windows[0].length = 0;
    scheduler_free(&sc);
    sequence_free(&q);
    draft_close(&d);
    state_free(&s);
    kvcache_free(&k);
}

Test(draft, ngram_by_hand)
{
    check_ngram(6, (int[]){ 1, 2, 3, 4, 1, 2 }, 4, 50, 50, 4, (int[]){ 3, 4, 1, 2 });
    check_ngram(3, (int[]){ 5, 6, 5 }, 5, 50, 50, 5, (int[]){ 6, 5, 6, 5, 6 });
    check_ngram(2, (int[]){ 5, 5 }, 3, 50, 50, 3, (int[]){ 5, 5, 5 });
    check_ngram(3, (int[]){ 1, 2, 3 }, 4, 50, 50, 0, (int[]){ 0 });
    check_ngram(1, (int[]){ 1 }, 4, 50, 50, 0, (int[]){ 0 });
    // The longest run counts, and of equal ones the latest.
    check_ngram(8, (int[]){ 1, 2, 9, 1, 2, 8, 1, 2 }, 2, 50, 50, 2, (int[]){ 8, 1 });
    check_ngram(9, (int[]){ 7, 1, 2, 3, 2, 5, 7, 1, 2 }, 1, 50, 50, 1, (int[]){ 3 });
    // Four tokens are looked for, and no more.
    check_ngram(14, (int[]){ 1, 2, 3, 4, 6, 8, 2, 3, 4, 5, 1, 2, 3, 4 }, 1, 50, 50, 1,
                (int[]){ 6 });
    check_ngram(17, (int[]){ 9, 1, 2, 3, 4, 6, 8, 1, 2, 3, 4, 5, 9, 1, 2, 3, 4 }, 1, 50,
                50, 1, (int[]){ 5 });
    // No more than the text may have, its last token apart, or the window holds.
    check_ngram(3, (int[]){ 5, 6, 5 }, 5, 7, 50, 3, (int[]){ 6, 5, 6 });
    check_ngram(3, (int[]){ 5, 6, 5 }, 5, 4, 50, 0, (int[]){ 0 });
    check_ngram(3, (int[]){ 5, 6, 5 }, 5, 50, 5, 2, (int[]){ 6, 5 });
    check_ngram(3, (int[]){ 5, 6, 5 }, 5, 50, 3, 0, (int[]){ 0 });
}

// ---- passes and rows

// The last token that the model says after all proposals never was in the draft's cache: it takes
// a row more in the next pass, not a pass of its own.  A row sees all tokens up to its own.
Test(draft, rows_of_a_pass)
{
    Run r;
    Sequence q;
    GenerateOptions o = { .n_new = 60, .sampling = plain };
    int after[3] = { 0 };
    run_open(&r, "tiny", NULL, BF16, COUPLED, 1, 1, 70);  // nearly the model
    sequence_init(&q, &o, r.u.r.ids, 5, NULL, &r.u.r.config, 0);
    scheduler_init(&r.sc, &r.so, &q, 1, &r.u.r.config);
    draft_start(&r.d);
    for (;; scheduler_take(&r.sc, &r.s, r.sc.kept, r.sc.next)) {
        draft_propose(&r.d, &r.sc, &r.s);
        if (q.n_draft) {
            Round last = q.rounds[q.n_rounds - 1];
            int kind = last.proposed == 0 ? 0 : last.kept ? 2 : 1;
            double want = kind == 0 ? q.n * (q.n + 1) / 2 : kind == 1 ? q.n : 2 * q.n - 1;
            cr_expect(r.d.cache.seen == want, "token %d: rows saw %g keys, not %g", q.n,
                      r.d.cache.seen, want);
            after[kind]++;
        }
        if (!run_pass(&r))
            break;
    }
    cr_expect(q.n == 65 && after[0] == 1 && after[1] > 0 && after[2] > 20, "%d %d %d",
              after[0], after[1], after[2]);
    scheduler_free(&r.sc);
    sequence_free(&q);
    run_close(&r);
}

// What a draft proposes is what it would if it had just been opened, whatever was not kept before.
Test(draft, has_no_memory)
{
    enum { N = 4 };
    Run r;
    Sequence q[N];
    Draft fresh;
    int proposals = 0, rejected = 0;
    run_open(&r, "chunk33", NULL, BF16, COUPLED, 3, 5, 60);
    draft_open(&fresh, &r.d.options, &r.u.m, &r.s, BF16, &r.so, 60);
    draft_spoil(&fresh);
    draft_spoil(&r.d);
    for (int i = 0; i < N; i++) {
        GenerateOptions o = { .n_new = 20 + 9 * i, .sampling = plain };
        o.sampling.temperature = 0.3f * (float)i;
        sequence_init(&q[i], &o, r.u.r.ids + i, 3 + i, NULL, &r.u.r.config, 0);
    }
    scheduler_init(&r.sc, &r.so, q, N, &r.u.r.config);
    for (draft_start(&r.d);; scheduler_take(&r.sc, &r.s, r.sc.kept, r.sc.next)) {
        int ids[N][5], n[N];
        draft_propose(&r.d, &r.sc, &r.s);
        for (int i = 0; i < N; i++) {
            n[i] = q[i].n_draft;
            memcpy(ids[i], q[i].ids + q[i].n, (size_t)n[i] * sizeof(int));
            q[i].n_draft = 0;
        }
        draft_start(&fresh);
        draft_propose(&fresh, &r.sc, &r.s);
        for (int i = 0; i < N; i++) {
            proposals += n[i];
            cr_expect(q[i].n_draft == n[i] && memcmp(ids[i], q[i].ids + q[i].n,
                                                     (size_t)n[i] * sizeof(int)) == 0,
                      "text %d, token %d", i, q[i].n);
        }
        if (!run_pass(&r))
            break;
    }
    for (int i = 0; i < N; i++) {
        for (int k = q[i].n_prompt; k < q[i].n; k++)
            rejected += q[i].marks[k] == REPLACED;
        sequence_free(&q[i]);
    }
    cr_expect(proposals > 60 && rejected > 5, "%d proposals, %d rejected", proposals,
              rejected);
    draft_close(&fresh);
    scheduler_free(&r.sc);
    run_close(&r);
}

// Another text at the same address, as in a conversation.
Test(draft, begins_anew)
{
    Run r;
    Sequence q;
    run_open(&r, "heads12", NULL, F32, COUPLED, 1, 4, 40);
    for (int i = 0; i < 3; i++) {
        GenerateOptions o = { .n_new = 20, .sampling = plain };
        sequence_init(&q, &o, r.u.r.ids + i, 8, NULL, &r.u.r.config, 0);
        scheduler_init(&r.sc, &r.so, &q, 1, &r.u.r.config);
        generate(&r.u.m, &r.s, &r.sc, &r.d);
        for (int k = q.n_prompt; k < q.n; k++)
            cr_expect(q.marks[k] != REPLACED, "text %d, token %d: it is the model", i, k);
        scheduler_free(&r.sc);
        sequence_free(&q);
    }
    run_close(&r);
}

// Proposals are not worth another text's pages: of two, the first has 26 tokens, and no page for
// more than 32 until the second has ended.
Test(draft, takes_no_page_from_others)
{
    Run r;
    Sequence q[2];
    GenerateOptions o[] = { { .n_new = 14, .sampling = plain },
                            { .n_new = 7, .sampling = plain } };
    run_open(&r, "tiny", NULL, F32, COUPLED, 2, 8, 40);
    kvcache_free(&r.k);
    KVOptions kv = cached_as(CACHE_PAGED, CROP, F32);
    kv.pages = 2;
    kvcache_init(&r.k, &kv, &r.u.r.config, scheduler_max_rows(&r.so), 2, 40);
    sequence_init(&q[0], &o[0], r.u.r.ids, 26, NULL, &r.u.r.config, 0);
    sequence_init(&q[1], &o[1], r.u.r.ids + 3, 5, NULL, &r.u.r.config, 0);
    scheduler_init(&r.sc, &r.so, q, 2, &r.u.r.config);
    generate(&r.u.m, &r.s, &r.sc, &r.d);
    cr_expect(r.sc.preempted == 0 && q[0].n == 40 && q[1].n == 12, "%d, %d, %d",
              r.sc.preempted, q[0].n, q[1].n);
    cr_expect(q[0].rounds[1].proposed == 0 && q[1].rounds[1].proposed == 5 &&
              q[0].rounds[2].proposed == 8);
    scheduler_free(&r.sc);
    sequence_free(&q[0]);
    sequence_free(&q[1]);
    run_close(&r);
}

static int count_in(const char *path, const char *word)
{
    char line[500];
    int n = 0;
    FILE *f = fopen(path, "r");
    while (fgets(line, sizeof line, f))
        n += strstr(line, word) != NULL;
    fclose(f);
    return n;
}

// A pass for each proposal and one for all of them.
Test(draft, passes)
{
    char path[] = "/tmp/test_10_XXXXXX";
    Run r;
    Sequence q;
    GenerateOptions o = { .n_new = 42, .sampling = plain };
    close(mkstemp(path));
    run_open(&r, "tiny", NULL, F32, COUPLED, 1, 4, 70);
    sequence_init(&q, &o, r.u.r.ids, 5, NULL, &r.u.r.config, 0);
    scheduler_init(&r.sc, &r.so, &q, 1, &r.u.r.config);
    trace_profile_to(path);
    generate(&r.u.m, &r.s, &r.sc, &r.d);
    trace_end();
    // A token by the prompt's pass, 8 rounds of 5, and the last token with no proposal.
    cr_expect(q.n == 47 && r.sc.steps == 10, "%d tokens, %d passes", q.n, r.sc.steps);
    cr_expect(count_in(path, "\"embeddings\"") == 10 + 8 * 4, "%d passes",
              count_in(path, "\"embeddings\""));
    unlink(path);
    scheduler_free(&r.sc);
    sequence_free(&q);
    run_close(&r);
}
