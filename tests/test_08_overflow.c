// Stage 08: which tokens must be computed and which keys are seen; past n_ctx, the logits of each
// --overflow against its definition, bit for bit.
#include "cached.h"
#include <omp.h>

// The first row that must be computed, of texts that grow and are cut.
Test(reuse, by_hand)
{
    enum { CUT = 100 };  // CUT + n: cut to n tokens; else how long the text is
    static const int steps[] = {
        5, 6, CUT + 3, 6, 8, 9, 10, CUT + 9, 10, 12, CUT + 2, 4
    };
    static const int crop[] = { 0, 5, -1, 3, 6, 1, 2, -1, 9, 4, -1, 0 };
    static const int half[] = { 0, 5, -1, 3, 6, 4, 9, -1, 9, 10, -1, 0 };
    static const int ring[] = { 0, 5, -1, 3, 6, 8, 9, -1, 0, 10, -1, 0 };
    static const struct {
        KVOptions o;
        const int *want;
        const char *name;
    } cases[] = { { { .kind = CACHE_STATIC, .overflow = CROP }, crop, "crop" },
                  { { .kind = CACHE_DYNAMIC, .overflow = HALF }, half, "half" },
                  { { .kind = CACHE_STATIC, .overflow = RING }, ring, "ring" },
                  { { .kind = CACHE_DYNAMIC, .overflow = SHIFT }, ring, "shift" } };
    Config c = { .V = 3, .T = 8, .C = 4, .L = 1, .NH = 1, .n_inner = 4 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        KVCache k;
        cached_init(&k, &cases[i].o, &c, 8, 8);
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
            if (steps[j] >= CUT) {
                cached_truncate(&k, steps[j] - CUT);
                continue;
            }
            int got = cached_reuse(&k, steps[j]);
            cr_expect(got == cases[i].want[j], "%s, step %zu: %d, not %d", cases[i].name,
                      j, got, cases[i].want[j]);
            for (int n = got; n < steps[j]; n++)
                cached_place(&k, 0);
        }
        kvcache_free(&k);
    }
}

// Without a cache everything is computed anew, whatever was computed before.
Test(reuse, none)
{
    static const int lengths[] = { 5, 6, 8, 9, 10, 4, 4 },
                     want[] = { 0, 0, 0, 1, 2, 0, 0 };
    Config c = { .V = 3, .T = 8, .C = 4, .L = 1, .NH = 1, .n_inner = 4 };
    KVCache k;
    KVOptions o = cached_as(CACHE_NONE, CROP, F32);
    cached_init(&k, &o, &c, 8, 8);
    for (int i = 0; i < 7; i++) {
        int got = cached_reuse(&k, lengths[i]);
        cr_expect(got == want[i], "of %d tokens from %d on, not %d", lengths[i], got,
                  want[i]);
        for (int n = got; n < lengths[i]; n++)
            cached_place(&k, 0);
        cached_truncate(&k, 3);
    }
    kvcache_free(&k);
}

// Where the keys of the newest tokens are, against a list that is moved by hand.
static void check_window(int overflow, int T)
{
    Config c = { .V = 3, .T = T, .C = 4, .L = 1, .NH = 1, .n_inner = 4 };
    int sinks = overflow != SINKS ? 0 : T / 2 < KV_SINKS ? T / 2 : KV_SINKS;
    int list[100], content[1024], n = 0;  // the window, oldest first; each slot's token
    const char *name = kvcache_overflow_name((Overflow)overflow);
    KVCache k;
    KVOptions o = cached_as(CACHE_STATIC, overflow, F32);
    cached_init(&k, &o, &c, 1, T);
    const KVView here = cached_here(&k), *v = &here;
    for (int token = 0; token < 5 * T + 7; token++) {
        cr_assert(cached_full(&k) == (n == T), "%s %d, token %d", name, T, token);
        int pos = cached_place(&k, 0);
        if (n == T)
            memmove(list + sinks, list + sinks + 1, (size_t)(--n - sinks) * sizeof *list);
        list[n++] = token;
        if (v->shift[0])
            for (int j = 0; j + 1 < n; j++)
                content[kvcache_slot(v, 0, j)] = content[kvcache_slot(v, 0, j + 1)];
        content[v->slot[0]] = token;
        cr_assert(pos == n - 1 && v->keys[0] == n, "%s %d, token %d: at %d, %d keys",
                  name, T, token, pos, v->keys[0]);
        for (int j = 0; j < n; j++)
            cr_assert(content[kvcache_slot(v, 0, j)] == list[j],
                      "%s %d, token %d: key %d is token %d's, not %d's", name, T, token,
                      j, content[kvcache_slot(v, 0, j)], list[j]);
        for (int j = 0, run; j < n; j += run) {
            int slot = kvcache_slot(v, 0, j);
            run = kvcache_run(v, 0, j, n - j);
            cr_assert(run > 0 && run <= n - j && slot % KV_CHUNK + run <= KV_CHUNK);
            for (int i = 0; i < run; i++)
                cr_assert(kvcache_slot(v, 0, j + i) == slot + i);
        }
    }
    kvcache_free(&k);
}

Test(window, keys_are_those_of_the_newest_tokens)
{
    static const int lengths[] = { 1, 2, 3, 5, 8, 9, 31, 32, 33, 64, 65, 100 };
    for (int overflow = CROP; overflow <= SINKS; overflow++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            if (overflow != CROP && overflow != HALF)
                check_window(overflow, lengths[i]);
}

// ---- logits, by each overflow's definition

enum { SHARED = 25 };  // tokens that the two texts have in common

typedef struct {
    Subject u;
    const char *name;
    KVOptions o;
    int n, *ids[2];
    float *want[2];  // [n, V] after each token
} Past;

// The first token that is still seen when there are n.
static int base_of(const Past *x, int n)
{
    int T = x->u.r.config.T, base = 0;
    while (n - base > T)
        base += x->o.overflow == HALF ? T / 2 : 1;
    return base;
}

// crop, half: what is seen, as a text of its own.
static void define_exact(const Past *x, const int *ids, float *want)
{
    Road road;
    size_t V = (size_t)x->u.r.config.V;
    KVOptions o = cached_as(CACHE_NONE, CROP, (DType)x->o.dtype);
    road_open(&road, &x->u.r.config, o, x->u.r.config.T);
    for (int n = 1; n <= x->n; n++) {
        state_text(&road.s, ids + base_of(x, n), n - base_of(x, n));
        state_want(&road.s, road.s.T - 1);
        state_upload(&road.s);
        model_forward(&x->u.m, &road.s);
        device_download(want + (size_t)(n - 1) * V, road.s.logits, V * sizeof *want);
    }
    road_close(&road);
}

// shift, ring, sinks: a cache with room for all, of which a row sees the sinks and the newest.
static void define_stale(const Past *x, const int *ids, float *want)
{
    Config c = x->u.r.config, wide = c;
    size_t V = (size_t)c.V;
    State s;
    KVCache k;
    wide.T = x->n;
    KVOptions o = cached_as(CACHE_STATIC, CROP, (DType)x->o.dtype);
    cached_init(&k, &o, &wide, 1, x->n);
    k.view.sinks = x->o.overflow == SINKS ? KV_SINKS : 0;
    state_init(&s, &c, &k, 1, 1);
    for (int i = 0; i < x->n; i++) {
        state_clear(&s);
        cached_place(&k, 0);
        cached_window(&k, 0, i < c.T ? 0 : i - c.T + 1, i < c.T ? i + 1 : c.T);
        state_row(&s, ids[i], i < c.T ? i : c.T - 1);
        state_want(&s, 0);
        state_upload(&s);
        model_forward(&x->u.m, &s);
        device_download(want + (size_t)i * V, s.logits, V * sizeof *want);
    }
    state_free(&s);
    kvcache_free(&k);
}

static void past_open(Past *x, const char *name, KVOptions o)
{
    *x = (Past){ .name = name, .o = o };
    subject_open(&x->u, name, F32);
    x->n = fewer(3, 2) * x->u.r.config.T + 10;
    for (int i = 0; i < 2; i++) {
        x->ids[i] = any_ids(x->n, x->u.r.config.V, (unsigned)i);
        memcpy(x->ids[i], x->ids[0], SHARED * sizeof *x->ids[i]);
        x->want[i] = malloc((size_t)x->n * (size_t)x->u.r.config.V * sizeof(float));
        (o.overflow == CROP || o.overflow == HALF ? define_exact : define_stale)(
            x, x->ids[i], x->want[i]);
    }
}

static void past_close(Past *x)
{
    for (int i = 0; i < 2; i++) {
        free(x->ids[i]);
        free(x->want[i]);
    }
    subject_close(&x->u);
}

static int step(const Past *x, Road *road, const char *how, int text, int n)
{
    static const char *const kinds[] = { "none", "dynamic", "static" };
    char what[100];
    size_t V = (size_t)x->u.r.config.V;
    int rows = cached_logits(&x->u.m, &road->s, x->ids[text], n);
    snprintf(what, sizeof what, "%s, %s, cache %s, after %d tokens", how,
             kvcache_overflow_name((Overflow)x->o.overflow), kinds[x->o.kind], n);
    expect_same_there(x->name, what, road->s.logits, x->want[text] + (size_t)(n - 1) * V,
                      V);
    return rows;
}

// One by one, then in leaps, then back and forth between two texts.
static void check_past(const Past *x, int rows)
{
    Road road;
    int T = x->u.r.config.T, leaps[] = { 3, T - 1, T + 2, 2 * T, x->n };
    bool exact = x->o.overflow == CROP || x->o.overflow == HALF;
    road_open(&road, &x->u.r.config, x->o, rows);
    for (int n = 1; n <= x->n; n++) {
        bool anew = x->o.kind == CACHE_NONE || base_of(x, n) != base_of(x, n - 1);
        int want = exact && anew ? n - base_of(x, n) : 1;
        int got = step(x, &road, "one by one", 0, n);
        cr_expect(got == want, "%s: %d rows were computed, not %d", x->name, got, want);
    }
    cached_truncate(&road.k, 0);
    for (size_t i = 0; i < sizeof leaps / sizeof *leaps; i++)
        step(x, &road, "in leaps", 0, leaps[i]);
    unsigned state = 5;
    for (int i = 0, n = x->n, text = 0; i < 40; i++) {
        int next = drawn(&state, 2);
        int cut = drawn(&state, next == text || n <= SHARED ? n : SHARED + 1);
        cached_truncate(&road.k, cut);
        n = cut + 1 + drawn(&state, i % 2 ? 3 : x->n - cut);
        n = n < x->n ? n : x->n;
        text = next;
        step(x, &road, "after a cut", text, n);
    }
    road_close(&road);
}

static void check_overflow(int overflow)
{
    static const char *const names[] = { "chunk33", "heads12", "odd", "shards" };
    static const DType dtypes[] = { F32, F32, BF16, F16 };
    for (int i = fewer(0, overflow % 4), end = fewer(4, i + 1); i < end; i++) {
        Past x;
        omp_set_num_threads(i == 0 ? 2 : 1);
        past_open(&x, names[i], cached_as(CACHE_STATIC, overflow, dtypes[i]));
        check_past(&x, 1);
        x.o.kind = CACHE_DYNAMIC;
        check_past(&x, 7);
        x.o.kind = CACHE_NONE;
        if (overflow == CROP || overflow == HALF)
            check_past(&x, 64);
        past_close(&x);
    }
}

Test(overflow, crop)
{
    check_overflow(CROP);
}

Test(overflow, half)
{
    check_overflow(HALF);
}

Test(overflow, shift)
{
    check_overflow(SHIFT);
}

Test(overflow, ring)
{
    check_overflow(RING);
}

Test(overflow, sinks)
{
    check_overflow(SINKS);
}

// Otherwise the definitions above would say nothing: they agree up to n_ctx, then differ.
Test(overflow, ways_differ)
{
    Past x[5];
    size_t V = 0;
    omp_set_num_threads(1);
    for (int i = 0; i < 5; i++)
        past_open(&x[i], "chunk33", cached_as(CACHE_STATIC, i, F32));
    V = (size_t)x[0].u.r.config.V;
    for (int i = 1; i < 5; i++)
        for (int j = 0; j < i; j++) {
            bool same = memcmp(x[i].want[0] + 33 * V, x[j].want[0] + 33 * V, V * 4) == 0;
            cr_expect(same == (i == RING && j == SHIFT), "%s and %s",
                      kvcache_overflow_name((Overflow)i),
                      kvcache_overflow_name((Overflow)j));
            cr_expect(memcmp(x[i].want[0], x[j].want[0], 33 * V * 4) == 0);
        }
    for (int i = 0; i < 5; i++)
        past_close(&x[i]);
}
