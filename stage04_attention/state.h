// One pass through the model: its rows and its activations.  A row is a token to be
// computed.
//
//     State s;
//     state_init(&s, &config, 512);
//     state_text(&s, (int[]){ 464, 3290 }, 2); // two tokens, at positions 0 and 1
//     state_upload(&s);
//     embeddings_forward(&e, &s);
#ifndef STATE_H
#define STATE_H

#include "config.h"

typedef struct {
    Config config;
    int max_rows;  // R: room for so many rows
    int T;         // rows in this pass
    void *host, *device;

    int *row_ids;  // [R] host, until state_upload
    int *row_pos;  // [R] host

    int *ids;    // [R] token of each row; device memory from here on
    int *pos;    // [R] its position, 0 to n_ctx - 1
    float *x;    // [R, C] the residual stream
    float *qkv;  // [R, 3C] query, key and value of each row
    float *mix;  // [R, C] what the heads read, side by side
} State;

// One allocation on the host and one on the device; release with state_free.
void state_init(State *s, const Config *config, int max_rows);
void state_free(State *s);
// No rows.
void state_clear(State *s);
// Adds a row.
void state_row(State *s, int id, int pos);
// The rows of a text, alone: n tokens at positions 0 to n - 1.
void state_text(State *s, const int *ids, int n);
// What was added, to the device.
void state_upload(State *s);

#endif
