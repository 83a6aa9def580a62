// Stage 10: recorded passes of drafts and of verification, and two half-batches on two streams, give
// the texts and the rounds of one batch without recordings.
#include "drafted.h"
#include "overlap.h"
#include "recorded.h"

enum { TEXTS = 5, BATCH = 4, GAMMA = 2, NEW = 5 };

// Samples of one prompt: the first two in one half, the last in the other, behind another text.
static void begin(const Run *r, Sequence *q)
{
    static const int lengths[TEXTS] = { 5, 5, 2, 12, 5 };
    int *ids = any_ids(40, r->u.r.config.V, 9);
    memcpy(ids + 14, ids + 10, 4 * sizeof *ids);  // for ngram
    for (int i = 0; i < TEXTS; i++) {
        GenerateOptions o = { .n_new = NEW + 3 * (i % 2), .ignore_eos = true };
        o.sampling = (SamplingParams){
            .temperature = i == 3 ? 0 : 1, .top_p = 1, .repetition = 1.1f, .seed = 3
        };
        sequence_init(&q[i], &o, i == 3 ? ids + 10 : ids, lengths[i], NULL,
                      &r->u.r.config, i);
        q[i].leader = i == 1 || i == 4 ? q : NULL;
    }
    free(ids);
}

static void end(Sequence *q)
{
    for (int i = 0; i < TEXTS; i++)
        sequence_free(&q[i]);
}

// Returns the passes that it took.
static int write_all(Run *r, Sequence *q, bool halves)
{
    begin(r, q);
    scheduler_init(&r->sc, &r->so, q, TEXTS, &r->u.r.config);
    if (halves)
        overlap_generate(&r->u.m, &r->s, &r->sc, &r->d);
    else
        generate(&r->u.m, &r->s, &r->sc, &r->d);
    int steps = r->sc.steps;
    scheduler_free(&r->sc);
    return steps;
}

static void check(const char *who, int accept)
{
    Run r;
    Sequence want[TEXTS], got[TEXTS];
    char how[160];
    run_open(&r, "chunk33", who, BF16, accept, BATCH, GAMMA, 30);
    int steps = write_all(&r, want, false);
    for (int way = 1; way < 4; way++) {
        bool halves = way & 1, graphs = way & 2;
        if (graphs && !r.s.graphs) {
            r.s.graphs = any_graphs();
            r.d.state.graphs = r.d.kind == DRAFT_NGRAM ? NULL : any_graphs();
        }
        Counts before = counts_since((Counts){ 0, 0 });
        int took = write_all(&r, got, halves);
        Counts seen = counts_since(before);
        sprintf(how, "draft %.90s, accept %d, %s, graphs %s", who ? who : "(model)",
                accept, halves ? "halves" : "whole", graphs ? "on" : "off");
        for (int i = 0; i < TEXTS; i++) {
            expect_same_text(how, &got[i], &want[i]);
            cr_expect(got[i].n_rounds == want[i].n_rounds, "%s: %d rounds, not %d", how,
                      got[i].n_rounds, want[i].n_rounds);
        }
        cr_expect(halves ? took > steps : took == steps, "%s: %d passes", how, took);
        if (!graphs || !device_records())
            cr_expect(seen.recorded == 0 && seen.replayed == 0);
        else  // 1, 2, 4, 8, 12 rows, or 1, 2, 4, 6 of each half; and a draft's
            cr_expect(seen.recorded <= 16 && seen.replayed > 0, "%s: %d, %d", how,
                      seen.recorded, seen.replayed);
        end(got);
    }
    end(want);
    run_close(&r);
}

Test(graphs, of_drafts_and_halves)
{
    check(NULL, COUPLED);
    check(NULL, REJECTION);
    check("layers:2", COUPLED);
    check("ngram", REJECTION);
}

// A half may be without texts to write, and a text without tokens.
Test(graphs, halves_that_end_at_once)
{
    Run r;
    Sequence q[2];
    GenerateOptions o = { .n_new = 0 };
    int id = 1;
    run_open(&r, "tiny", "ngram", F32, COUPLED, 2, GAMMA, 10);
    for (int i = 0; i < 2; i++) {
        o.n_new = 4 * i;
        o.sampling = (SamplingParams){ .temperature = 1, .top_p = 1, .repetition = 1 };
        sequence_init(&q[i], &o, &id, 1, NULL, &r.u.r.config, 0);
    }
    scheduler_init(&r.sc, &r.so, q, 2, &r.u.r.config);
    overlap_generate(&r.u.m, &r.s, &r.sc, &r.d);
    cr_expect(q[0].n == 1 && q[1].n == 5);
    scheduler_free(&r.sc);
    sequence_free(&q[0]);
    sequence_free(&q[1]);
    run_close(&r);
}
