// y = x W + b: the one operation that takes nearly all the time.
//
//     size_t bytes = matrix_bytes(BF16, C, 4 * C);
//     Matrix m = { "h.0.mlp.c_fc", BF16, C, 4 * C, device_alloc(bytes, "weights") };
//     matrix_pack(&m, data, F32, MATRIX_IN_OUT);
//     matmul(y, x, &m, bias, T);                  // x [T, C] -> y [T, 4C]
//
// Each output is summed over k in one order, whatever the number of rows and of threads:
// the result for a row depends on that row alone, bit for bit.  F32 and F16: one product
// after the other.  On the CPU x is rounded for the other types: to BF16, or, a row at a
// time, to 255 steps (INT8, INT4).
//
// Inside a parallel region (OpenMP) all threads call these functions together and share
// the work; outside one thread does all of it.
#ifndef MATMUL_H
#define MATMUL_H

#include "dtype.h"
#include <stdbool.h>

typedef struct {
    const char *name;  // as in the file; names the operation in traces
    DType dtype;       // of the packed weights; INT8 and INT4 on the CPU only
    int in, out;
    void *panels;  // device, matrix_bytes; how they lie is the implementation's affair
} Matrix;

typedef enum {
    MATRIX_IN_OUT,  // the file has [in, out]: GPT-2's linear layers ("Conv1D")
    MATRIX_OUT_IN   // the file has [out, in]: embeddings, and the head
} MatrixLayout;

// For --kernel matmul=NAME, best first.
extern const char *const matmul_kernels[];

// On CUDA the promise above holds for up to 64 rows: more go to cuBLAS, which is faster
// and sums as it likes.  true: none do (--invariant).
void matmul_set_invariant(bool on);

// What to hold a matrix in when `wanted` is asked for: INT4 leaves embeddings and the head
// at INT8, since every logit depends on them directly.
DType matrix_dtype(DType wanted, MatrixLayout layout);
// The size of `panels`.
size_t matrix_bytes(DType dtype, int in, int out);
// Fills m->panels from numbers of type `from` (F32, F16, BF16), on the host.
void matrix_pack(Matrix *m, const void *data, DType from, MatrixLayout layout);
// w[in] = the weights of one output, as f32.
void matrix_row(float *w, const Matrix *m, int row);

// A file may hold a matrix quantised (models/quantize): two tensors with a row for each
// output.  INT8: numbers I8 [out, in], scales F32 [out, 1]; a weight is number * scale.
// INT4: numbers U8 [out, 16 G], scales F16 [out, G], for G groups of 32 k; byte 4 i + j of
// a row has k = 8 i + j in its lower half and 8 i + j + 4 in the upper, -8 to 7 as two's
// complement.
typedef struct {
    DType dtype;
    size_t columns, bytes;  // of a row
} MatrixRows;
MatrixRows matrix_numbers(DType dtype, int in);
MatrixRows matrix_scales(DType dtype, int in);
// Panels from such rows, and rows from panels, with no arithmetic.
void matrix_load(Matrix *m, const void *numbers, const void *scales);
void matrix_save(void *numbers, void *scales, const Matrix *m);

// y[T, out] = x[T, in] W + bias; `bias` [out] may be NULL.  y must not overlap x.
void matmul(float *y, const float *x, const Matrix *w, const float *bias, int T);
// y += x W + bias: the residual stream takes what a sub-layer adds.
void matmul_add(float *y, const float *x, const Matrix *w, const float *bias, int T);

#endif
