// Stage 08: whole texts are the same whatever the cache, the passes and the threads; also past n_ctx,
// also several of one prompt.
#include "cached.h"
#include <omp.h>

typedef struct {
    Subject *u;
    unsigned state;  // of the generator
    int n, ids[60];
    Config config;
    GenerateOptions o;
} Mix;

// A text and its settings: most filters are off most of the time.
static Mix mix_of(Subject *subjects, int n_subjects, unsigned seed)
{
    Mix x = { .state = seed * 2654435761u };
    unsigned *r = &x.state;
    x.u = &subjects[drawn(r, n_subjects)];
    x.config = x.u->r.config;
    x.n = 1 + drawn(r, drawn(r, 3) ? 20 : 60);
    for (int i = 0; i < x.n; i++)
        x.ids[i] = drawn(r, x.config.V);
    x.config.eos = drawn(r, 3) ? -1 : drawn(r, x.config.V);
    x.o.n_new = drawn(r, 5) ? drawn(r, 16) : 16 + drawn(r, 30);
    x.o.sampling = (SamplingParams){ .kind = drawn(r, 3),
                                     .temperature = 0.5f * (float)drawn(r, 5),
                                     .top_k = drawn(r, 2) ? 0 : 1 + drawn(r, 20),
                                     .top_p = drawn(r, 2) ? 1 : 0.7f,
                                     .min_p = drawn(r, 3) ? 0 : 0.05f,
                                     .presence = drawn(r, 3) ? 0 : 1.5f,
                                     .frequency = drawn(r, 3) ? 0 : -0.5f,
                                     .repetition = drawn(r, 3) ? 1 : 1.3f,
                                     .no_repeat_ngram = drawn(r, 3) ? 0 : 3,
                                     .seed = (uint64_t)drawn(r, 1000) };
    return x;
}

// One way to write it, drawn among those that must all give one text.
static Sequence written(Mix *x, bool first, int overflow, DType dtype, char *how)
{
    static const char *const kinds[] = { "none", "dynamic", "static" };
    unsigned *r = &x->state;
    Road road;
    Sequence q;
    bool exact = overflow == CROP || overflow == HALF;
    KVOptions o =
        cached_as(first && exact ? CACHE_NONE : 1 + drawn(r, 2), overflow, dtype);
    if (overflow == SHIFT && drawn(r, 2))
        o.overflow = RING;
    int rows = 1 + drawn(r, drawn(r, 2) ? 6 : 80), threads = first ? 1 : 1 + drawn(r, 3);
    omp_set_num_threads(threads);
    road_open(&road, &x->config, o, rows);
    sequence_init(&q, &x->o, x->ids, x->n, NULL, &x->config, 0);
    write_text(&x->u->m, &road.s, &q);
    road_close(&road);
    sprintf(how, "cache %s, overflow %s, %d rows, %d threads", kinds[o.kind],
            kvcache_overflow_name((Overflow)o.overflow), rows, threads);
    return q;
}

static void check_mix(Subject *subjects, int n_subjects, unsigned seed)
{
    char how[2][100];
    Mix x = mix_of(subjects, n_subjects, seed);
    int overflow = drawn(&x.state, 5);
    DType dtype = (DType)drawn(&x.state, 3);
    Sequence a = written(&x, true, overflow, dtype, how[0]);
    Sequence b = written(&x, false, overflow, dtype, how[1]);
    int i = 0;
    while (i < a.n && i < b.n && a.ids[i] == b.ids[i])
        i++;
    cr_expect(i == a.n && i == b.n && a.finish == b.finish,
              "mix %u, %s, keys in %s: %d and %d tokens, unlike from %d on; %s; %s", seed,
              x.u->r.model, dtype_name(dtype), a.n, b.n, i, how[0], how[1]);
    sequence_free(&a);
    sequence_free(&b);
}

Test(texts, are_the_same_whatever_the_cache)
{
    static const char *const names[] = { "tiny", "heads12", "chunk33", "odd", "shards" };
    enum { N = sizeof names / sizeof *names };
    Subject subjects[N];
    for (int i = 0; i < N; i++)
        subject_open(&subjects[i], names[i], i == 1 ? BF16 : F32);
    for (int seed = 1; seed <= fewer(300, 40); seed++)
        check_mix(subjects, N, (unsigned)seed);
    for (int i = 0; i < N; i++)
        subject_close(&subjects[i]);
}

static Sequence alone(const Subject *u, KVOptions o, const GenerateOptions *g,
                      const int *ids, int n, int sample)
{
    Road road;
    Sequence q;
    road_open(&road, &u->r.config, o, 5);
    sequence_init(&q, g, ids, n, NULL, &u->r.config, sample);
    write_text(&u->m, &road.s, &q);
    road_close(&road);
    return q;
}

Test(texts, greedy_past_the_window_as_hugging_face)
{
    Subject u;
    int n;
    omp_set_num_threads(1);
    GenerateOptions g = { .sampling = { .top_p = 1, .repetition = 1 } };
    subject_open(&u, "chunk33", F32);
    int *want = reference_ints(&u.r, "greedy_past", &n);
    cr_assert(n > 28);
    g.n_new = n;
    for (int kind = CACHE_NONE; kind <= CACHE_STATIC; kind++) {
        Sequence q = alone(&u, cached_as(kind, CROP, F32), &g, u.r.ids, 5, 0);
        cr_expect(memcmp(q.ids + 5, want, (size_t)n * sizeof *want) == 0, "cache %d",
                  kind);
        sequence_free(&q);
    }
    free(want);
    subject_close(&u);
}

// Three texts of one prompt, which all pass n_ctx, are what each would be alone; a text whose second
// half follows a prompt that is longer than n_ctx is the one written in one go; and in the end the
// cache, full as it is, is good for another text.
static void check_samples(const Subject *u, KVOptions o)
{
    enum { N = 3, NEW = 60 };
    Road road;
    Sequence q[N];
    const GenerateOptions rest = {
        .n_new = 20, .sampling = { .temperature = 1, .top_p = 1, .repetition = 1 }
    };
    GenerateOptions g = rest;
    g.n_new = NEW;
    const char *name = kvcache_overflow_name((Overflow)o.overflow);
    road_open(&road, &u->r.config, o, 9);
    for (int i = 0; i < N; i++)
        sequence_init(&q[i], &g, u->r.ids, 12, NULL, &u->r.config, i);
    write_samples(&u->m, &road.s, q, N);
    for (int i = 0; i < N; i++) {
        Sequence a = alone(u, o, &g, u->r.ids, 12, i);
        Sequence b = alone(u, o, &rest, a.ids, 12 + NEW - 20, i);
        cr_expect(a.n == 12 + NEW && q[i].n == a.n && b.n == a.n);
        cr_expect(memcmp(a.ids, q[i].ids, (12 + NEW) * sizeof(int)) == 0, "%s: sample %d",
                  name, i);
        cr_expect(memcmp(a.ids, b.ids, (12 + NEW) * sizeof(int)) == 0, "%s: rest of %d",
                  name, i);
        sequence_free(&a);
        sequence_free(&b);
    }
    cr_expect(memcmp(q[0].ids, q[1].ids, 20 * sizeof(int)) != 0);
    for (int i = 0; i < N; i++)
        sequence_free(&q[i]);
    Sequence other, want = alone(u, o, &rest, u->r.ids + 3, 9, 0);
    sequence_init(&other, &rest, u->r.ids + 3, 9, NULL, &u->r.config, 0);
    write_text(&u->m, &road.s, &other);
    cr_expect(memcmp(other.ids, want.ids, (9 + 20) * sizeof(int)) == 0,
              "%s: another text", name);
    sequence_free(&other);
    sequence_free(&want);
    road_close(&road);
}

Test(texts, samples_and_long_prompts)
{
    Subject u;
    omp_set_num_threads(1);
    subject_open(&u, "chunk33", F32);
    for (int kind = CACHE_NONE; kind <= CACHE_STATIC; kind++)
        for (int overflow = CROP; overflow <= SINKS; overflow++)
            if ((kind != CACHE_NONE || overflow == CROP || overflow == HALF) &&
                (!emulated() || kind == (overflow + 2) % 3))
                check_samples(&u, cached_as(kind, overflow, F32));
    subject_close(&u);
}
