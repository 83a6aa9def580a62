// Small operations between the matrix products.  Chapters 4 to 6.
#include "ops.h"
#include "elementary.h"
#include "trace.h"
#include "vec.h"
#include <string.h>

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

static void layernorm_row(float *y, const float *x, const Norm *n, int C)
{
    float mean = vec_sum(x, C) / (float)C;
    float variance = vec_square_sum(x, mean, C) / (float)C;
    // eps: a row of equal numbers must not divide by 0.
    float scale = 1.0f / sqrtf(variance + n->eps);
    for (int i = 0; i < C; i++)
        y[i] = fmaf((x[i] - mean) * scale, n->gain[i], n->bias[i]);
}

void layernorm(float *y, const float *x, const Norm *n, int T, int C)
{
    if (!trace_op("layernorm", 8.0 * T * C, 8.0 * T * C))
        return;
    #pragma omp for
    for (int t = 0; t < T; t++)
        layernorm_row(y + (size_t)t * C, x + (size_t)t * C, n, C);
}

static void gelu_row(float *x, int width)
{
    const float root = 0.79788456f;  // sqrt(2 / pi)
    for (int i = 0; i < width; i++) {
        float cubic = fmaf(0.044715f * x[i] * x[i], x[i], x[i]);
        x[i] = 0.5f * x[i] * (1.0f + tanh_f32(root * cubic));
    }
}

void gelu(float *x, int T, int width)
{
    if (!trace_op("gelu", 8.0 * T * width, 20.0 * T * width))
        return;
    #pragma omp for
    for (int t = 0; t < T; t++)
        gelu_row(x + (size_t)t * width, width);
}

void gather(float *y, const float *x, const int *rows, int n, int C)
{
    if (!trace_op("gather", 8.0 * n * C, 0))
        return;
    #pragma omp for
    for (int i = 0; i < n; i++)
        memcpy(y + (size_t)i * C, x + (size_t)rows[i] * C, (size_t)C * sizeof *y);
}
