// Attention of some rows of one head on the CPU, a chunk of keys after the other:
//
//     Attend a;
//     attend_begin(&a, BF16, HS, q, q_stride, out, out_stride, rows);
//     attend_chunk(&a, keys, values, n);     // for each chunk, oldest first
//     attend_end(&a);
//
//     out[r] = sum of p[j] value j;  p = softmax over row r's keys of q[r] . key j / sqrt(HS)
//
// What was mixed so far fades by e^(old maximum - new maximum) at each chunk, as if it had
// been computed with the new maximum from the start (M. Milakov and N. Gimelshein, "Online
// normalizer calculation for softmax", 2018; T. Dao et al., "FlashAttention", 2022).  The
// rows share the work of reading a chunk; each result depends on its own row alone, bit
// for bit.
//
// BF16 keys and values: where the tile registers of AMX multiply, q and p are rounded to
// BF16, too.
#ifndef ATTEND_H
#define ATTEND_H

#include "dtype.h"
#include <stdbool.h>
#include <stddef.h>

enum {
    ATTEND_ROWS = 32,   // at most
    ATTEND_KEYS = 32,   // of a chunk
    ATTEND_WIDE = 128,  // HS at most, where tiles multiply
};

typedef struct {
    int rows, HS;
    DType dtype;  // of keys and values: F32, F16, BF16
    bool tiles;
    const float *q;  // [rows] HS numbers each, q_stride apart
    float *out;      // likewise; until attend_end not divided by `sum`
    size_t q_stride, out_stride;
    float max[ATTEND_ROWS], sum[ATTEND_ROWS];
    // For tiles, sixteen rows each: q as [HS / 32][16][16 rows][2], and the mix.
    _Alignas(64) char q_tiles[ATTEND_ROWS / 16][ATTEND_WIDE / 32][1024];
    _Alignas(64) float mix[ATTEND_ROWS][ATTEND_WIDE];
} Attend;

void attend_begin(Attend *a, DType dtype, int HS, const float *q, size_t q_stride,
                  float *out, size_t out_stride, int rows);
// keys, values [ATTEND_KEYS][HS]; row r sees the first n[r] of them, or none if n[r] <= 0,
// or all.
void attend_chunk(Attend *a, const void *keys, const void *values, const int *n);
void attend_end(Attend *a);

// With tile registers; see attend_amx_cpu.c.
bool attend_tiles(DType dtype, int HS);
void attend_tiles_begin(Attend *a);
void attend_tiles_chunk(Attend *a, const void *keys, const void *values, const int *n);
void attend_tiles_end(Attend *a);

#endif
