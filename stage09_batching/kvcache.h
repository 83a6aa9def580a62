// Keys and values of the tokens that the model has seen, so that none is computed twice.
//
//     KVCache k;
//     kvcache_init(&k, &options, &config, max_rows, lanes, longest);
//     int i = kvcache_reuse(&k, lane, n);   // of a text of n tokens, compute from i on
//     for (; i < n; i++)
//         state_row(s, ids[i], kvcache_place(&k, s->T, lane));
//     kvcache_free(&k);
//
// A key and its value take a slot.  What row t sees are its keys 0, 1, ..., oldest first,
// its own the last; key j is in slot kvcache_slot(view, t, j).  Memory is cut into chunks
// of KV_CHUNK slots, so that the keys of one head follow each other, and a cache that
// grows keeps what it has where it is.
//
// Past n_ctx the model's positions are used up.  The window over the text must move on,
// and --overflow says how:
//     crop   by one token, and everything is computed anew, at positions from 0: exact
//     half   by half of n_ctx, and what is left is computed anew: exact at each refill
//     shift  by one token: all keys and values move down one slot.  They keep what they
//            were computed with, the positions and the tokens that have left the window
//            since; every new token gets the position n_ctx - 1.  Not exact
//     ring   the same without moving: the new key takes the oldest one's slot
//     sinks  the same, but the first KV_SINKS tokens stay for ever (G. Xiao et al.,
//            "Efficient Streaming Language Models with Attention Sinks", 2023)
#ifndef KVCACHE_H
#define KVCACHE_H

#include "args.h"
#include "config.h"
#include "device.h"
#include "dtype.h"
#include "pages.h"

enum {
    KV_CHUNK = 32,  // slots that follow each other in memory: a page
    KV_SINKS = 4
};

typedef enum { CACHE_NONE, CACHE_DYNAMIC, CACHE_STATIC, CACHE_PAGED } CacheKind;
typedef enum { CROP, SHIFT, RING, HALF, SINKS } Overflow;

typedef struct {
    int kind;      // CacheKind
    int overflow;  // Overflow
    int dtype;     // DType of keys and values: F32, F16, BF16
    int pages;     // paged: how many; 0: enough for all lanes
} KVOptions;

// All that kernels may see.
typedef struct {
    char *data;  // device: [chunks, L, 2, NH, KV_CHUNK, HS] of dtype
    DType dtype;
    int L, NH, HS;
    int slots;   // of the window: n_ctx; after the last one a ring goes on at `sinks`
    int sinks;   // slots that the ring leaves alone
    int *slot;   // [R] device: where row t's own key and value go; -1: nowhere
    int *keys;   // [R] device: how many keys row t sees
    int *first;  // [R] device: how far its oldest key has moved round the ring
    int *shift;  // [R] device: 1: the keys before it move down one slot first
    int *lane;   // [R] device: whose row it is
    int *table;  // [lanes, max_pages] device: the page of each KV_CHUNK slots; -1: none
    int max_pages;
} KVView;

// The part of a text whose keys are held.
typedef struct {
    int base;    // tokens of the text that have left the window
    int length;  // tokens held
    int start;   // how far the oldest one has moved round the ring
    int target;  // length of the text that is being computed
} Window;

typedef struct {
    KVView view;
    KVOptions options;
    int n_ctx;
    int lanes;
    Window *windows;  // [lanes]
    Pages pages;
    size_t bytes;  // of view.data
    double seen;   // keys that the rows of this pass see, in sum
    void *host, *rows;
    int *row_slot, *row_keys, *row_first, *row_shift, *row_lane;  // [R] host, until
    int *row_table;  // [lanes, max_pages]                         kvcache_upload
} KVCache;

// --cache, --overflow, --kv-dtype, --pages.
void kvcache_options(Args *a, KVOptions *o);
const char *kvcache_overflow_name(Overflow overflow);
// For passes of up to max_rows rows and texts of up to `longest` tokens.  Dies if the
// options contradict each other.  Release with kvcache_free.
void kvcache_init(KVCache *k, const KVOptions *o, const Config *c, int max_rows,
                  int lanes, int longest);
void kvcache_free(KVCache *k);
// The bytes of a chunk; and room for so many: what is there stays where it is.
size_t kvcache_chunk_bytes(const KVView *v);
void kvcache_reserve(KVCache *k, int chunks);
// Forgets a lane's text from token n on.
void kvcache_truncate(KVCache *k, int lane, int n);
// Of a text of n tokens that begins as the one before, the first token whose row must be
// computed.  Moves the window, if --overflow wants that.
int kvcache_reuse(KVCache *k, int lane, int n);
// Must the lane's next row be its only one in the pass?  Its key takes the place of one
// that rows before it need.
bool kvcache_full(const KVCache *k, int lane);
// Gives row t the lane's next slot; returns its position, 0 to n_ctx - 1.  -1: there is
// no page left.
int kvcache_place(KVCache *k, int t, int lane);
// Rows 0 to n - 1 are a text of their own, in lane 0; positions 0 to n - 1.
void kvcache_text(KVCache *k, int n);
// The places of T rows, to the device.
void kvcache_upload(KVCache *k, int T);

// Where key j of row t is in its window.
static inline HOST_DEVICE int kvcache_index(const KVView *v, int t, int j)
{
    int ring = v->slots - v->sinks;
    return j < v->sinks ? j : v->sinks + (v->first[t] + j - v->sinks) % ring;
}

// Its slot.
static inline HOST_DEVICE int kvcache_slot(const KVView *v, int t, int j)
{
    int i = kvcache_index(v, t, j), entry = v->lane[t] * v->max_pages + i / KV_CHUNK;
    return v->table[entry] * KV_CHUNK + i % KV_CHUNK;
}

// Does row u see what row t sees, in the same slots, and more?
static inline HOST_DEVICE bool kvcache_extends(const KVView *v, int t, int u)
{
    return v->lane[t] == v->lane[u] && v->first[t] == v->first[u] &&
           v->keys[t] < v->keys[u];
}

// How many of the n keys from j on follow each other in memory.
static inline HOST_DEVICE int kvcache_run(const KVView *v, int t, int j, int n)
{
    int i = kvcache_index(v, t, j), chunk = KV_CHUNK - i % KV_CHUNK;
    int end = j < v->sinks ? v->sinks - j : v->slots - i;
    int run = chunk < end ? chunk : end;
    return n < run ? n : run;
}

// Key (which = 0) or value (which = 1) of one head in one slot: HS numbers of v->dtype.
static inline HOST_DEVICE char *kvcache_at(const KVView *v, int layer, int which,
                                           int head, int slot)
{
    size_t run = (((size_t)(slot / KV_CHUNK) * v->L + layer) * 2 + which) * v->NH + head;
    size_t size = v->dtype == F32 ? 4 : 2;
    return v->data + (run * KV_CHUNK + slot % KV_CHUNK) * v->HS * size;
}

#endif
