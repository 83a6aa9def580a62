// 10b: each text's gamma follows what its last round gave.
#include "draft.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 3, NEW = 60, ROWS = 512 };
static const int prompt[] = { 2620, 652, 258, 528 };  // "Once upon a time"

static void write_on(const Model *m, DraftOptions *o, Sequence *q)
{
    GenerateOptions g = { .n_new = NEW, .ignore_eos = true };
    g.sampling =
        (SamplingParams){ .temperature = 0.7f, .top_p = 1, .repetition = 1, .seed = 3 };
    SchedulerOptions so = { .batch = TEXTS, .chunk = 64, .gamma = o ? o->gamma : 0 };
    KVOptions kv = { .kind = CACHE_STATIC, .overflow = HALF, .dtype = F32 };
    KVCache cache;
    State s;
    Scheduler sc;
    Draft d;
    kvcache_init(&cache, &kv, &m->config, ROWS, TEXTS, NEW + 4);
    state_init(&s, &m->config, &cache, ROWS, scheduler_max_wanted(&so));
    for (int i = 0; i < TEXTS; i++)
        sequence_init(&q[i], &g, prompt, 4, NULL, &m->config, i);
    if (o)
        draft_open(&d, o, m, &s, F32, &so, NEW + 4);
    scheduler_init(&sc, &so, q, TEXTS, &m->config);
    generate(m, &s, &sc, o ? &d : NULL);
    scheduler_free(&sc);
    if (o)
        draft_close(&d);
    state_free(&s);
    kvcache_free(&cache);
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

// 1 if a text's rounds are not as the rule says.
static int check(const Sequence *q, const DraftOptions *o)
{
    int n = 0, gamma = 0;
    for (int r = 0; r < q->n_rounds; r++) {
        Round round = q->rounds[r];
        int want = n ? smaller(smaller(gamma, o->gamma), NEW - n - 1) : 0;
        bool none_found = round.proposed == 0 && strcmp(o->who, "ngram") == 0;
        if (round.proposed != want && !none_found) {
            fprintf(stderr,
                    "--draft %s --gamma %d: round %d has %d proposals, %d are wanted",
                    o->who, o->gamma, r, round.proposed, want);
            if (r > 0)
                fprintf(stderr, "; of the %d before, %d stayed",
                        q->rounds[r - 1].proposed, q->rounds[r - 1].kept);
            fprintf(stderr, "\n");
            return 1;
        }
        gamma = round.kept == round.proposed ? round.proposed + 1
                : round.kept > 1             ? round.kept
                                             : 1;
        n += round.kept + 1;
    }
    return 0;
}

int main(void)
{
    static char *const who[] = { "models/tales", "models/tales-draft", "ngram",
                                 "layers:4" };
    Weights w;
    Config c;
    Model m = { 0 };
    Sequence plain[TEXTS], q[TEXTS];
    weights_open(&w, "models/tales");
    config_read(&c, "models/tales");
    model_load(&m, &w, &c, F32);
    write_on(&m, NULL, plain);
    int wrong = 0;
    for (int i = 0; i < 4 && !wrong; i++) {
        DraftOptions o = { .who = who[i], .gamma = i == 1 ? 3 : 8, .accept = COUPLED };
        write_on(&m, &o, q);
        for (int b = 0; b < TEXTS && !wrong; b++) {
            wrong = check(&q[b], &o);
            if (memcmp(q[b].ids, plain[b].ids, (4 + NEW) * sizeof *q[b].ids)) {
                fprintf(stderr, "--draft %s: another text than without\n", who[i]);
                wrong = 1;
            }
        }
        for (int b = 0; b < TEXTS; b++)
            sequence_free(&q[b]);
    }
    for (int b = 0; b < TEXTS; b++)
        sequence_free(&plain[b]);
    model_free(&m);
    weights_close(&w);
    return wrong;
}
