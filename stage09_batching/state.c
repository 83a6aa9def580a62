// The rows and activations of one pass.  Chapter 3.
#include "state.h"
#include "device.h"
#include "memory.h"
#include <assert.h>
#include <stdlib.h>

void state_init(State *s, const Config *config, KVCache *cache, int max_rows,
                int max_wanted)
{
    size_t R = (size_t)max_rows, W = (size_t)max_wanted, C = (size_t)config->C;
    MemoryPart host[] = {
        { &s->row_ids, R, sizeof(int) },
        { &s->row_pos, R, sizeof(int) },
        { &s->row_want, W, sizeof(int) },
        { &s->row_index, W, sizeof(int) },
        { NULL, 0, 0 },
    };
    MemoryPart device[] = {
        { &s->ids, R, sizeof(int) },
        { &s->pos, R, sizeof(int) },
        { &s->x, R * C, sizeof(float) },
        { &s->norm, R * C, sizeof(float) },
        { &s->qkv, R * 3 * C, sizeof(float) },
        { &s->mix, R * C, sizeof(float) },
        { &s->hidden, R * (size_t)config->n_inner, sizeof(float) },
        { &s->want, W, sizeof(int) },
        { &s->last, W * C, sizeof(float) },
        { &s->logits, W * (size_t)config->V, sizeof(float) },
        { &s->index, W, sizeof(int) },
        { &s->next, W, sizeof(int) },
        { NULL, 0, 0 },
    };
    s->config = *config;
    s->cache = cache;
    s->graphs = NULL;
    s->max_rows = max_rows;
    s->max_wanted = max_wanted;
    s->host = memory_block(host, "rows");
    s->device = device_alloc(memory_bytes(device), "activations");
    memory_cut(device, s->device);
    state_clear(s);
}

void state_free(State *s)
{
    device_graphs_free(s->graphs);
    free(s->host);
    device_free(s->device);
}

void state_clear(State *s)
{
    s->T = 0;
    s->W = 0;
}

void state_row(State *s, int id, int pos)
{
    assert(s->T < s->max_rows);
    s->row_ids[s->T] = id;
    s->row_pos[s->T] = pos;
    s->T++;
}

void state_text(State *s, const int *ids, int n)
{
    state_clear(s);
    kvcache_text(s->cache, n);
    for (int i = 0; i < n; i++)
        state_row(s, ids[i], i);
}

void state_want(State *s, int row)
{
    assert(s->W < s->max_wanted);
    s->row_want[s->W++] = row;
}

void state_want_next(State *s, int index)
{
    state_want(s, s->T - 1);
    s->row_index[s->W - 1] = index;
}

void state_upload(State *s)
{
    kvcache_upload(s->cache, s->T);
    device_upload(s->ids, s->row_ids, (size_t)s->T * sizeof(int));
    device_upload(s->pos, s->row_pos, (size_t)s->T * sizeof(int));
    device_upload(s->want, s->row_want, (size_t)s->W * sizeof(int));
    device_upload(s->index, s->row_index, (size_t)s->W * sizeof(int));
}
