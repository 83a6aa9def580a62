// 05c: norm_fold moves a norm's gain and bias into the matrix behind it.
#include "device.h"
#include "ops.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void norm_fold(Norm *n, Matrix *m, float *bias);

static unsigned state = 6;

static void fill(float *x, size_t n, float scale, float shift)
{
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = shift + scale * ((float)(state >> 8) / 8388608.0f - 1);
    }
}

static int check(int T, int C, int out)
{
    size_t rows = (size_t)T * (size_t)C, results = (size_t)T * (size_t)out;
    float *x = malloc(rows * sizeof *x), *norm = malloc(rows * sizeof *x);
    float *w = malloc((size_t)C * (size_t)out * sizeof *w);
    float *before = malloc(results * sizeof *x), *after = malloc(results * sizeof *x);
    float *gain = malloc((size_t)C * sizeof *gain),
          *shift = malloc((size_t)C * sizeof *gain);
    float *bias = malloc((size_t)out * sizeof *bias);
    int wrong = 0;
    fill(x, rows, 3, 1);
    fill(w, (size_t)C * (size_t)out, 0.5f, 0);
    fill(gain, (size_t)C, 0.5f, 1);
    fill(shift, (size_t)C, 1, 0.5f);
    fill(bias, (size_t)out, 1, 0);
    gain[C / 2] = 0;  // a place that is dropped: nothing must divide by it
    Norm n = { gain, shift, 1e-5f };
    Matrix m = { "m", F32, C, out, device_alloc(matrix_bytes(F32, C, out), "m") };
    matrix_pack(&m, w, F32, MATRIX_IN_OUT);
    layernorm(norm, x, &n, T, C);
    matmul(before, norm, &m, bias, T);
    norm_fold(&n, &m, bias);
    for (int i = 0; i < C && !wrong; i++)
        if (!(n.gain[i] == 1) || !(n.bias[i] == 0))
            wrong = fprintf(stderr,
                            "C %d: gain[%d] is %g and bias[%d] %g after norm_fold; "
                            "wanted 1 and 0\n",
                            C, i, (double)n.gain[i], i, (double)n.bias[i]);
    layernorm(norm, x, &n, T, C);
    matmul(after, norm, &m, bias, T);
    for (size_t i = 0; i < results && !wrong; i++)
        if (!(fabsf(before[i] - after[i]) <= 1e-5f * (float)C))
            wrong = fprintf(stderr, "C %d, %d outputs: y[%zu] was %g, is %g\n", C, out, i,
                            (double)before[i], (double)after[i]);
    device_free(m.panels);
    free(x), free(norm), free(w), free(before), free(after), free(gain), free(shift);
    free(bias);
    return wrong != 0;
}

int main(void)
{
    return check(3, 6, 5) + check(2, 70, 45) + check(5, 320, 960) > 0;
}
