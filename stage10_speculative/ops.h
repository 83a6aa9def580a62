// Small operations between the matrix products.  Inside a parallel region all threads
// call them together and share the rows.
#ifndef OPS_H
#define OPS_H

#include "params.h"

// x[n] = exp(x) / sum of exp(x): positive numbers that sum to 1, the greatest where x is
// greatest.
void softmax(float *x, int n);
// y[T, out] = x[T, in] w[in, out] + bias[out]: the definition.  matmul() is tested
// against it.
void matmul_naive(float *y, const float *x, const float *w, const float *bias, int T,
                  int in, int out);
// Each row of x[T, C], to mean 0 and variance 1, times gain, plus bias; y may be x.
// J. Ba, J. Kiros, G. Hinton, "Layer Normalization", 2016.
void layernorm(float *y, const float *x, const Norm *n, int T, int C);
// x[T, width] in place, by the tanh formula that GPT-2 was trained with.
// D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units", 2016.
void gelu(float *x, int T, int width);
// y[i] = x[rows[i]] for n rows of C.
void gather(float *y, const float *x, const int *rows, int n, int C);

#endif
