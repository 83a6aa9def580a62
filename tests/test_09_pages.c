// Stage 09: pages by hand, and by any operations against a plain list: who has a page, which one is
// taken, what is found by its tokens.  And nothing else is allocated while texts are written.
#include "batched.h"
#include "pages.h"
#include <omp.h>

Test(pages, by_hand)
{
    static const int abc[] = { 1, 2, 3 }, abd[] = { 1, 2, 4 };
    Pages p;
    pages_init(&p, 3, 3);
    int a = pages_take(&p), b = pages_take(&p), c = pages_take(&p);
    cr_expect(a + b + c == 3 && a * b * c == 0 && a != b && b != c && a != c);
    cr_expect(p.n_free == 0 && pages_take(&p) == -1);
    pages_share(&p, a);
    pages_drop(&p, a);
    cr_expect(p.users[a] == 1 && p.n_free == 0);
    uint64_t one = pages_name(&p, a, 0, abc), two = pages_name(&p, b, one, abc);
    cr_expect(one != 0 && two != 0 && one != two);
    pages_drop(&p, b);
    pages_drop(&p, a);
    pages_drop(&p, c);
    cr_expect(p.n_free == 3);
    cr_expect(pages_find(&p, 0, abc) == a && pages_find(&p, one, abc) == b);
    cr_expect(pages_find(&p, 0, abd) == -1 && pages_find(&p, two, abc) == -1);
    cr_expect(pages_take(&p) == c, "first what has no name");
    cr_expect(pages_take(&p) == b, "then what has been free longest");
    cr_expect(pages_find(&p, one, abc) == -1 && pages_find(&p, 0, abc) == a);
    pages_share(&p, a);
    cr_expect(p.n_free == 0 && pages_take(&p) == -1);
    pages_forget(&p, a);
    cr_expect(pages_find(&p, 0, abc) == -1);
    pages_free(&p);
}

// ---- any operations, against a list without an order

enum { N = 7, TOKENS = 2 };

typedef struct {
    int users, freed;  // when it was given back
    bool named;
    uint64_t before, name;
    int ids[TOKENS];
} Plain;

static bool should_be_taken(const Plain *list, int page)
{
    if (list[page].users > 0)
        return false;
    for (int i = 0; i < N; i++)
        if (list[i].users == 0 && list[page].named &&
            (!list[i].named || list[i].freed < list[page].freed))
            return false;
    return true;
}

static bool has_name(const Plain *x, uint64_t before, const int *ids)
{
    return x->named && x->before == before && memcmp(x->ids, ids, sizeof x->ids) == 0;
}

static void find(const Pages *p, const Plain *list, uint64_t before, const int *ids)
{
    int got = pages_find(p, before, ids), there = 0;
    for (int i = 0; i < N; i++)
        there += has_name(&list[i], before, ids);
    cr_assert(got < 0 ? there == 0 : has_name(&list[got], before, ids),
              "found page %d; there are %d", got, there);
}

static void operate(Pages *p, Plain *list, unsigned *r, int step)
{
    int page = drawn(r, N), ids[TOKENS] = { drawn(r, 2), drawn(r, 2) };
    Plain *x = &list[page], *other = &list[drawn(r, N)];
    uint64_t before = other->named && drawn(r, 2) ? other->name : 0;
    int operation = drawn(r, 6);
    if (operation == 0) {
        int got = pages_take(p), n_free = 0;
        for (int i = 0; i < N; i++)
            n_free += list[i].users == 0;
        cr_assert(got < 0 ? n_free == 0 : should_be_taken(list, got), "took page %d",
                  got);
        if (got >= 0)
            list[got] = (Plain){ .users = 1 };
    } else if (operation == 1) {
        pages_share(p, page);
        x->users++;
    } else if (operation <= 3 && x->users > 0) {
        pages_drop(p, page);
        x->freed = --x->users == 0 ? step : x->freed;
    } else if (operation == 4 && x->users > 0) {
        x->named = true;
        x->before = before;
        x->name = pages_name(p, page, before, ids);
        memcpy(x->ids, ids, sizeof ids);
        cr_assert(x->name != 0 && p->names[page] == x->name);
    } else if (operation == 5 && x->users > 0) {
        pages_forget(p, page);
        x->named = false;
    }
    find(p, list, before, ids);
}

Test(pages, as_a_plain_list)
{
    unsigned r = first_seed();
    Pages p;
    Plain list[N] = { 0 };
    pages_init(&p, N, TOKENS);
    for (int step = 0; step < 50000; step++) {
        int n_free = 0;
        operate(&p, list, &r, step);
        for (int i = 0; i < N; i++) {
            cr_assert(p.users[i] == list[i].users, "step %d: page %d has %d users", step,
                      i, p.users[i]);
            n_free += list[i].users == 0;
        }
        cr_assert(p.n_free == n_free, "step %d: %d free, not %d", step, p.n_free, n_free);
    }
    for (int i = 0; i < N; i++)
        while (p.users[i] > 0)
            pages_drop(&p, i);
    cr_expect(p.n_free == N);
    for (int i = 0; i < N; i++)
        cr_expect(pages_take(&p) >= 0);
    cr_expect(pages_take(&p) == -1);
    pages_free(&p);
}

// ---- memory

// The sanitizers have a malloc of their own, and clang's OpenMP allocates where a region has one
// thread.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    !defined(__GLIBC__) || defined(__clang__)
#define COUNTS 0
#else
#define COUNTS 1
#endif

static int calls;           // of malloc
static size_t early, late;  // what was allocated until the third pass, until the last

#if COUNTS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

void *malloc(size_t size)
{
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    return __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    return __libc_memalign(align, size);
}
#endif

static void look(void *to, const Scheduler *sc)
{
    (void)to;
    late = (on_cpu() ? (size_t)calls : 0) + device_bytes();  // CUDA calls malloc
    early = sc->steps <= 3 ? late : early;
}

// Calls of malloc, and bytes on the device, between the third pass and the last, of texts that come, end
// and wait again.
static size_t allocations(const Subject *u, KVOptions kv, int schedule)
{
    enum { TEXTS = 9 };
    State s;
    KVCache k;
    Scheduler sc;
    Sequence q[TEXTS];
    SchedulerOptions so = { .kind = schedule, .batch = 3, .chunk = 9 };
    int rows = scheduler_max_rows(&so), *ids = any_ids(80, u->r.config.V, 4);
    for (int i = 0; i < TEXTS; i++) {
        GenerateOptions o = { .n_new = 10 * (i + 1), .ignore_eos = true };
        o.sampling = (SamplingParams){ .top_p = 1, .repetition = 1, .temperature = 1 };
        sequence_init(&q[i], &o, ids, 1 + 37 * i % 80, NULL, &u->r.config, i);
    }
    kvcache_init(&k, &kv, &u->r.config, rows, so.batch, 200);
    state_init(&s, &u->r.config, &k, rows, so.batch);
    scheduler_init(&sc, &so, q, TEXTS, &u->r.config);
    sc.watch = look;
    batched_generate(&u->m, &s, &sc);
    cr_expect(kv.pages == 0 || schedule == GROUPED || sc.preempted > 0);
    for (int i = 0; i < TEXTS; i++)
        sequence_free(&q[i]);
    scheduler_free(&sc);
    state_free(&s);
    kvcache_free(&k);
    free(ids);
    return late - early;
}

Test(memory, nothing_is_allocated_between_passes)
{
    if (!COUNTS && on_cpu()) {
        fprintf(stderr, "SKIP memory: others call malloc, too\n");
        return;
    }
    Subject u;
    omp_set_num_threads(2);
    subject_open(&u, "tiny", F32);
    for (int kind = CONTINUOUS; kind <= GROUPED; kind++) {
        cr_expect(allocations(&u, (KVOptions){ CACHE_STATIC, RING, F32, 0 }, kind) == 0);
        cr_expect(allocations(&u, (KVOptions){ CACHE_PAGED, SHIFT, F32, 5 }, kind) == 0);
    }
    cr_expect(allocations(&u, cached_as(CACHE_DYNAMIC, RING, F32), CONTINUOUS) > 0,
              "what grows allocates, or nothing is counted");
    subject_close(&u);
}
