// Which pages a lane has; see tables.h.  Chapter 9.
#include "tables.h"
#include <assert.h>

static int *table_of(const KVCache *k, int lane)
{
    return k->row_table + lane * k->view.max_pages;
}

bool tables_fit(const KVCache *k, int lane, int rows)
{
    const Window *w = &k->windows[lane];
    const int *table = table_of(k, lane);
    int first = w->length / KV_CHUNK, last = (w->length + rows - 1) / KV_CHUNK, need = 0;
    if (kvcache_full(k, lane)) {  // any page may be written to
        first = 0;
        last = k->view.max_pages - 1;
    }
    for (int p = first; p <= last && p < k->view.max_pages; p++)
        need += table[p] < 0 || k->pages.users[table[p]] > 1;
    return need <= k->pages.n_free;
}

bool tables_own(KVCache *k, int lane, int slot)
{
    if (slot / KV_CHUNK >= k->view.max_pages)
        return false;
    int *entry = &table_of(k, lane)[slot / KV_CHUNK], old = *entry;
    if (old >= 0 && k->pages.users[old] == 1) {
        pages_forget(&k->pages, old);
        return true;
    }
    int page = pages_take(&k->pages);
    if (page < 0)
        return false;
    kvcache_reserve(k, page + 1);
    if (old >= 0) {
        size_t bytes = kvcache_chunk_bytes(&k->view);
        char *data = k->view.data;
        device_copy(data + (size_t)page * bytes, data + (size_t)old * bytes, bytes);
        pages_drop(&k->pages, old);
    }
    *entry = page;
    return true;
}

void tables_drop(KVCache *k, int lane, int length)
{
    int *table = table_of(k, lane);
    for (int p = (length + KV_CHUNK - 1) / KV_CHUNK; p < k->view.max_pages; p++) {
        if (table[p] >= 0)
            pages_drop(&k->pages, table[p]);
        table[p] = -1;
    }
}

void tables_fork(KVCache *k, int to, int from)
{
    int *table = table_of(k, to);
    kvcache_truncate(k, to, 0);
    k->windows[to] = k->windows[from];
    for (int p = 0; p < k->view.max_pages; p++) {
        table[p] = table_of(k, from)[p];
        if (table[p] >= 0)
            pages_share(&k->pages, table[p]);
    }
}

void tables_remember(KVCache *k, int lane, const int *ids, int n)
{
    const Window *w = &k->windows[lane];
    const int *table = table_of(k, lane);
    uint64_t name = 0;
    if (w->base > 0)
        return;
    for (int p = 0; (p + 1) * KV_CHUNK <= (n < w->length ? n : w->length); p++) {
        if (!k->pages.names[table[p]])
            pages_name(&k->pages, table[p], name, ids + p * KV_CHUNK);
        name = k->pages.names[table[p]];
    }
}

int tables_recall(KVCache *k, int lane, const int *ids, int n)
{
    Window *w = &k->windows[lane];
    int *table = table_of(k, lane);
    uint64_t name = 0;
    assert(w->length == 0);
    for (int p = 0; p < k->view.max_pages && (p + 1) * KV_CHUNK < n; p++) {
        int page = pages_find(&k->pages, name, ids + p * KV_CHUNK);
        if (page < 0)
            break;
        pages_share(&k->pages, page);
        table[p] = page;
        name = k->pages.names[page];
        w->length += KV_CHUNK;
    }
    return w->length;
}
