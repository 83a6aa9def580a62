// Small operations between the matrix products.
#ifndef OPS_H
#define OPS_H

// x[n] = exp(x) / sum of exp(x): positive numbers that sum to 1, the greatest where x is
// greatest.
void softmax(float *x, int n);
// y[T, out] = x[T, in] w[in, out] + bias[out]: the definition.  matmul() is tested
// against it.
void matmul_naive(float *y, const float *x, const float *w, const float *bias, int T,
                  int in, int out);

#endif
