// One pass through the model: its rows and its activations.  A row is a token to be
// computed.
//
//     State s;
//     state_init(&s, &config, &cache, 512, 1);
//     state_text(&s, (int[]){ 464, 3290 }, 2); // two tokens, at positions 0 and 1
//     state_want_next(&s, 2);       // the logits of that row, for place 2 of the text
//     state_upload(&s);
//     model_forward(&model, &s);
#ifndef STATE_H
#define STATE_H

#include "kvcache.h"

typedef struct {
    Config config;
    KVCache *cache;        // where rows leave their keys and values; the caller's
    DeviceGraphs *graphs;  // recorded passes; NULL: none.  Put here, then the state's
    int max_rows;          // R: room for so many rows
    int max_wanted;        // room for the logits of so many
    int T;                 // rows in this pass
    int W;                 // rows whose logits are wanted
    void *host, *device;

    int *row_ids;    // [R] host, until state_upload
    int *row_pos;    // [R] host
    int *row_want;   // [max_wanted] host
    int *row_index;  // [max_wanted] host

    int *ids;       // [R] token of each row; device memory from here on
    int *pos;       // [R] its position, 0 to n_ctx - 1
    float *x;       // [R, C] the residual stream
    float *norm;    // [R, C] x, normalised
    float *qkv;     // [R, 3C] query, key and value of each row
    float *mix;     // [R, C] what the heads read, side by side
    float *hidden;  // [R, n_inner]
    int *want;      // [max_wanted] which rows
    float *last;    // [max_wanted, C] their x, normalised
    float *logits;  // [max_wanted, V]
    int *index;     // [max_wanted] place in the text of the token that follows
    int *next;      // [max_wanted] that token, once it is chosen
} State;

// One allocation on the host and one on the device; release with state_free.
void state_init(State *s, const Config *config, KVCache *cache, int max_rows,
                int max_wanted);
void state_free(State *s);
// No rows.
void state_clear(State *s);
// Adds a row, which has its place in the cache.
void state_row(State *s, int id, int pos);
// The rows of a text, alone: n tokens at positions 0 to n - 1.  The cache forgets what it
// held.
void state_text(State *s, const int *ids, int n);
// The logits of a row.
void state_want(State *s, int row);
// Those of the row just added, for text place `index`.
void state_want_next(State *s, int index);
// What was added, to the device.
void state_upload(State *s);

#endif
