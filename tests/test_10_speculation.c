// Stage 10: with any draft, batch, schedule and cache the text is the plain one, and so are the
// logits, bit for bit.  TEST_SEED=n begins with mix n.
#include "accept.h"
#include "batched.h"
#include "draft.h"
#include "dump.h"
#include "rounds.h"
#include "trace.h"
#include <omp.h>
#include <unistd.h>

enum { TEXTS = 7, LONGEST = 120 };

// A draft that is right now and then: the model, with noise on all weights.
static void write_draft(char *path, const Reference *r, float noise)
{
    char file[600], other[600];
    strcpy(path, "/tmp/test_10_XXXXXX");
    cr_assert_not_null(mkdtemp(path));
    snprintf(file, sizeof file, "%s/config.json", path);
    snprintf(other, sizeof other, "%s/config.json", r->model);
    cr_assert(symlink(other, file) == 0);
    snprintf(file, sizeof file, "%s/model.safetensors", path);
    Dump *d = dump_new(file);
    for (size_t i = 0; i < r->weights.n; i++) {
        const Tensor *from = &r->weights.tensors[i];
        size_t n = tensor_count(from);
        float *x = malloc(2 * n * sizeof *x);
        tensor_floats(x, from, 0, n);
        fill(x + n, n, (unsigned)i);
        for (size_t j = 0; j < n; j++)
            x[j] += noise * x[n + j];
        dump_add(d, from->name, F32, from->rank, from->shape, x);
        free(x);
    }
    dump_close(d);
}

static void remove_draft(const char *path)
{
    char file[600];
    snprintf(file, sizeof file, "%s/config.json", path);
    unlink(file);
    snprintf(file, sizeof file, "%s/model.safetensors", path);
    unlink(file);
    cr_expect(rmdir(path) == 0);
}

typedef struct {
    Subject u;
    Config config;
    char noisy[32], who[600];
    unsigned seed, r;
    DType dtype;
    bool certain;  // the draft is the model itself
    KVOptions kv;
    SchedulerOptions so;
    DraftOptions draft;
    int n, ids[TEXTS][LONGEST], lengths[TEXTS], samples[TEXTS];
    GenerateOptions o[TEXTS];
    char stop[16];
    int ends[TEXTS];       // how long the plain texts are
    float *logits[TEXTS];  // [LONGEST, V] of the plain text, by place
} Mix;

// What the mixes had.
static struct {
    int accepted, rejected, preempted, past, cut;
} seen;

static void draw_draft(Mix *x)
{
    static const float noises[] = { 0.02f, 0.1f, 2 };
    int kind = drawn(&x->r, 4), layers = 1 + drawn(&x->r, x->config.L);
    write_draft(x->noisy, &x->u.r, noises[drawn(&x->r, 3)]);
    snprintf(x->who, sizeof x->who, "%s",
             kind == 0   ? "ngram"
             : kind == 1 ? x->u.r.model
                         : x->noisy);
    if (kind == 3)
        snprintf(x->who, sizeof x->who, "layers:%d", layers);
    x->certain =
        (kind == 1 && x->kv.dtype == F32) || (kind == 3 && layers == x->config.L);
    x->so.gamma = 1 + drawn(&x->r, 8);
    x->draft = (DraftOptions){ .who = x->who, .gamma = x->so.gamma };
}

// Text i: of its own prompt, or a sample of the one before.
static void draw_text(Mix *x, int i)
{
    unsigned *r = &x->r;
    GenerateOptions *o = &x->o[i];
    x->samples[i] = i > 0 && drawn(r, 3) == 0 ? x->samples[i - 1] + 1 : 0;
    if (x->samples[i] > 0) {
        *o = x->o[i - 1];
        x->lengths[i] = x->lengths[i - 1];
        memcpy(x->ids[i], x->ids[i - 1], sizeof x->ids[i]);
        return;
    }
    *o = (GenerateOptions){ .n_new = drawn(r, 4) ? drawn(r, 50) : drawn(r, 4),
                            .ignore_eos = drawn(r, 4) == 0 };
    o->sampling = (SamplingParams){ .kind = drawn(r, 3),
                                    .temperature = 0.4f * (float)drawn(r, 4),
                                    .top_k = drawn(r, 3) ? 0 : 1 + drawn(r, 6),
                                    .top_p = drawn(r, 4) ? 1 : 0.8f,
                                    .repetition = drawn(r, 4) ? 1 : 1.3f,
                                    .no_repeat_ngram = drawn(r, 4) ? 0 : 3,
                                    .seed = (uint64_t)drawn(r, 1000) };
    x->lengths[i] = 1 + (drawn(r, 4) ? drawn(r, 12) : drawn(r, 60));
    for (int j = 0; j < x->lengths[i]; j++)
        x->ids[i][j] = drawn(r, x->config.V);
}

static void draw_mix(Mix *x, AcceptKind accept)
{
    static const char *const models[] = { "tiny", "heads12", "chunk33", "shards", "odd" };
    unsigned *r = &x->r;
    subject_open(&x->u, models[drawn(r, 5)], x->dtype = drawn(r, 2) ? F32 : BF16);
    x->config = x->u.r.config;
    x->kv = cached_as(CACHE_DYNAMIC + drawn(r, 3), drawn(r, 5), drawn(r, 4) ? F32 : BF16);
    x->so = (SchedulerOptions){ .kind = drawn(r, 3),
                                .batch = 1 + drawn(r, 5),
                                .chunk = 1 + drawn(r, 30) };
    draw_draft(x);
    x->draft.accept = (int)accept;
    x->n = 1 + drawn(r, TEXTS);
    for (int i = 0; i < TEXTS; i++) {
        draw_text(x, i);
        x->logits[i] = calloc((size_t)LONGEST * (size_t)x->config.V, sizeof(float));
    }
}

static void mix_close(Mix *x)
{
    for (int i = 0; i < TEXTS; i++)
        free(x->logits[i]);
    remove_draft(x->noisy);
    subject_close(&x->u);
}

static void begin(const Mix *x, Sequence *q, int n)
{
    for (int i = 0; i < n; i++) {
        sequence_init(&q[i], &x->o[i], x->ids[i], x->lengths[i], NULL, &x->config,
                      x->samples[i]);
        q[i].leader = x->samples[i] ? &q[i - x->samples[i]] : NULL;
    }
}

static void end(Sequence *q, int n)
{
    for (int i = 0; i < n; i++)
        sequence_free(&q[i]);
}

// What each plan must keep to.
static void check_plan(void *to, const Scheduler *sc)
{
    const KVCache *k = to;
    for (int i = 0; i < sc->n_running; i++) {
        const Sequence *q = sc->running[i];
        int end = q->n + q->n_draft;
        cr_expect(q->n_draft == 0 || (q->n_draft <= sc->options.gamma && end < q->max &&
                                      end <= k->windows[q->lane].base + k->n_ctx),
                  "%d proposals at %d of %d", q->n_draft, q->n, q->max);
        seen.past += q->n > k->n_ctx && q->n_draft > 0;
    }
}

// generate(), and a look at the logits that count: those of plain decoding, which are kept if
// there is no draft.
static void write_by_hand(Mix *x, State *s, Scheduler *sc, Draft *d, const Sequence *q)
{
    size_t V = (size_t)x->config.V;
    for (draft_start(d);; scheduler_take(sc, s, sc->kept, sc->next)) {
        draft_propose(d, sc, s);
        if (!scheduler_plan(sc, s))
            return;
        device_upload(sc->who, sc->wanted, (size_t)s->W * sizeof *sc->who);
        model_forward(&x->u.m, s);
        draft_judge(d, sc, s);
        for (int row = 0; row < s->W; row++) {
            const Sequence *text = sc->lanes[sc->wanted[row]];
            float *got = from_device(s->logits + (size_t)row * V, V * sizeof *got);
            float *want = x->logits[text - q] + (size_t)s->row_index[row] * V;
            if (!d)
                memcpy(want, got, V * sizeof *want);
            if (!d)
                x->ends[text - q] = s->row_index[row] + 1;
            else if (s->row_index[row] <= text->n + sc->kept[text->lane] &&
                     s->row_index[row] < x->ends[text - q])
                expect_same(x->u.r.model, "logits", got, want, V);
            free(got);
        }
    }
}

// n texts, by the mix's draft or without one.
static void write_all(Mix *x, Sequence *q, int n, bool speculate, bool by_hand)
{
    KVOptions kv = x->kv;
    SchedulerOptions so = x->so;
    KVCache k;
    State s;
    Scheduler sc;
    Draft d, *draft = speculate ? &d : NULL;
    int longest = 1;
    if (!speculate) {
        so = (SchedulerOptions){ .batch = 1, .chunk = LONGEST };
        kv.kind = CACHE_STATIC;
    }
    for (int i = 0; i < n; i++)
        longest = q[i].max > longest ? q[i].max : longest;
    if (kv.kind == CACHE_PAGED)
        kv.pages =
            ((longest < x->config.T ? longest : x->config.T) + KV_CHUNK - 1) / KV_CHUNK +
            (int)(x->seed % 3);
    int rows = scheduler_max_rows(&so);
    kvcache_init(&k, &kv, &x->config, rows, so.batch, longest);
    state_init(&s, &x->config, &k, rows, scheduler_max_wanted(&so));
    if (draft)
        draft_open(&d, &x->draft, &x->u.m, &s, x->dtype, &so, longest);
    scheduler_init(&sc, &so, q, n, &x->config);
    sc.watch = check_plan;
    sc.to = &k;
    if (by_hand)
        write_by_hand(x, &s, &sc, draft, q);
    else
        generate(&x->u.m, &s, &sc, draft);
    cr_expect(k.pages.n_free == k.pages.n, "%d pages kept", k.pages.n - k.pages.n_free);
    seen.preempted += sc.preempted;
    scheduler_free(&sc);
    if (draft)
        draft_close(&d);
    state_free(&s);
    kvcache_free(&k);
}

// The marks and the rounds tell one story.
static void check_rounds(const Mix *x, const Sequence *q)
{
    int at = q->n_prompt, proposed = 0, accepted = 0, rejected = 0;
    for (int r = 0; r < q->n_rounds; r++) {
        Round round = q->rounds[r];
        for (int k = 0; k < round.kept; k++)
            cr_expect(q->marks[at++] == ACCEPTED);
        proposed += round.proposed;
        accepted += round.kept;
        if (at == q->n) {  // an accepted token has ended the text
            cr_expect(r == q->n_rounds - 1 && q->finish != LENGTH && round.kept > 0);
            seen.cut++;
            break;
        }
        int own = round.proposed == 0            ? PLAIN_TOKEN
                  : round.proposed == round.kept ? BONUS
                                                 : REPLACED;
        rejected += own == REPLACED;
        cr_expect(q->marks[at++] == own);
    }
    cr_expect(!x->certain || rejected == 0, "the draft is the model");
    seen.accepted += accepted;
    seen.rejected += rejected;
    RoundSums sum = rounds_sum(q, 1);
    cr_expect(at == q->n && sum.rounds == q->n_rounds && sum.proposed == proposed &&
              sum.accepted == accepted && sum.tested == accepted + rejected);
    for (int k = 0; k < x->draft.gamma; k++) {
        cr_expect(sum.accepted_at[k] <= sum.tested_at[k]);
        accepted -= sum.accepted_at[k];
        rejected -= sum.tested_at[k] - sum.accepted_at[k];
    }
    cr_expect(accepted == 0 && rejected == 0, "the sums by place");
}

static bool same(const Sequence *a, const Sequence *b)
{
    return a->n == b->n && memcmp(a->ids, b->ids, (size_t)a->n * sizeof *a->ids) == 0 &&
           a->finish == b->finish && a->stops.n == b->stops.n &&
           memcmp(a->stops.text, b->stops.text, a->stops.n) == 0;
}

// Writes the first text alone, for a token at which all may end.
static void draw_ends(Mix *x)
{
    Sequence q;
    begin(x, &q, 1);
    write_all(x, &q, 1, false, false);
    int new = q.n - q.n_prompt, kind = drawn(&x->r, 3);
    int id = new > 0 ? q.ids[q.n_prompt + drawn(&x->r, new)] : 0;
    end(&q, 1);
    x->config.eos = kind == 0 ? id : -1;
    snprintf(x->stop, sizeof x->stop, " %d", id);
    for (int i = 0; i < x->n && kind == 1; i++)
        x->o[i].stop = (ArgList){ { x->stop }, 1 };
}

static void run_mix(unsigned seed, AcceptKind accept)
{
    static Mix x;
    Sequence plain[TEXTS], q[TEXTS], again[TEXTS];
    x = (Mix){ .seed = seed, .r = seed * 2654435761u };
    draw_mix(&x, accept);
    draw_ends(&x);
    omp_set_num_threads(1);
    begin(&x, plain, x.n);
    write_all(&x, plain, x.n, false, true);
    omp_set_num_threads(1 + (seed % 4 == 0));
    begin(&x, q, x.n);
    write_all(&x, q, x.n, true, accept == COUPLED && seed % 2);
    begin(&x, again, x.n);
    if (accept == REJECTION)
        write_all(&x, again, x.n, true, false);
    for (int i = 0; i < x.n; i++) {
        const SamplingParams *p = &x.o[i].sampling;
        if (accept == COUPLED || p->temperature == 0 || p->top_k == 1)
            cr_expect(same(&plain[i], &q[i]), "TEST_SEED=%u: text %d", seed, i);
        if (accept == REJECTION)
            cr_expect(same(&again[i], &q[i]), "TEST_SEED=%u: text %d anew", seed, i);
        check_rounds(&x, &q[i]);
    }
    end(plain, x.n);
    end(q, x.n);
    end(again, x.n);
    mix_close(&x);
}

// The mixes were not all easy.
static void check_seen(int mixes)
{
    cr_expect(seen.accepted > 4 * mixes && seen.rejected > 4 * mixes,
              "%d accepted, %d not", seen.accepted, seen.rejected);
    cr_expect(seen.preempted >= mixes / 13 && seen.past >= mixes / 26 &&
                  seen.cut >= mixes / 50,
              "%d waited again, %d rounds past the window, %d cut", seen.preempted,
              seen.past, seen.cut);
}

Test(speculation, coupled_is_plain)
{
    int mixes = fewer(260, 26);
    for (int i = 0; i < mixes; i++)
        run_mix(first_seed() + (unsigned)(i * fewer(1, 10)), COUPLED);
    check_seen(mixes);
}

Test(speculation, rejection_keeps_its_word)
{
    for (int i = 0; i < fewer(65, 8); i++)
        run_mix(first_seed() + (unsigned)i, REJECTION);
}
