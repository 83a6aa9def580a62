// Keys and values of the tokens that were seen.  Chapter 8.
#include "kvcache.h"
#include "error.h"
#include "memory.h"
#include <assert.h>
#include <stdlib.h>

static const char *const overflows[] = { "crop", "shift", "ring", "half", "sinks", NULL };

void kvcache_options(Args *a, KVOptions *o)
{
    static const char *const kinds[] = { "none", "dynamic", "static", NULL };
    static const char *const dtypes[] = { "f32", "f16", "bf16", NULL };
    args_group(a, "Cache");
    args_choice(a, "cache=KIND", 0, &o->kind, CACHE_STATIC, kinds,
                "of keys and values: none, one that grows, one for the whole window");
    args_choice(a, "overflow=HOW", 0, &o->overflow, CROP, overflows,
                "past n_ctx: crop and half compute anew, the others do not");
    args_choice(a, "kv-dtype=TYPE", 0, &o->dtype, F32, dtypes,
                "type of the keys and values that are kept");
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
    size_t R = (size_t)max_rows;
    MemoryPart host[] = {
        { &k->row_slot, R, sizeof(int) },
        { &k->row_keys, R, sizeof(int) },
        { &k->row_first, R, sizeof(int) },
        { &k->row_shift, R, sizeof(int) },
        { NULL, 0, 0 },
    };
    MemoryPart device[] = {
        { &k->view.slot, R, sizeof(int) },
        { &k->view.keys, R, sizeof(int) },
        { &k->view.first, R, sizeof(int) },
        { &k->view.shift, R, sizeof(int) },
        { NULL, 0, 0 },
    };
    k->host = memory_block(host, "rows of the cache");
    k->rows = device_alloc(memory_bytes(device), "rows of the cache");
    memory_cut(device, k->rows);
}

void kvcache_init(KVCache *k, const KVOptions *o, const Config *c, int max_rows,
                  int longest)
{
    *k = (KVCache){ .options = *o, .n_ctx = c->T };
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
    allocate_rows(k, max_rows);
    if (o->kind != CACHE_DYNAMIC)
        kvcache_reserve(k, ((longest < c->T ? longest : c->T) + KV_CHUNK - 1) / KV_CHUNK);
}

void kvcache_free(KVCache *k)
{
    device_free(k->view.data);
    device_free(k->rows);
    free(k->host);
}

// The window begins at `base`, and keeps its first tokens.
static void restart(KVCache *k, int base, int length)
{
    Window *w = &k->window;
    w->base = base;
    w->length = length;
    w->start = 0;
}

void kvcache_truncate(KVCache *k, int n)
{
    Window *w = &k->window;
    if (n >= w->base + w->length)
        return;
    w->target = 0;
    if (n <= w->base || (w->base > 0 && keeps_stale(k)))
        restart(k, 0, 0);  // what it held before has been overwritten
    else
        restart(k, w->base, n - w->base);
}

// How many tokens of a text must have left the window, for n to be in it.
static int window_base(const KVCache *k, int n)
{
    int over = n - k->n_ctx, step = k->n_ctx / 2 > 0 ? k->n_ctx / 2 : 1;
    if (over <= 0)
        return 0;
    return k->options.overflow == CROP ? over : (over + step - 1) / step * step;
}

int kvcache_reuse(KVCache *k, int n)
{
    Window *w = &k->window;
    bool again = k->options.kind == CACHE_NONE && w->target != n;
    int base = keeps_stale(k) ? w->base : window_base(k, n);
    if (again || base != w->base)
        restart(k, base, 0);
    w->target = n;
    return w->base + w->length;
}

bool kvcache_full(const KVCache *k)
{
    return k->window.length == k->n_ctx;
}

int kvcache_place(KVCache *k, int t)
{
    KVView *v = &k->view;
    Window *w = &k->window;
    bool full = kvcache_full(k), shift = full && k->options.overflow == SHIFT;
    assert(!full || keeps_stale(k));
    int ring = v->slots - v->sinks, j = full ? w->length - 1 : w->length;
    int start = (w->start + (full && !shift)) % ring;
    int slot = j < v->sinks ? j : v->sinks + (start + j - v->sinks) % ring;
    kvcache_reserve(k, slot / KV_CHUNK + 1);
    w->base += full;  // the oldest token after the sinks leaves
    w->length += !full;
    w->start = start;
    k->row_slot[t] = slot;
    k->row_keys[t] = w->length;
    k->row_first[t] = w->start;
    k->row_shift[t] = shift;
    return j;
}

void kvcache_text(KVCache *k, int n)
{
    kvcache_truncate(k, 0);
    for (int t = 0; t < n; t++)
        kvcache_place(k, t);
}

void kvcache_upload(KVCache *k, int T)
{
    size_t bytes = (size_t)T * sizeof(int);
    device_upload(k->view.slot, k->row_slot, bytes);
    device_upload(k->view.keys, k->row_keys, bytes);
    device_upload(k->view.first, k->row_first, bytes);
    device_upload(k->view.shift, k->row_shift, bytes);
    k->seen = 0;
    for (int t = 0; t < T; t++)
        k->seen += k->row_keys[t];
}
