// What the files of the CPU's matmul share.
//
// Weights lie in panels of 64 outputs, so that a step over k reads the weights of 64
// outputs from one place, and a matrix is read from its beginning to its end:
//
//     F32, F16   [in][64]
//     BF16       [in / 2][64][2]    two k together, as the dot instructions want them;
//     INT8       [in / 4][64][4]    four; a byte is the weight / scale + 128
//                [64] scales (F32)
//     INT4       groups of 32 k:    [64] scales (F16), [32 / 8][64][4] bytes, each of two
//                                   weights / scale + 8: k in the lower, k + 4 above
//
// `in` is rounded up to a multiple of 32 (BF16) or 64 (INT8, INT4), `out` to one of 64;
// what is missing weighs 0.
#ifndef MATMUL_CPU_H
#define MATMUL_CPU_H

#include "matmul.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    PANEL = 64,  // outputs
    GROUP = 32,  // k that share a scale in INT4
    GROUP_BYTES = PANEL * 2 + PANEL * GROUP / 2,
    BLOCK = 96,      // rows of x that are prepared, and multiplied, at a time
    TILE_ROWS = 32,  // rows of x against a panel at a time, at most
};

static inline int matmul_panels(int out)
{
    return (out + PANEL - 1) / PANEL;
}

int matmul_steps(DType dtype, int in);  // `in`, rounded up
size_t matmul_panel_bytes(DType dtype, int in);
void matmul_reserve(int in);  // memory for the rows of a product that is so deep

// Rows of x, as the kernel for a dtype wants them: floats, BF16, or bytes.
typedef struct {
    const char *data;
    size_t stride;       // bytes from row to row
    const float *scale;  // INT8, INT4: [rows][groups] what a step of the bytes is worth
    const int32_t *sum;  // likewise: the sum of the bytes
    int groups;          // INT4: of GROUP k; INT8: 1
} Rows;

typedef struct {
    int steps;          // k
    const char *panel;  // weights
    Rows x;             // from the tile's first row on
    int rows;
    float (*sum)[PANEL];  // [rows] out
} Tile;

// sum = x times the panel, for at most TILE_ROWS rows.
void tile_multiply(const Tile *t, DType dtype);

// The same by the tile registers of AMX, for at most TILE_ROWS rows, of which all are
// read and written.  BF16 is summed in another order there than by vectors: a machine
// uses it for any number of rows, or for none.  INT8: the sums as integers, exact.
bool amx_there(void);
void amx_begin(void);  // a thread, before and after
void amx_end(void);
void amx_bf16(const Tile *t);
void amx_int8(const Tile *t, int32_t (*sum)[PANEL]);

#endif
