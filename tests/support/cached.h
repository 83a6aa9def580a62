// What the tests of the cache share: the calls whose arguments change in stages 09 and 10, under
// names that stay; and a road: one way through a text, with a cache of its own.
#ifndef CACHED_H
#define CACHED_H

#include "reference.h"
#include "writing.h"

static inline KVOptions cached_as(int kind, int overflow, DType dtype)
{
    return (KVOptions){ .kind = kind, .overflow = overflow, .dtype = (int)dtype };
}

#if __has_include("scheduler.h")
static inline void cached_init(KVCache *k, const KVOptions *o, const Config *c, int rows,
                               int longest)
{
    kvcache_init(k, o, c, rows, 1, longest);
}

static inline int cached_reuse(KVCache *k, int n)
{
    return kvcache_reuse(k, 0, n);
}

static inline bool cached_full(const KVCache *k)
{
    return kvcache_full(k, 0);
}

static inline int cached_place(KVCache *k, int t)
{
    return kvcache_place(k, t, 0);
}

static inline void cached_truncate(KVCache *k, int n)
{
    kvcache_truncate(k, 0, n);
}

// Its one lane has the pages 0, 1 and 2.
static inline KVView cached_view(char *data, DType dtype, int slots, int sinks,
                                 int *first)
{
    static int table[] = { 0, 1, 2 }, lane;
    return (KVView){ .data = data,
                     .dtype = dtype,
                     .L = 2,
                     .NH = 3,
                     .HS = 4,
                     .slots = slots,
                     .sinks = sinks,
                     .first = first,
                     .lane = &lane,
                     .table = table,
                     .max_pages = 3 };
}

// What kernels see of a cache, with the tables in memory of the host.
static inline KVView cached_here(const KVCache *k)
{
    KVView v = k->view;
    v.slot = k->row_slot, v.keys = k->row_keys, v.first = k->row_first;
    v.shift = k->row_shift, v.lane = k->row_lane, v.table = k->row_table;
    return v;
}

static inline int cached_logits(const Model *m, State *s, int *ids, int n)
{
    int i = kvcache_reuse(s->cache, 0, n), rows = n - i;
    while (i < n) {
        state_clear(s);
        while (i < n && s->T < s->max_rows && (s->T == 0 || !kvcache_full(s->cache, 0)))
            state_row(s, ids[i++], kvcache_place(s->cache, s->T, 0));
        if (i == n)
            state_want_next(s, n);
        state_upload(s);
        model_forward(m, s);
    }
    return rows;
}
#else
static inline void cached_init(KVCache *k, const KVOptions *o, const Config *c, int rows,
                               int longest)
{
    kvcache_init(k, o, c, rows, longest);
}

static inline int cached_reuse(KVCache *k, int n)
{
    return kvcache_reuse(k, n);
}

static inline bool cached_full(const KVCache *k)
{
    return kvcache_full(k);
}

static inline int cached_place(KVCache *k, int t)
{
    return kvcache_place(k, t);
}

static inline void cached_truncate(KVCache *k, int n)
{
    kvcache_truncate(k, n);
}

// For a look at the addresses alone: 2 layers, 3 heads, HS 4.  `first` is row 0's.
static inline KVView cached_view(char *data, DType dtype, int slots, int sinks,
                                 int *first)
{
    return (KVView){ .data = data,
                     .dtype = dtype,
                     .L = 2,
                     .NH = 3,
                     .HS = 4,
                     .slots = slots,
                     .sinks = sinks,
                     .first = first };
}

// What kernels see of a cache, with the tables in memory of the host.
static inline KVView cached_here(const KVCache *k)
{
    KVView v = k->view;
    v.slot = k->row_slot, v.keys = k->row_keys, v.first = k->row_first;
    v.shift = k->row_shift;
    return v;
}

// s->logits of the token after ids[n]; returns how many rows that took.
static inline int cached_logits(const Model *m, State *s, int *ids, int n)
{
    Sequence q = { .ids = ids, .n = n };
    generate_logits(m, s, &q);
    return q.computed;
}
#endif

// The row just placed sees `keys` keys, the oldest of which has moved round to `first`.
static inline void cached_window(KVCache *k, int t, int first, int keys)
{
    k->row_first[t] = first;
    k->row_keys[t] = keys;
}

typedef struct {
    Reference r;
    Model m;
} Subject;

static inline void subject_open(Subject *u, const char *name, DType dtype)
{
    quick_kernels();
    reference_open(&u->r, name);
    u->m = (Model){ 0 };
    model_load(&u->m, &u->r.weights, &u->r.config, dtype);
}

static inline void subject_close(Subject *u)
{
    model_free(&u->m);
    reference_close(&u->r);
}

typedef struct {
    State s;
    KVCache k;
} Road;

// Passes of up to `rows` rows, and logits for as many.
static inline void road_open(Road *road, const Config *c, KVOptions o, int rows)
{
    cached_init(&road->k, &o, c, rows, c->T);
    state_init(&road->s, c, &road->k, rows, rows);
}

static inline void road_close(Road *road)
{
    state_free(&road->s);
    kvcache_free(&road->k);
}

// 0 to n - 1, by a generator whose state is the caller's.
static inline int drawn(unsigned *state, int n)
{
    *state = *state * 1664525u + 1013904223u;
    return (int)((*state >> 8) % (unsigned)n);
}

// Ids of any kind, n of them; release with free().
static inline int *any_ids(int n, int V, unsigned seed)
{
    int *ids = calloc((size_t)n + 1, sizeof *ids);
    for (int i = 0; i < n; i++)
        ids[i] = drawn(&seed, V);
    return ids;
}

#endif
