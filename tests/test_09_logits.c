// Stage 09: the logits of texts that are written together are, to the bit, those of each text alone.
#include "batched.h"
#include "device.h"
#include <omp.h>

enum { SCRIPT = 6, NEW = 8, ROWS = 64 };

// Texts that are written by hand, as generate() does; each row of logits is kept.
typedef struct {
    const Subject *u;
    State s;
    KVCache k;
    Scheduler sc;
    Sequence q[SCRIPT];
    float *logits[SCRIPT];  // [NEW, V]
} Script;

static void script_open(Script *x, const Subject *u, SchedulerOptions so, KVOptions kv)
{
    static const int lengths[] = { 1, 7, 19, 30, 12, 12 };
    int rows = scheduler_max_rows(&so), *ids = any_ids(ROWS, u->r.config.V, 4);
    *x = (Script){ .u = u };
    for (int i = 0; i < SCRIPT; i++) {
        GenerateOptions o = { .n_new = NEW, .ignore_eos = true };
        o.sampling = (SamplingParams){ .temperature = 0.5f * (float)i,
                                       .top_p = i % 2 ? 0.9f : 1,
                                       .repetition = 1.1f,
                                       .seed = (uint64_t)i };
        sequence_init(&x->q[i], &o, ids, lengths[i], NULL, &u->r.config, i);
        x->logits[i] = malloc(NEW * (size_t)u->r.config.V * sizeof(float));
    }
    x->q[5].leader = &x->q[4];
    kvcache_init(&x->k, &kv, &u->r.config, rows, so.batch, ROWS);
    state_init(&x->s, &u->r.config, &x->k, rows, so.batch);
    scheduler_init(&x->sc, &so, x->q, SCRIPT, &u->r.config);
    free(ids);
}

static void script_close(Script *x)
{
    scheduler_free(&x->sc);
    state_free(&x->s);
    kvcache_free(&x->k);
    for (int i = 0; i < SCRIPT; i++) {
        sequence_free(&x->q[i]);
        free(x->logits[i]);
    }
}

static void script_write(Script *x)
{
    int next[8];
    State *s = &x->s;
    size_t V = (size_t)s->config.V;
    while (scheduler_plan(&x->sc, s)) {
        device_upload(x->sc.who, x->sc.wanted, (size_t)s->W * sizeof *next);
        model_forward(&x->u->m, s);
        for (int i = 0; i < s->W; i++) {
            const Sequence *q = x->sc.lanes[x->sc.wanted[i]];
            device_download(x->logits[q - x->q] + (size_t)(q->n - q->n_prompt) * V,
                            s->logits + (size_t)i * V, V * sizeof(float));
        }
        sampling_next(x->sc.samplers, x->sc.options.batch, x->sc.who, s->logits, s->index,
                      s->next, s->W);
        device_download(next, s->next, (size_t)s->W * sizeof *next);
        batched_take(&x->sc, s, next);
    }
}

// Its tokens are those that a sampler of its own draws.
static void check_draws(const Script *x, int i, State *s)
{
    const Sequence *q = &x->q[i];
    Sampler sp;
    int V = s->config.V, who = 0, id;
    sampler_init(&sp, &q->sampling, V, q->max, i);
    sampler_text(&sp, 0, q->ids, q->n);
    device_upload(s->want, &who, sizeof who);
    for (int at = q->n_prompt; at < q->n; at++) {
        const float *logits = x->logits[i] + (at - q->n_prompt) * V;
        device_upload(s->logits, logits, (size_t)V * sizeof *logits);
        device_upload(s->index, &at, sizeof at);
        sampling_next(&sp, 1, s->want, s->logits, s->index, s->next, 1);
        device_download(&id, s->next, sizeof id);
        cr_expect(id == q->ids[at], "text %d, token %d: %d is drawn", i, at, id);
    }
    sampler_free(&sp);
}

static void check_logits(const Subject *u, SchedulerOptions so, KVOptions kv)
{
    Script x;
    Road road;
    char what[60];
    size_t V = (size_t)u->r.config.V;
    script_open(&x, u, so, kv);
    script_write(&x);
    road_open(&road, &u->r.config, cached_as(CACHE_STATIC, CROP, (DType)kv.dtype), ROWS);
    for (int i = 0; i < SCRIPT; i++) {
        const Sequence *q = &x.q[i];
        cr_assert(q->n == q->n_prompt + NEW);
        state_text(&road.s, q->ids, q->n - 1);
        for (int row = q->n_prompt - 1; row < q->n - 1; row++)
            state_want(&road.s, row);
        state_upload(&road.s);
        model_forward(&u->m, &road.s);
        snprintf(what, sizeof what, "%s, logits of text %d",
                 scheduler_kind_name((ScheduleKind)so.kind), i);
        expect_same_there(u->r.model, what, road.s.logits, x.logits[i], NEW * V);
        check_draws(&x, i, &road.s);
    }
    cr_expect(x.sc.preempted > 0 || kv.pages == 0, "there were pages enough");
    road_close(&road);
    script_close(&x);
}

Test(logits, are_those_of_the_text_alone)
{
    const char *const names[] = { "heads12", emulated() ? "shards" : "tales" };
    omp_set_num_threads(2);
    for (int i = 0; i < 4; i++) {
        Subject u;
        DType dtype = i / 2 ? BF16 : F32;
        subject_open(&u, names[i % 2], dtype);
        for (int kind = CONTINUOUS; kind <= GROUPED; kind++) {
            SchedulerOptions so = { .kind = kind, .batch = 4, .chunk = 9 };
            KVOptions kv = { CACHE_PAGED, CROP, (int)dtype, kind == GROUPED ? 0 : 2 };
            check_logits(&u, so, kv);  // two pages: some have to wait again
            if (i % 2 == 0)
                check_logits(&u, so, cached_as(CACHE_STATIC, CROP, dtype));
        }
        subject_close(&u);
    }
}
