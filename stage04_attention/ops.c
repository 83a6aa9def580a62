// Small operations between the matrix products.  Chapters 4 to 6.
#include "ops.h"
#include "vec.h"

void softmax(float *x, int n)
{
    // e^(x - max) instead of e^x: the same quotients, and no overflow.
    float sum = vec_exp_sum(x, vec_max(x, n), n);
    for (int i = 0; i < n; i++)
        x[i] /= sum;
}

void matmul_naive(float *y, const float *x, const float *w, const float *bias, int T,
                  int in, int out)
{
    for (int t = 0; t < T; t++)
        for (int n = 0; n < out; n++) {
            float sum = 0;
            for (int k = 0; k < in; k++)
                sum += x[t * in + k] * w[k * out + n];
            y[t * out + n] = sum + (bias ? bias[n] : 0);
        }
}
