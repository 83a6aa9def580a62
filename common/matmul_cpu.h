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
//
// Where the tile registers of AMX multiply, BF16 and INT8 lie in tiles of 16 outputs and
// 16 words of four bytes, [in / 32][4][16][16][2] and [in / 64][4][16][16][4], and so do
// the rows of x: [T / 16][in / 32][16][32] and [T / 16][in / 64][16][64], those for INT4
// too, if there are many.
#ifndef MATMUL_CPU_H
#define MATMUL_CPU_H

#include "matmul.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    PANEL = 64,  // outputs
    GROUP = 32,  // k that share a scale in INT4
    GROUP_BYTES = PANEL * 2 + PANEL * GROUP / 2,
    TILE = 16,  // outputs, words or rows
    TILE_BYTES = 1024,
    BLOCK = 512,  // rows of x at a time, at most
    DEPTH = 512,  // bytes of an output's weights (INT4: k) at a time
};

static inline int matmul_panels(int out)
{
    return (out + PANEL - 1) / PANEL;
}

int matmul_steps(DType dtype, int in);  // `in`, rounded up
size_t matmul_panel_bytes(DType dtype, int in);
void matmul_reserve(int in);  // memory for the rows of a product that is so deep

// Where in a panel of BF16 or INT8 the word of output j is; a step is a word.
static inline size_t matmul_word(int step, int j, bool tiles)
{
    int tile = step / TILE * (PANEL / TILE) + j / TILE;
    return tiles ? (size_t)tile * TILE_BYTES / 4 + (size_t)(step % TILE * TILE + j % TILE)
                 : (size_t)step * PANEL + (size_t)j;
}

// Rows of x, as the kernel for a dtype wants them: floats, BF16, or bytes.
typedef struct {
    const char *data;
    size_t stride;       // bytes of a row
    const float *scale;  // INT8, INT4: [rows][groups] what a step of the bytes is worth
    const int32_t *sum;  // likewise: the sum of the bytes
    int groups;          // INT4: of GROUP k; INT8: 1
} Rows;

// Rows times a panel, over a part of k.
typedef struct {
    const char *panel;
    Rows x;
    int rows, from, to;   // k
    float (*sum)[PANEL];  // [rows] added to, if from > 0; INT8: integers
    bool fetch;           // the panel is not in a near cache yet
} Part;

void part_multiply(const Part *p, DType dtype);

// The same by tile registers; rows are read and written in sixteens.  BF16 is summed in
// another order there than by vectors: a machine uses it for any number of rows, or for
// none.
bool amx_there(void);
void amx_begin(void);  // a thread, before and after
void amx_end(void);
void amx_multiply(const Part *p, DType dtype);  // BF16 or INT8
void amx_multiply_int4(const Part *p);  // x in tiles, the panel not; its own shape

#endif
