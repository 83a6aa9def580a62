// Stage 09: texts that are written together are those that each would be alone: any mix of prompts,
// options, schedules, caches and threads.
#include "batched.h"
#include <omp.h>

enum { TEXTS = 10, LONGEST = 140 };

typedef struct {
    int ids[LONGEST], n;
    int leader;  // which text, of the same prompt; -1: none
    GenerateOptions o;
} Text;

typedef struct {
    const Subject *u;
    unsigned seed, r;  // r: the state of the generator
    Config config;
    KVOptions kv;
    SchedulerOptions so;
    int n, threads, book[LONGEST];  // many texts begin as the book does
    Text texts[TEXTS];
} Mix;

// What the mixes had, so that a mix of nothing but easy cases is not taken for a test.
typedef struct {
    int preempted, recalled, shared, padded, past, ended[INTERRUPT + 1];
} Seen;

typedef struct {
    const KVCache *k;
    Seen *seen;
    bool had_lane[TEXTS];
} Watch;

// A text that gets a lane may find keys there: those of its leader, or of a text that began alike.
static void watch(void *to, const Scheduler *sc)
{
    Watch *w = to;
    for (int i = 0; i < sc->n; i++) {
        const Sequence *q = &sc->sequences[i];
        if (q->lane >= 0 && !w->had_lane[i] &&
            w->k->windows[q->lane].length > sc->rows[q->lane]) {
            bool leader = q->leader && q->n == q->n_prompt;
            w->seen->shared += leader;
            w->seen->recalled += !leader;
        }
        w->had_lane[i] = q->lane >= 0;
    }
}

static GenerateOptions options_of(unsigned *r)
{
    static const char *const stops[] = { "7 ", "1 2", "40 ", "9 ", "3 3" };
    GenerateOptions o = { .n_new = drawn(r, 5) ? drawn(r, 20) : 20 + drawn(r, 50),
                          .ignore_eos = drawn(r, 3) == 0 };
    o.stop.n = drawn(r, 3) ? 0 : 1 + drawn(r, 2);
    for (int i = 0; i < o.stop.n; i++)
        o.stop.items[i] = stops[drawn(r, 5)];
    o.sampling = (SamplingParams){ .kind = drawn(r, 3),
                                   .temperature = 0.5f * (float)drawn(r, 5),
                                   .top_k = drawn(r, 2) ? 0 : 1 + drawn(r, 20),
                                   .top_p = drawn(r, 2) ? 1 : 0.7f,
                                   .min_p = drawn(r, 3) ? 0 : 0.05f,
                                   .presence = drawn(r, 3) ? 0 : 1.5f,
                                   .frequency = drawn(r, 3) ? 0 : -0.5f,
                                   .repetition = drawn(r, 3) ? 1 : 1.3f,
                                   .no_repeat_ngram = drawn(r, 3) ? 0 : 3,
                                   .seed = (uint64_t)drawn(r, 1000) };
    return o;
}

static void make_text(Mix *x, int i)
{
    unsigned *r = &x->r;
    Text *t = &x->texts[i];
    t->o = options_of(r);
    t->n = 1 + drawn(r, drawn(r, 2) ? 20 : drawn(r, 3) ? 80 : LONGEST);
    t->leader = -1;
    for (int j = 0, from = drawn(r, 2) ? drawn(r, 120) : 0; j < t->n; j++)
        t->ids[j] = j < from ? x->book[j] : drawn(r, x->config.V);
    if (i == 0 || drawn(r, 3))
        return;
    int other = drawn(r, i);
    t->leader = x->texts[other].leader < 0 ? other : x->texts[other].leader;
    t->n = x->texts[t->leader].n;
    memcpy(t->ids, x->texts[t->leader].ids, sizeof t->ids);
}

static Mix mix_of(const Subject *subjects, int n_subjects, unsigned seed)
{
    Mix x = { .seed = seed, .r = seed * 2654435761u };
    unsigned *r = &x.r;
    x.u = &subjects[drawn(r, drawn(r, 2) ? 3 : n_subjects)];  // the first have more pages
    x.config = x.u->r.config;
    x.config.eos = drawn(r, 3) ? drawn(r, x.config.V) : -1;
    x.n = 1 + drawn(r, TEXTS);
    for (int i = 0; i < LONGEST; i++)
        x.book[i] = drawn(r, x.config.V);
    for (int i = 0; i < x.n; i++)
        make_text(&x, i);
    x.kv = (KVOptions){ drawn(r, 2) ? CACHE_PAGED : drawn(r, 3), drawn(r, 5),
                        drawn(r, 2) ? F32 : drawn(r, 3), 0 };
    if (x.kv.kind == CACHE_NONE && x.kv.overflow != CROP)
        x.kv.overflow = HALF;
    if (x.kv.kind == CACHE_PAGED && drawn(r, 3))
        x.kv.pages = (x.config.T + KV_CHUNK - 1) / KV_CHUNK + drawn(r, 3);
    x.so = (SchedulerOptions){ .kind = drawn(r, 2) ? CONTINUOUS : drawn(r, 3),
                               .batch = 1 + drawn(r, 6),
                               .chunk = 1 + drawn(r, drawn(r, 2) ? 8 : 64) };
    x.threads = drawn(r, 4) ? 1 : 2;
    return x;
}

// All texts, which arrive in any order: place[i] is that of text i.
static void write_together(Mix *x, Sequence *q, int *place, Seen *seen)
{
    State s;
    KVCache k;
    Scheduler sc;
    int rows = scheduler_max_rows(&x->so);
    for (int i = 0; i < x->n; i++) {
        int other = drawn(&x->r, i + 1);
        place[i] = place[other];
        place[other] = i;
    }
    for (int i = 0; i < x->n; i++) {
        const Text *t = &x->texts[i];
        sequence_init(&q[place[i]], &t->o, t->ids, t->n, NULL, &x->config, i);
        q[place[i]].leader = t->leader < 0 ? NULL : &q[place[t->leader]];
    }
    omp_set_num_threads(x->threads);
    kvcache_init(&k, &x->kv, &x->config, rows, x->so.batch, x->config.T);
    state_init(&s, &x->config, &k, rows, x->so.batch);
    scheduler_init(&sc, &x->so, q, x->n, &x->config);
    sc.watch = watch;
    sc.to = &(Watch){ .k = &k, .seen = seen };
    batched_generate(&x->u->m, &s, &sc);
    cr_expect(k.pages.n_free == k.pages.n, "mix %u: %d pages are not given back", x->seed,
              k.pages.n - k.pages.n_free);
    seen->preempted += sc.preempted;
    seen->padded += sc.pad_sum > 0;
    scheduler_free(&sc);
    state_free(&s);
    kvcache_free(&k);
}

static void write_alone(const Mix *x, int i, int kind, Sequence *q)
{
    Road road;
    const Text *t = &x->texts[i];
    omp_set_num_threads(1);
    road_open(&road, &x->config, (KVOptions){ kind, x->kv.overflow, x->kv.dtype, 0 }, 65);
    sequence_init(q, &t->o, t->ids, t->n, NULL, &x->config, i);
    write_text(&x->u->m, &road.s, q);
    road_close(&road);
}

static void compare(const Mix *x, int i, const Sequence *got, const Sequence *want)
{
    int at = 0;
    while (at < got->n && at < want->n && got->ids[at] == want->ids[at])
        at++;
    cr_expect(
        at == want->n && at == got->n && got->finish == want->finish &&
            got->stops.n == want->stops.n &&
            memcmp(got->stops.text, want->stops.text, want->stops.n) == 0,
        "mix %u, text %d of %d, %d tokens (%s), should be %d (%s), unlike from %d on; "
        "%s, prompt of %d, %s, batch %d, chunk %d, cache %d of %d pages, %s, %s, %d "
        "threads",
        x->seed, i, x->n, got->n, sequence_finish(got), want->n, sequence_finish(want),
        at, x->u->r.model, want->n_prompt, scheduler_kind_name((ScheduleKind)x->so.kind),
        x->so.batch, x->so.chunk, x->kv.kind, x->kv.pages, dtype_name((DType)x->kv.dtype),
        kvcache_overflow_name((Overflow)x->kv.overflow), x->threads);
}

static void check_mix(Mix *x, Seen *seen)
{
    Sequence q[TEXTS], alone;
    int place[TEXTS];
    write_together(x, q, place, seen);
    for (int i = 0; i < x->n; i++) {
        const Sequence *got = &q[place[i]];
        bool exact = x->kv.overflow == CROP || x->kv.overflow == HALF;
        write_alone(x, i, exact && x->seed % 4 == 0 ? CACHE_NONE : CACHE_STATIC, &alone);
        compare(x, i, got, &alone);
        seen->past += got->n > x->config.T;
        seen->ended[got->finish]++;
        sequence_free(&alone);
    }
    for (int i = 0; i < x->n; i++)
        sequence_free(&q[i]);
}

Test(texts, are_those_that_each_would_be_alone)
{
    static const char *const names[] = { "tiny",    "tiny",   "heads64", "heads12",
                                         "chunk33", "shards", "odd" };
    enum { N = sizeof names / sizeof *names };
    Subject subjects[N];
    Seen seen = { 0 };
    for (int i = 0; i < N; i++)
        subject_open(&subjects[i], names[i], i % 3 == 1 ? BF16 : F32);
    int mixes = fewer(300, 30);
    for (int i = 0; i < mixes; i++) {
        Mix x = mix_of(subjects, N, first_seed() + (unsigned)i);
        check_mix(&x, &seen);
    }
    for (int i = 0; i < N; i++)
        subject_close(&subjects[i]);
    int least = mixes / 6;
    cr_expect(seen.preempted > least, "preempted: %d", seen.preempted);
    cr_expect(seen.recalled > least / 10 && seen.shared > least / 3,
              "recalled: %d, shared: %d", seen.recalled, seen.shared);
    cr_expect(seen.padded >= least / 5 && seen.past > 2 * least,
              "padded: %d, past n_ctx: %d", seen.padded, seen.past);
    cr_expect(seen.ended[LENGTH] > 2 * least && seen.ended[EOS] > least / 3 &&
                  seen.ended[STOP] > least / 3,
              "ended: %d, %d, %d", seen.ended[LENGTH], seen.ended[EOS], seen.ended[STOP]);
}
