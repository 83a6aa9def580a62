// The operations of good.cu and tensor.cu.  Pointers are device memory.
#ifndef GOOD_H
#define GOOD_H

#include <cuda_runtime_api.h>
#include <stdint.h>

enum { WARP_RESULTS = 20, BIT_RESULTS = 18, ATOMIC_RESULTS = 16, TABLE = 8 };

typedef struct {
    int rows, columns;
    float scale;
} Shape;

// x [rows, columns] = scale * x + (y, if it is not NULL).
void good_scale(float *x, const float *y, Shape shape, cudaStream_t s);
// sums[b] = the sum of x[256 b .. 256 b + 255]: as f32, f16, bf16.
void good_sum_f32(float *sums, const float *x, int blocks, cudaStream_t s);
void good_sum_f16(float *sums, const uint16_t *x, int blocks, cudaStream_t s);
void good_sum_bf16(float *sums, const uint16_t *x, int blocks, cudaStream_t s);
// to [columns, rows] = from [rows, columns], both multiples of 32.
void good_transpose(float *to, const float *from, int rows, int columns, cudaStream_t s);
// out [WARP_RESULTS, 32], [3, 64], [ATOMIC_RESULTS], [BIT_RESULTS], [4, 64]
void good_warp(int *out, cudaStream_t s);
void good_votes(int *out, cudaStream_t s);
void good_atomics(unsigned *out, cudaStream_t s);
void good_bits(unsigned *out, const float *x, cudaStream_t s);
void good_tiles(int *out, cudaStream_t s);
// y[4 i ..] = exp, log, tanh of x[i], Gumbel noise of i.
void good_elementary(float *y, const float *x, int n, cudaStream_t s);
// All 65,536 numbers of 16 bits, widened and narrowed again.
void good_halves(float *f16, float *bf16, uint16_t *back, cudaStream_t s);
void good_narrow(uint16_t *f16, uint16_t *bf16, const float *x, int n, cudaStream_t s);
// y[i] = table[i % TABLE] + the number of calls so far.
void good_table(float *y, int n, const float *table, cudaStream_t s);
// *sum = the sum of x[0 .. n); the last block adds the parts up.
void good_last_block(float *sum, const float *x, int n, cudaStream_t s);
void good_softmax(float *x, float *parts, int n, cudaStream_t s);  // grid.sync
// y [rows] = w [rows, n] x [n], n a multiple of 128; asynchronous copies.
void good_pipeline(float *y, const float *w, const float *x, int rows, int n,
                   cudaStream_t s);
cudaError_t good_too_many_threads(cudaStream_t s);
cudaError_t good_dynamic(int kib, int allow, cudaStream_t s);
int good_blocks_per_processor(void);

// c [m, n] = a [m, k] b^T, b [n, k]; multiples of 16, by different means.
void tensor_wmma_f16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k,
                     cudaStream_t s);
void tensor_wmma_bf16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k,
                      cudaStream_t s);
void tensor_mma_f16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k,
                    cudaStream_t s);
void tensor_mma_bf16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k,
                     cudaStream_t s);

#endif
