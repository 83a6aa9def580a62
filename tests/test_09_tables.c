// Stage 09: page tables by hand, and by any operations against a naive model: each text reads its own
// keys, whoever shares their pages; no page is lost; what fits is known beforehand.
#include "batched.h"
#include "device.h"
#include "tables.h"

static KVCache cache_of(int pages, int *ids, int n)
{
    KVCache k;
    Config c = { .V = 99, .T = 100, .C = 4, .L = 1, .NH = 1, .n_inner = 4 };
    kvcache_init(&k, &(KVOptions){ CACHE_PAGED, CROP, F32, pages }, &c, 1, 3, 100);
    for (int i = 0; i < n; i++) {
        ids[i] = i;
        kvcache_place(&k, 0, 0);
    }
    return k;
}

Test(tables, recall_by_hand)
{
    static const struct {
        int n, other, held;  // tokens; one that is not as it was; how many are held
    } want[] = { { 32, 99, 0 },  { 33, 99, 32 },  { 64, 99, 32 }, { 65, 99, 64 },
                 { 95, 99, 64 }, { 100, 99, 64 }, { 65, 0, 0 },   { 65, 31, 0 },
                 { 65, 32, 32 }, { 65, 63, 32 },  { 65, 64, 64 }, { 1, 99, 0 } };
    int ids[100], text[100];
    KVCache k = cache_of(6, text, 95);  // two full pages and one that is not
    tables_remember(&k, 0, text, 63);
    cr_expect(tables_recall(&k, 1, text, 95) == 32, "the rest has no name yet");
    kvcache_truncate(&k, 1, 0);
    tables_remember(&k, 0, text, 95);
    for (int free = 0; free < 2; free++) {
        for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
            memcpy(ids, text, sizeof ids);
            for (int j = 95; j < 100; j++)
                ids[j] = j;
            if (want[i].other < 99)
                ids[want[i].other] = 98;
            int held = tables_recall(&k, 1, ids, want[i].n);
            cr_expect(held == want[i].held && k.windows[1].length == held,
                      "%d tokens, number %d is another: %d, not %d", want[i].n,
                      want[i].other, held, want[i].held);
            kvcache_truncate(&k, 1, 0);
        }
        kvcache_truncate(&k, 0, 0);  // the same when nobody has the pages
        cr_expect(k.pages.n_free == 6);
    }
    kvcache_free(&k);
}

// The same page behind two others that differ in one token: behind which, is part of its name.
Test(tables, the_past_counts)
{
    int ids[100], other[100];
    KVCache k = cache_of(6, ids, 64);
    memcpy(other, ids, sizeof other);
    other[31] = 98;
    tables_remember(&k, 0, ids, 64);
    for (int i = 0; i < 32; i++)
        kvcache_place(&k, 0, 1);
    tables_remember(&k, 1, other, 32);
    ids[64] = other[64] = 64;
    cr_expect(tables_recall(&k, 2, other, 65) == 32);
    kvcache_truncate(&k, 2, 0);
    cr_expect(tables_recall(&k, 2, ids, 65) == 64);
    kvcache_free(&k);
}

// Two texts with one past; the second one's next row goes to a page of its own.
Test(tables, copy_on_write_by_hand)
{
    int ids[40];
    KVCache k = cache_of(4, ids, 40);
    size_t bytes = kvcache_chunk_bytes(&k.view);
    char *old = malloc(bytes), *copy = malloc(bytes);
    const int *first = k.row_table, *second = k.row_table + k.view.max_pages;
    fill((float *)old, bytes / sizeof(float), 3);
    device_upload(k.view.data + (size_t)first[1] * bytes, old, bytes);
    tables_fork(&k, 1, 0);
    cr_expect(first[0] == second[0] && first[1] == second[1] && k.pages.n_free == 2);
    cr_expect(k.pages.users[first[0]] == 2 && k.windows[1].length == 40);
    cr_expect(tables_fit(&k, 1, 96 - 40) && !tables_fit(&k, 1, 96 - 40 + 1));
    int shared = first[1];
    cr_expect(kvcache_place(&k, 0, 1) == 40);
    cr_expect(first[0] == second[0] && first[1] == shared && second[1] != shared);
    cr_expect(k.pages.users[shared] == 1 && k.pages.users[second[1]] == 1);
    device_download(copy, k.view.data + (size_t)second[1] * bytes, bytes);
    cr_expect(memcmp(old, copy, bytes) == 0, "all of the page is copied");
    cr_expect(k.row_slot[0] == second[1] * KV_CHUNK + 8);
    kvcache_place(&k, 0, 0);
    cr_expect(first[1] == shared, "alone on its page it stays there");
    kvcache_truncate(&k, 0, 0);
    cr_expect(k.pages.users[second[0]] == 1 && k.pages.n_free == 2);
    kvcache_truncate(&k, 1, 0);
    cr_expect(k.pages.n_free == 4);
    free(old);
    free(copy);
    kvcache_free(&k);
}

// ---- any operations.  A key's bytes say of which text it is, and where.

enum { LANES = 4, LONGEST = 300, BOOKS = 3 };

typedef struct {
    int ids[LONGEST], n;
    uint64_t print[LONGEST];    // of each token and all before it
    int seen[LONGEST], n_seen;  // the window: numbers of tokens, oldest first
    int book, leaves;           // the text follows a book up to there
} Lane;

typedef struct {
    KVCache k;
    Config c;
    bool stale;
    Lane lanes[LANES];
    unsigned r;
    int copies, refused, recalled, forked;
} World;

static void world_open(World *w, KVOptions o, int T, unsigned seed)
{
    *w = (World){ .c = { .V = 9, .T = T, .C = 4, .L = 2, .NH = 1, .n_inner = 4 },
                  .stale = o.overflow != CROP,
                  .r = seed * 2654435761u };
    kvcache_init(&w->k, &o, &w->c, 1, LANES, LONGEST);
}

static void key_bytes(uint64_t print, int layer, int which, uint64_t bytes[2])
{
    bytes[0] = print;
    bytes[1] = print * 31 + (uint64_t)(2 * layer + which);
}

static void write_key(World *w, int slot, uint64_t print)
{
    uint64_t bytes[2];
    for (int i = 0; i < 4; i++) {
        key_bytes(print, i / 2, i % 2, bytes);
        device_upload(kvcache_at(&w->k.view, i / 2, i % 2, 0, slot), bytes, sizeof bytes);
    }
}

static bool holds(const World *w, int slot, uint64_t print)
{
    uint64_t want[2], got[2];
    for (int i = 0; i < 4; i++) {
        key_bytes(print, i / 2, i % 2, want);
        device_download(got, kvcache_at(&w->k.view, i / 2, i % 2, 0, slot), sizeof got);
        if (memcmp(want, got, sizeof got) != 0)
            return false;
    }
    return true;
}

// All keys that a lane's next row would see, the users of all pages, and what is free.
static void check_world(World *w, const char *what)
{
    KVCache *k = &w->k;
    int users[LANES * LONGEST / KV_CHUNK + LANES] = { 0 }, n_free = 0;
    for (int i = 0; i < LANES; i++) {
        const Lane *x = &w->lanes[i];
        const int *table = k->row_table + i * k->view.max_pages;
        cr_assert(k->windows[i].length == x->n_seen, "%s: lane %d holds %d, not %d", what,
                  i, k->windows[i].length, x->n_seen);
        for (int p = 0; p < k->view.max_pages; p++) {
            cr_assert((table[p] >= 0) == (p * KV_CHUNK < x->n_seen), "%s: lane %d", what,
                      i);
            if (table[p] >= 0)
                users[table[p]]++;
        }
        k->row_first[0] = k->windows[i].start;
        k->row_lane[0] = i;
        kvcache_upload(k, 1);
        const KVView here = cached_here(k);
        for (int j = 0; j < x->n_seen; j++)
            cr_assert(holds(w, kvcache_slot(&here, 0, j), x->print[x->seen[j]]),
                      "%s: key %d of lane %d is another's", what, j, i);
    }
    for (int page = 0; page < k->pages.n; page++) {
        n_free += users[page] == 0;
        cr_assert(k->pages.users[page] == users[page], "%s: page %d has %d users, not %d",
                  what, page, k->pages.users[page], users[page]);
    }
    cr_assert(k->pages.n_free == n_free, "%s: %d free, not %d", what, k->pages.n_free,
              n_free);
}

// Token number n of a lane's text.
static void next_token(World *w, Lane *x)
{
    int n = x->n++;
    x->ids[n] = n < x->leaves ? (x->book * 7 + n * n) % 5 : 5 + drawn(&w->r, 4);
    uint64_t before = n > 0 ? x->print[n - 1] : 0;
    x->print[n] = (before + (uint64_t)x->ids[n] + 1) * 0x9e3779b97f4a7c15u;
    x->print[n] ^= x->print[n] >> 29;
}

static bool place(World *w, int lane)
{
    KVCache *k = &w->k;
    Lane *x = &w->lanes[lane];
    bool full = kvcache_full(k, lane);
    if (kvcache_place(k, 0, lane) < 0)
        return false;
    kvcache_upload(k, 1);
    next_token(w, x);
    if (full) {
        int sinks = k->view.sinks;
        memmove(x->seen + sinks, x->seen + sinks + 1,
                (size_t)(--x->n_seen - sinks) * sizeof *x->seen);
    }
    x->seen[x->n_seen++] = x->n - 1;
    const KVView here = cached_here(k);
    for (int j = 0; here.shift[0] && j + 1 < x->n_seen; j++)
        write_key(w, kvcache_slot(&here, 0, j), x->print[x->seen[j]]);
    write_key(w, here.slot[0], x->print[x->n - 1]);
    return true;
}

static void cut(World *w, int lane, int n)
{
    Lane *x = &w->lanes[lane];
    kvcache_truncate(&w->k, lane, n);
    if (n < x->n && x->n > x->n_seen)
        n = 0;  // what was seen before has been overwritten
    x->n_seen = n < x->n ? n : x->n_seen;
    x->n = n < x->n ? n : x->n;
}

// Rows for a lane: there is room for them just when tables_fit says so.  (A ring that is full may
// need fewer pages than it asks for.)
static void grow(World *w, int lane)
{
    KVCache *k = &w->k;
    Lane *x = &w->lanes[lane];
    int room = w->c.T - x->n_seen, rows = 1 + drawn(&w->r, drawn(&w->r, 2) ? 3 : 40);
    int before = x->n, done = 0, table[LONGEST];
    if (x->n + rows > LONGEST || (room == 0 && !w->stale))
        cut(w, lane, 0);
    room = w->c.T - x->n_seen;
    before = x->n;
    rows = room == 0 ? 1 : rows < room ? rows : room;
    size_t bytes = (size_t)k->view.max_pages * sizeof *table;
    memcpy(table, k->row_table + lane * k->view.max_pages, bytes);
    bool fits = tables_fit(k, lane, rows);
    while (done < rows && place(w, lane))
        done++;
    cr_assert(!fits || done == rows, "%d rows should fit, %d did", rows, done);
    cr_assert(fits || done < rows || (room == 0 && k->options.overflow != SHIFT),
              "%d rows should not fit", rows);
    for (int p = 0; p < k->view.max_pages; p++)
        w->copies +=
            table[p] >= 0 && table[p] != k->row_table[lane * k->view.max_pages + p];
    w->refused += done < rows;
    if (done < rows)
        cut(w, lane, before);
}

static void fork_lane(World *w, int to, int from)
{
    if (to == from)
        return;
    tables_fork(&w->k, to, from);
    w->lanes[to] = w->lanes[from];
    w->lanes[to].leaves = w->lanes[from].n;
    w->forked++;
}

// Is there a page with a name whose last key is that of this text's token n - 1?
static bool is_known(const World *w, const Lane *x, int n)
{
    for (int page = 0; page < w->k.pages.n; page++)
        if (w->k.pages.names[page] &&
            (size_t)(page + 1) * kvcache_chunk_bytes(&w->k.view) <= w->k.bytes &&
            holds(w, page * KV_CHUNK + KV_CHUNK - 1, x->print[n - 1]))
            return true;
    return false;
}

static void recall(World *w, int lane)
{
    Lane *x = &w->lanes[lane];
    int want = 0, n = 1 + drawn(&w->r, w->c.T);
    cut(w, lane, 0);
    *x = (Lane){ .book = drawn(&w->r, BOOKS), .leaves = drawn(&w->r, 3) ? n : 40 };
    while (x->n < n)
        next_token(w, x);
    while (want + KV_CHUNK < n && is_known(w, x, want + KV_CHUNK))
        want += KV_CHUNK;
    int got = tables_recall(&w->k, lane, x->ids, n);
    cr_assert(got == want && got < n, "of %d tokens %d were recalled, not %d", n, got,
              want);
    w->recalled += got > 0;
    x->n = x->n_seen = got;
    for (int j = 0; j < got; j++)
        x->seen[j] = j;
}

static void act(World *w)
{
    static const char *const names[] = { "grow", "grow",     "cut",
                                         "fork", "remember", "recall" };
    int lane = drawn(&w->r, LANES), other = drawn(&w->r, LANES), what = drawn(&w->r, 6);
    Lane *x = &w->lanes[lane];
    if (what <= 1)
        grow(w, lane);
    else if (what == 2)
        cut(w, lane, drawn(&w->r, x->n + 1));
    else if (what == 3)
        fork_lane(w, lane, other);
    else if (what == 4)
        tables_remember(&w->k, lane, x->ids, x->n);
    else
        recall(w, lane);
    check_world(w, names[what]);
}

static void check_tables(int kind, int overflow, int T, int pages)
{
    World *w = calloc(1, sizeof *w);
    unsigned seed = first_seed() + (unsigned)(kind * 5 + overflow);
    world_open(w, (KVOptions){ kind, overflow, F32, pages }, T, seed);
    int steps = fewer(10000, 1000), least = steps / 200;
    for (int step = 0; step < steps; step++)
        act(w);
    cr_expect(w->copies > least && w->recalled > least && w->forked > least, "%d, %d, %d",
              w->copies, w->recalled, w->forked);
    cr_expect(kind != CACHE_PAGED || w->refused > least, "%d", w->refused);
    cr_expect(kind == CACHE_PAGED || w->refused == 0, "room for all lanes");
    for (int lane = 0; lane < LANES; lane++)
        cut(w, lane, 0);
    check_world(w, "all cut");
    cr_expect(w->k.pages.n_free == w->k.pages.n);
    kvcache_free(&w->k);
    free(w);
}

Test(tables, any_operations)
{
    for (int overflow = CROP; overflow <= SINKS; overflow++)
        if (overflow != HALF) {
            check_tables(CACHE_PAGED, overflow, 100, 5);
            check_tables(CACHE_STATIC, overflow, 70, 0);
            check_tables(CACHE_DYNAMIC, overflow, 64, 0);
        }
}
