// Stage 10: texts by rejection, all the way: drafts, rounds and their noise.  They come from the
// model's distribution, which plain passes give.
#include "drafted.h"
#include "room.h"

enum { KEEP = 3, NEW = 5, LOOK = 4, CELLS = KEEP * KEEP * KEEP * KEEP, SAMPLES = 8000 };

static const SamplingParams plain = {
    .temperature = 2, .top_k = KEEP, .top_p = 1, .repetition = 1, .seed = 42
};

// The chance of each way to go on by LOOK tokens, KEEP of them possible each time: to
// probs[LOOK levels of KEEP], and the tokens themselves.
static void walk(const Model *m, State *s, Sampler *sp, int *ids, int n, int level,
                 double chance, int cell, double *probs, int (*tokens)[LOOK])
{
    float p[256];
    if (level == LOOK) {
        probs[cell] = chance;
        memcpy(tokens[cell], ids + n - LOOK, sizeof tokens[cell]);
        return;
    }
    state_text(s, ids, n);
    state_want_next(s, n);
    state_upload(s);
    model_forward(m, s);
    float *there = device_alloc((size_t)s->config.V * sizeof *p, "probabilities");
    sampling_probs(sp, s->logits, n, there);
    device_download(p, there, (size_t)s->config.V * sizeof *p);
    device_free(there);
    for (int id = 0, nth = 0; id < s->config.V; id++)
        if (p[id] > 0) {
            ids[n] = id;
            walk(m, s, sp, ids, n + 1, level + 1, chance * (double)p[id],
                 cell * KEEP + nth++, probs, tokens);
        }
}

static void check_texts(const char *model, const char *who)
{
    static Sequence q[SAMPLES];
    static double probs[CELLS];
    static int tokens[CELLS][LOOK], count[CELLS];
    int ids[32] = { 4, 9, 8, 1, 2, 7, 3, 5, 4, 0, 6, 8, 9, 4, 3, 2, 1, 4, 6, 3, 9 };
    int n = 21, lost = 0, cells = 0, marks[BONUS + 1] = { 0 };
    double chi = 0, rest = 0, rest_count = 0;
    int samples = fewer(SAMPLES, 200);
    Run r;
    State alone;
    GenerateOptions o = { .n_new = NEW, .sampling = plain };
    run_open(&r, model, who, F32, REJECTION, 8, 3, 32);
    if (!who)
        draft_spoil(&r.d);
    who = r.d.options.who;
    for (int i = 0; i < samples; i++) {
        sequence_init(&q[i], &o, ids, n, NULL, &r.u.r.config, i);
        q[i].leader = i > 0 ? q : NULL;
    }
    scheduler_init(&r.sc, &r.so, q, samples, &r.u.r.config);
    generate(&r.u.m, &r.s, &r.sc, &r.d);
    room_init(&alone, &r.u.r.config, 32, 1);
    walk(&r.u.m, &alone, r.sc.samplers, ids, n, 0, 1, 0, probs, tokens);
    memset(count, 0, sizeof count);
    for (int i = 0; i < samples; i++) {
        int cell = 0;
        while (cell < CELLS &&
               memcmp(q[i].ids + n, tokens[cell], sizeof tokens[cell]) != 0)
            cell++;
        if (cell < CELLS)
            count[cell]++;
        lost += cell == CELLS;
        for (int k = n; k < q[i].n; k++)
            marks[(int)q[i].marks[k]]++;
    }
    for (int i = 0; i < CELLS; i++) {
        double expected = probs[i] * samples;
        if (expected < 8) {
            rest += expected;
            rest_count += count[i];
            continue;
        }
        chi += pow(count[i] - expected, 2) / expected;
        cells++;
    }
    chi += rest > 0 ? pow(rest_count - rest, 2) / rest : 0;
    cr_expect(lost == 0, "%s: %d texts that cannot be", who, lost);
    cr_expect(cells > fewer(30, 1) && marks[REPLACED] > samples / 10 &&
                  marks[ACCEPTED] > samples / 10,
              "%s: %d cells, %d accepted, %d not", who, cells, marks[ACCEPTED],
              marks[REPLACED]);
    cr_expect(chi < cells * pow(1 - 2.0 / (9 * cells) + 4 * sqrt(2.0 / (9 * cells)), 3),
              "%s: chi-square %g of %d cells", who, chi, cells);
    for (int i = 0; i < samples; i++)
        sequence_free(&q[i]);
    room_free(&alone);
    scheduler_free(&r.sc);
    run_close(&r);
}

Test(rejection, by_the_first_block)
{
    check_texts("chunk33", "layers:1");
}

Test(rejection, by_the_text_itself)
{
    check_texts("tiny", "ngram");
}

Test(rejection, by_another_model)
{
    check_texts("tiny", NULL);
}
