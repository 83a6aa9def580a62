// The rows and activations of one pass.  Chapter 3.
#include "state.h"
#include "device.h"
#include "memory.h"
#include <assert.h>
#include <stdlib.h>

void state_init(State *s, const Config *config, int max_rows)
{
    size_t R = (size_t)max_rows, C = (size_t)config->C;
    MemoryPart host[] = {
        { &s->row_ids, R, sizeof(int) },
        { &s->row_pos, R, sizeof(int) },
        { NULL, 0, 0 },
    };
    MemoryPart device[] = {
        { &s->ids, R, sizeof(int) },       { &s->pos, R, sizeof(int) },
        { &s->x, R * C, sizeof(float) },   { &s->qkv, R * 3 * C, sizeof(float) },
        { &s->mix, R * C, sizeof(float) }, { NULL, 0, 0 },
    };
    s->config = *config;
    s->max_rows = max_rows;
    s->host = memory_block(host, "rows");
    s->device = device_alloc(memory_bytes(device), "activations");
    memory_cut(device, s->device);
    state_clear(s);
}

void state_free(State *s)
{
    free(s->host);
    device_free(s->device);
}

void state_clear(State *s)
{
    s->T = 0;
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
    for (int i = 0; i < n; i++)
        state_row(s, ids[i], i);
}

void state_upload(State *s)
{
    device_upload(s->ids, s->row_ids, (size_t)s->T * sizeof(int));
    device_upload(s->pos, s->row_pos, (size_t)s->T * sizeof(int));
}
