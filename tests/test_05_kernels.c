// Stage 05: the kernels of small operations, each against its definition in double precision.
#include "kernels.h"
#include "ops.h"

Test(kernels, softmax)
{
    enum { N = 200 };
    float *x = some_numbers(N, 5, 1), *device = to_device(x, N * sizeof *x), want[N];
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += exp((double)x[i]);
    for (int i = 0; i < N; i++)
        want[i] = (float)(exp((double)x[i]) / sum);
    softmax(device, N);
    expect_close_there("kernel", "softmax", device, want, N, TOLERANCE_MATMUL);
    device_free(device), free(x);
}

Test(kernels, matmul_naive)
{
    enum { T = 3, IN = 70, OUT = 300 };
    float *x = some_numbers(T * IN, 1, 1), *w = some_numbers(IN * OUT, 1, 2);
    float *bias = some_numbers(OUT, 1, 3), want[T * OUT];
    for (int i = 0; i < T * OUT; i++) {
        double sum = (double)bias[i % OUT];
        for (int k = 0; k < IN; k++)
            sum += (double)x[i / OUT * IN + k] * (double)w[k * OUT + i % OUT];
        want[i] = (float)sum;
    }
    float *dx = to_device(x, T * IN * sizeof *x),
          *dw = to_device(w, IN * OUT * sizeof *w);
    float *dbias = to_device(bias, sizeof(float) * OUT),
          *y = to_device(want, sizeof want);
    device_upload(y, (float[T * OUT]){ 0 }, sizeof want);
    matmul_naive(y, dx, dw, dbias, T, IN, OUT);
    expect_close_there("kernel", "matmul_naive", y, want, T * OUT, TOLERANCE_MATMUL);
    device_free(dx), device_free(dw), device_free(dbias), device_free(y);
    free(x), free(w), free(bias);
}

// Rows of 500, and far from zero: a mean that is wrong by a little shows.
Test(kernels, layernorm)
{
    enum { T = 5, C = 500 };
    float *x = some_numbers(T * C, 1, 1), *gain = some_numbers(C, 1, 2);
    float *bias = some_numbers(C, 1, 3), want[T * C];
    for (int t = 0; t < T; t++) {
        double mean = 0, square = 0;
        for (int i = 0; i < C; i++)
            mean += (double)(x[t * C + i] += (float)(10 * t)) / C;
        for (int i = 0; i < C; i++)
            square += ((double)x[t * C + i] - mean) * ((double)x[t * C + i] - mean) / C;
        for (int i = 0; i < C; i++)
            want[t * C + i] = (float)(((double)x[t * C + i] - mean) /
                                          sqrt(square + 1e-5) * (double)gain[i] +
                                      (double)bias[i]);
    }
    float *device = to_device(x, sizeof want);
    Norm n = { to_device(gain, C * sizeof *gain), to_device(bias, C * sizeof *bias),
               1e-5f };
    layernorm(device, device, &n, T, C);
    expect_close_there("kernel", "layernorm", device, want, T * C, TOLERANCE_SUBLAYER);
    device_free(device), device_free(n.gain), device_free(n.bias);
    free(x), free(gain), free(bias);
}

Test(kernels, gelu)
{
    enum { T = 3, WIDTH = 300 };
    float *x = some_numbers(T * WIDTH, 4, 1), want[T * WIDTH];
    float *device = to_device(x, sizeof want);
    for (int i = 0; i < T * WIDTH; i++) {
        double v = (double)x[i];
        want[i] =
            (float)(0.5 * v * (1 + tanh(sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))));
    }
    gelu(device, T, WIDTH);
    expect_close_there("kernel", "gelu", device, want, T * WIDTH, TOLERANCE_SUBLAYER);
    device_free(device), free(x);
}
