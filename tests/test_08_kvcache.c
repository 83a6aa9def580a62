// Stage 08: addresses by hand; with the cache the same logits as without, bit for bit; nothing is
// allocated from token to token.  Texts, and what is past n_ctx: test_08_overflow.c.
#include "cached.h"
#include <omp.h>

Test(address, slots_by_hand)
{
    static const struct {
        int j, n, slot, run;
    } want[] = {
        { 0, 40, 0, 4 },   { 3, 37, 3, 1 },   { 4, 36, 9, 23 }, { 4, 5, 9, 5 },
        { 26, 14, 31, 1 }, { 27, 13, 32, 8 }, { 34, 6, 39, 1 }, { 35, 5, 4, 5 },
        { 35, 1, 4, 1 },   { 38, 2, 7, 2 },   { 39, 1, 8, 1 },
    };
    int first = 5;  // of the ring of slots 4 to 39, behind four sinks
    KVView v = cached_view(NULL, F32, 40, 4, &first);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        int j = want[i].j, slot = kvcache_slot(&v, 0, j);
        int run = kvcache_run(&v, 0, j, want[i].n);
        cr_expect(slot == want[i].slot, "key %d is in slot %d, not %d", j, slot,
                  want[i].slot);
        cr_expect(run == want[i].run, "from key %d on %d are together, not %d", j, run,
                  want[i].run);
    }
    v = cached_view(NULL, F32, 70, 0, &first);
    cr_expect(kvcache_slot(&v, 0, 0) == 5 && kvcache_slot(&v, 0, 69) == 4);
    first = 0;
    cr_expect(kvcache_slot(&v, 0, 69) == 69 && kvcache_run(&v, 0, 64, 6) == 6);
}

// [chunks, L = 2, 2, NH = 3, 32, HS = 4]: slot 33 is the second one of chunk 1.
Test(address, memory_by_hand)
{
    static char data[2 * 2 * 2 * 3 * 32 * 4 * 4];
    KVView v = cached_view(data, F32, 64, 0, NULL);
    cr_expect(kvcache_at(&v, 0, 0, 0, 0) == data);
    cr_expect(kvcache_at(&v, 0, 0, 0, 1) - data == 4 * 4);
    cr_expect(kvcache_at(&v, 0, 0, 1, 0) - data == 32 * 4 * 4);
    cr_expect(kvcache_at(&v, 0, 1, 0, 0) - data == 3 * 32 * 4 * 4);
    cr_expect(kvcache_at(&v, 1, 0, 0, 0) - data == 2 * 3 * 32 * 4 * 4);
    cr_expect(kvcache_at(&v, 1, 1, 2, 33) - data == (23 * 32 + 1) * 4 * 4);
    v = cached_view(data, BF16, 64, 0, NULL);
    cr_expect(kvcache_at(&v, 1, 1, 2, 33) - data == (23 * 32 + 1) * 4 * 2);
}

// Logits of all rows of a text, in passes of the road's rows; returns how many passes.
static int prefill(const Subject *u, Road *road, const int *ids, int n, float *logits)
{
    State *s = &road->s;
    size_t V = (size_t)u->r.config.V;
    int passes = 0, i = 0;
    cached_truncate(&road->k, 0);
    cr_expect(cached_reuse(&road->k, n) == 0);
    for (; i < n; passes++) {
        int from = i;
        state_clear(s);
        while (i < n && s->T < s->max_rows) {
            state_row(s, ids[i++], cached_place(&road->k, s->T));
            state_want(s, s->T - 1);
        }
        state_upload(s);
        model_forward(&u->m, s);
        device_download(logits + (size_t)from * V, s->logits,
                        (size_t)(i - from) * V * sizeof(float));
    }
    return passes;
}

// A text of n tokens, each with logits [V]: computed anew for each, and in other ways.
typedef struct {
    Subject u;
    int n, *ids;
    float *want, *got;
    const char *name;
} Text;

static void text_open(Text *x, const char *name, DType dtype, int n)
{
    x->name = name;
    subject_open(&x->u, name, dtype);
    x->n = n > 0 ? n : x->u.r.T;
    x->ids = any_ids(x->n, x->u.r.config.V, 8);
    size_t size = (size_t)x->n * (size_t)x->u.r.config.V * sizeof(float);
    x->want = malloc(size);
    x->got = malloc(size);
}

static void text_close(Text *x)
{
    free(x->ids);
    free(x->want);
    free(x->got);
    subject_close(&x->u);
}

static void compare(const Text *x, const char *how, KVOptions o, int rows, int threads)
{
    static const char *const kinds[] = { "none", "dynamic", "static" };
    char what[100];
    snprintf(what, sizeof what, "%s, cache %s %s, %d rows, %d threads", how,
             kinds[o.kind], dtype_name((DType)o.dtype), rows, threads);
    expect_same(x->name, what, x->got, x->want, (size_t)x->n * (size_t)x->u.r.config.V);
}

// One by one without a cache: a pass over the whole text so far for each.
static void uncached(const Text *x, DType dtype, float *logits)
{
    Road road;
    size_t V = (size_t)x->u.r.config.V;
    road_open(&road, &x->u.r.config, cached_as(CACHE_NONE, CROP, dtype), x->n);
    for (int n = 1; n <= x->n; n++) {
        int rows = cached_logits(&x->u.m, &road.s, x->ids, n);
        cr_expect(rows == n, "without a cache %d rows were computed, not %d", rows, n);
        device_download(logits + (size_t)(n - 1) * V, road.s.logits, V * sizeof *logits);
    }
    road_close(&road);
}

static void check_whole(const Text *x, KVOptions o, int threads)
{
    Road road;
    road_open(&road, &x->u.r.config, o, x->n);
    state_text(&road.s, x->ids, x->n);
    for (int t = 0; t < x->n; t++)
        state_want(&road.s, t);
    state_upload(&road.s);
    model_forward(&x->u.m, &road.s);
    device_download(x->got, road.s.logits,
                    (size_t)x->n * (size_t)x->u.r.config.V * sizeof *x->got);
    compare(x, "whole", o, x->n, threads);
    road_close(&road);
}

// Token by token after a prompt of 5, as a text is written.
static void check_decoding(const Text *x, KVOptions o, int threads)
{
    Road road;
    size_t V = (size_t)x->u.r.config.V;
    road_open(&road, &x->u.r.config, o, 3);
    memcpy(x->got, x->want, 4 * V * sizeof *x->got);
    for (int n = 5; n <= x->n; n++) {
        int rows = cached_logits(&x->u.m, &road.s, x->ids, n);
        cr_expect(rows == (n == 5 ? 5 : 1), "%s: %d rows for token %d", x->name, rows, n);
        device_download(x->got + (size_t)(n - 1) * V, road.s.logits, V * sizeof *x->got);
    }
    compare(x, "decoding", o, 3, threads);
    road_close(&road);
}

static void check_roads(const Text *x, DType dtype, int threads)
{
    const int rows[] = { 1, 3, 64, x->n }, n_rows = x->n > 64 ? 4 : 3;
    omp_set_num_threads(threads);
    for (int kind = CACHE_NONE; kind <= CACHE_STATIC; kind++) {
        KVOptions o = cached_as(kind, CROP, dtype);
        check_whole(x, o, threads);
        if (kind == CACHE_NONE)
            continue;
        check_decoding(x, o, threads);
        for (int i = 0; i < n_rows; i++) {
            Road road;
            road_open(&road, &x->u.r.config, o, rows[i]);
            int passes = prefill(&x->u, &road, x->ids, x->n, x->got);
            cr_expect(passes == (x->n + rows[i] - 1) / rows[i]);
            compare(x, "prefill", o, rows[i], threads);
            road_close(&road);
        }
    }
}

Test(logits, of_all_models)
{
    for (const char *const *name = quick_models(); *name; name++) {
        Text x;
        text_open(&x, *name, F32, 0);
        omp_set_num_threads(1);
        uncached(&x, F32, x.want);
        check_roads(&x, F32, 1);
        if (threads_to_try(2) > 1)
            check_roads(&x, F32, 2);
        text_close(&x);
    }
}

// The cache rounds keys and values to its type before anything reads them: then the roads are the
// same bits too, near those of f32, and not the same as those.
static void check_types(const char *name, DType weights, int n, int threads)
{
    static const double tolerance[] = { 0, TOLERANCE_F16, TOLERANCE_BF16 };
    Text x;
    text_open(&x, name, weights, n);
    size_t count = (size_t)x.n * (size_t)x.u.r.config.V;
    float *exact = malloc(count * sizeof *exact);
    for (DType dtype = F32; dtype <= BF16; dtype++) {
        omp_set_num_threads(threads == 1 ? 2 : 1);
        uncached(&x, dtype, x.want);
        if (dtype == F32)
            memcpy(exact, x.want, count * sizeof *exact);
        else
            cr_expect(memcmp(exact, x.want, count * sizeof *exact) != 0);
        // With weights of BF16, so are the activations: a small change may become a step.
        expect_close(name, dtype_name(dtype), x.want, exact, count,
                     dtype != F32 && weights == BF16 ? TOLERANCE_BF16 : tolerance[dtype]);
        check_roads(&x, dtype, threads);
    }
    free(exact);
    text_close(&x);
}

Test(logits, of_all_types)
{
    for (int threads = 1; threads <= threads_to_try(3); threads++) {
        check_types("heads12", F32, 0, threads);
        check_types("heads12", BF16, 0, threads);
    }
    const char *large = emulated() ? "head80" : "tales";
    check_types(large, F32, 10, 2);
    check_types(large, BF16, 10, 3);
}

// ---- memory

// The sanitizers have a malloc of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define COUNTS 0
#elif defined(__has_feature)
#define COUNTS !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define COUNTS 1
#endif

static int calls;

#if COUNTS
extern char __executable_start, etext;  // the linker's: where this program's code is

// Calls of our own code: what OpenMP and qsort do is not our business.
static void count(const void *caller)
{
    const char *at = caller;
    if (at >= &__executable_start && at < &etext)
        __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size)
{
    count(__builtin_return_address(0));
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_memalign(align, size);
}
#endif

// What changes when memory is allocated: calls, and bytes on the device.  CUDA calls malloc when it
// likes.
static size_t allocated(void)
{
    return (on_cpu() ? (size_t)calls : 0) + device_bytes();
}

typedef struct {
    int tokens;
    size_t second, last;  // allocated when the second one came, and the last
} Told;

static void told(void *to, const char *text, size_t n)
{
    Told *t = to;
    (void)text, (void)n;
    t->last = allocated();
    if (++t->tokens == 2)
        t->second = t->last;
}

// From the second token to the last.
static size_t allocations(const Subject *u, KVOptions o, SamplingParams p)
{
    Road road;
    Sequence q;
    Told t = { 0 };
    GenerateOptions g = { .n_new = 60, .ignore_eos = true, .sampling = p };
    road_open(&road, &u->r.config, o, 8);
    sequence_init(&q, &g, u->r.ids, 5, NULL, &u->r.config, 0);
    q.emit = told;
    q.to = &t;
    write_text(&u->m, &road.s, &q);
    cr_expect(t.tokens == 60);
    sequence_free(&q);
    road_close(&road);
    return t.last - t.second;
}

Test(memory, nothing_is_allocated_from_token_to_token)
{
    if (!COUNTS && on_cpu()) {
        fprintf(stderr, "SKIP memory: malloc is the sanitizer's\n");
        return;
    }
    Subject u;
    omp_set_num_threads(2);
    subject_open(&u, "chunk33", F32);  // 65 tokens: past the window
    const SamplingParams greedy = { .top_p = 1, .repetition = 1 };
    const SamplingParams plain = { .temperature = 1, .top_p = 0.9f, .repetition = 1.2f };
    for (int overflow = CROP; overflow <= SINKS; overflow++)
        for (DType dtype = F32; dtype <= BF16; dtype++) {
            KVOptions o = cached_as(CACHE_STATIC, overflow, dtype);
            size_t n = allocations(&u, o, greedy) + allocations(&u, o, plain);
            cr_expect(n == 0, "%s: malloc was called: %zu",
                      kvcache_overflow_name((Overflow)overflow), n);
        }
    cr_expect(allocations(&u, cached_as(CACHE_NONE, CROP, F32), greedy) == 0);
    cr_expect(allocations(&u, cached_as(CACHE_DYNAMIC, CROP, F32), greedy) > 0,
              "what grows allocates, or nothing is counted");
    subject_close(&u);
}
