// Keys and values of the tokens that were seen.  Chapter 8.
#include "kvcache.h"
#include "error.h"
#include "memory.h"
#include "tables.h"
#include <assert.h>
#include <stdlib.h>

static const char *const overflows[] = { "crop", "shift", "ring", "half", "sinks", NULL };

void kvcache_options(Args *a, KVOptions *o)
{
    static const char *const kinds[] = { "none", "dynamic", "static", "paged", NULL };
    static const char *const dtypes[] = { "f32", "f16", "bf16", NULL };
    args_group(a, "Cache");
    args_choice(a, "cache=KIND", 0, &o->kind, CACHE_STATIC, kinds,
                "of keys and values: none, one that grows, room for all lanes, or pages");
    args_choice(a, "overflow=HOW", 0, &o->overflow, CROP, overflows,
                "past n_ctx: crop and half compute anew, the others do not");
    args_choice(a, "kv-dtype=TYPE", 0, &o->dtype, F32, dtypes,
                "type of the keys and values that are kept");
    args_int(a, "pages=N", 0, &o->pages, 0, 0, 1 << 24,
             "of --cache paged, 32 tokens each; 0: enough for all lanes");
}

const char *kvcache_overflow_name(Overflow overflow)
{
    return overflows[overflow];
}

// Do old keys stay when the window moves on?
static bool keeps_stale(const KVCache *k)
{
    return k->options.overflow != CROP && k->options.overflow != HALF;
}

size_t kvcache_chunk_bytes(const KVView *v)
{
    return (size_t)v->L * 2 * v->NH * KV_CHUNK * v->HS * dtype_size(v->dtype);
}

void kvcache_reserve(KVCache *k, int chunks)
{
    size_t bytes = (size_t)chunks * kvcache_chunk_bytes(&k->view);
    if (bytes <= k->bytes)
        return;
    char *data = device_alloc(bytes, "the KV cache");
    device_copy(data, k->view.data, k->bytes);
    device_free(k->view.data);
    k->view.data = data;
    k->bytes = bytes;
}

static void allocate_rows(KVCache *k, int max_rows)
{
    size_t R = (size_t)max_rows, lanes = (size_t)k->lanes;
    size_t table = lanes * (size_t)k->view.max_pages;
    MemoryPart host[] = {
        { &k->row_slot, R, sizeof(int) },       { &k->row_keys, R, sizeof(int) },
        { &k->row_first, R, sizeof(int) },      { &k->row_shift, R, sizeof(int) },
        { &k->row_lane, R, sizeof(int) },       { &k->row_table, table, sizeof(int) },
        { &k->windows, lanes, sizeof(Window) }, { NULL, 0, 0 },
    };
    MemoryPart device[] = {
        { &k->view.slot, R, sizeof(int) },
        { &k->view.keys, R, sizeof(int) },
        { &k->view.first, R, sizeof(int) },
        { &k->view.shift, R, sizeof(int) },
        { &k->view.lane, R, sizeof(int) },
        { &k->view.table, table, sizeof(int) },
        { NULL, 0, 0 },
    };
    k->host = memory_block(host, "rows of the cache");
    k->rows = device_alloc(memory_bytes(device), "rows of the cache");
    memory_cut(device, k->rows);
    for (size_t i = 0; i < table; i++)
        k->row_table[i] = -1;
}

void kvcache_init(KVCache *k, const KVOptions *o, const Config *c, int max_rows,
                  int lanes, int longest)
{
    *k = (KVCache){ .options = *o, .n_ctx = c->T, .lanes = lanes };
    if (o->kind == CACHE_NONE && keeps_stale(k))
        die("--overflow %s keeps old keys and values: it needs another --cache than none",
            overflows[o->overflow]);
    k->view.dtype = (DType)o->dtype;
    k->view.L = c->L;
    k->view.NH = c->NH;
    k->view.HS = c->C / c->NH;
    k->view.slots = c->T;
    if (o->overflow == SINKS)
        k->view.sinks = KV_SINKS < c->T / 2 ? KV_SINKS : c->T / 2;
    k->view.max_pages = ((longest < c->T ? longest : c->T) + KV_CHUNK - 1) / KV_CHUNK;
    allocate_rows(k, max_rows);
    int pages = o->pages > 0 ? o->pages : lanes * k->view.max_pages;
    if (pages < k->view.max_pages)
        die("--pages %d: one text needs up to %d pages of %d tokens", pages,
            k->view.max_pages, KV_CHUNK);
    pages_init(&k->pages, pages, KV_CHUNK);
    if (o->kind != CACHE_DYNAMIC)
        kvcache_reserve(k, pages);
}

void kvcache_free(KVCache *k)
{
    pages_free(&k->pages);
    device_free(k->view.data);
    device_free(k->rows);
    free(k->host);
}

// The window begins at `base`, and keeps its first tokens.
static void restart(KVCache *k, int lane, int base, int length)
{
    Window *w = &k->windows[lane];
    w->base = base;
    w->length = length;
    w->start = 0;
    tables_drop(k, lane, length);
}

void kvcache_truncate(KVCache *k, int lane, int n)
{
    Window *w = &k->windows[lane];
    if (n >= w->base + w->length)
        return;
    w->target = 0;
    if (n <= w->base || (w->base > 0 && keeps_stale(k)))
        restart(k, lane, 0, 0);  // what it held before has been overwritten
    else
        restart(k, lane, w->base, n - w->base);
}

// How many tokens of a text must have left the window, for n to be in it.
static int window_base(const KVCache *k, int n)
{
    int over = n - k->n_ctx, step = k->n_ctx / 2 > 0 ? k->n_ctx / 2 : 1;
    if (over <= 0)
        return 0;
    return k->options.overflow == CROP ? over : (over + step - 1) / step * step;
}

int kvcache_reuse(KVCache *k, int lane, int n)
{
    Window *w = &k->windows[lane];
    bool again = k->options.kind == CACHE_NONE && w->target != n;
    int base = keeps_stale(k) ? w->base : window_base(k, n);
    if (again || base != w->base)
        restart(k, lane, base, 0);
    w->target = n;
    return w->base + w->length;
}

bool kvcache_full(const KVCache *k, int lane)
{
    return k->windows[lane].length == k->n_ctx;
}

int kvcache_place(KVCache *k, int t, int lane)
{
    KVView *v = &k->view;
    Window *w = &k->windows[lane];
    bool full = kvcache_full(k, lane), shift = full && k->options.overflow == SHIFT;
    assert(!full || keeps_stale(k));
    int ring = v->slots - v->sinks, j = full ? w->length - 1 : w->length;
    int start = (w->start + (full && !shift)) % ring;
    int slot = j < v->sinks ? j : v->sinks + (start + j - v->sinks) % ring;
    for (int i = shift ? 0 : slot; i <= slot; i++)
        if (!tables_own(k, lane, i))
            return -1;
    w->base += full;  // the oldest token after the sinks leaves
    w->length += !full;
    w->start = start;
    int page = k->row_table[lane * v->max_pages + slot / KV_CHUNK];
    k->row_slot[t] = page * KV_CHUNK + slot % KV_CHUNK;
    k->row_keys[t] = w->length;
    k->row_first[t] = w->start;
    k->row_shift[t] = shift;
    k->row_lane[t] = lane;
    return j;
}

void kvcache_text(KVCache *k, int n)
{
    kvcache_truncate(k, 0, 0);
    for (int t = 0; t < n; t++)
        kvcache_place(k, t, 0);
}

void kvcache_upload(KVCache *k, int T)
{
    size_t bytes = (size_t)T * sizeof(int);
    size_t table = (size_t)(k->lanes * k->view.max_pages) * sizeof(int);
    device_upload(k->view.slot, k->row_slot, bytes);
    device_upload(k->view.keys, k->row_keys, bytes);
    device_upload(k->view.first, k->row_first, bytes);
    device_upload(k->view.shift, k->row_shift, bytes);
    device_upload(k->view.lane, k->row_lane, bytes);
    device_upload(k->view.table, k->row_table, table);
    k->seen = 0;
    for (int t = 0; t < T; t++)
        k->seen += k->row_keys[t];
}
