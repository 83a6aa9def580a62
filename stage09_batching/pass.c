// A pass by a recording; see pass.h.  Chapter 9.
#include "pass.h"
#include "device.h"

// The rows of the recording for this pass; 0: it is not to be recorded.  Long prompts are
// not: their kernels are long, too.  Nor is what a growing cache is in: it moves its
// data, and a recording knows where that is.
static int recorded_rows(const State *s)
{
    int rows = 1;
    if (!s->graphs || s->cache->options.kind == CACHE_DYNAMIC || s->T == 0)
        return 0;
    while (rows < s->T)
        rows *= 2;
    rows = rows < s->max_wanted ? rows : s->max_wanted;
    return s->T <= rows && rows <= s->max_rows && rows <= DEVICE_GRAPHS ? rows : 0;
}

// A row that has no slot, and sees one key: the oldest that row 0 sees.
static void pad(State *s)
{
    KVCache *k = s->cache;
    k->row_slot[s->T] = -1;
    k->row_keys[s->T] = 1;
    k->row_first[s->T] = k->row_first[0];
    k->row_shift[s->T] = 0;
    k->row_lane[s->T] = k->row_lane[0];
    state_row(s, 0, 0);
}

void pass_upload(State *s)
{
    int T = s->T, W = s->W, rows = recorded_rows(s);
    while (s->T < rows)
        pad(s);
    while (s->W < rows)
        state_want_next(s, 0);
    state_upload(s);
    s->T = T;
    s->W = W;
}

void pass_forward(const Model *m, State *s)
{
    int T = s->T, W = s->W, rows = recorded_rows(s);
    s->T = rows ? rows : T;
    s->W = rows ? rows : W;
    if (device_graph_begin(s->graphs, rows))
        model_forward(m, s);
    device_graph_end(s->graphs, rows);
    s->T = T;
    s->W = W;
}
