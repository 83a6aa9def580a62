// Times matmul by itself on the shapes of a model's blocks: make bench-matmul.
//
//     matmul [C [LAYERS]]      for each type of weights and 1, 8 and 512 rows: GB/s of
//                              weights, GFLOP/s, and tokens/s if that were all.  Medians.
#include "matmul.h"
#include "device.h"
#include "timer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 5, ROWS = 512, LAYERS = 12, SHAPES = 4 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static Matrix matrix(DType dtype, int in, int out, const float *numbers)
{
    size_t bytes = matrix_bytes(dtype, in, out);
    Matrix m = { "product", dtype, in, out, device_alloc(bytes, "weights") };
    matrix_pack(&m, numbers, F32, MATRIX_IN_OUT);
    return m;
}

static double pass(Matrix (*m)[SHAPES], int layers, float *y, const float *x, int T)
{
    double start = timer_now();
    #pragma omp parallel
    for (int l = 0; l < layers; l++)
        for (int s = 0; s < SHAPES; s++)
            matmul(y, x, &m[l][s], NULL, T);
    return timer_now() - start;
}

int main(int argc, char **argv)
{
    int C = argc > 1 ? atoi(argv[1]) : 768, layers = argc > 2 ? atoi(argv[2]) : LAYERS;
    const int shapes[SHAPES][2] = { { C, 3 * C }, { C, C }, { C, 4 * C }, { 4 * C, C } };
    size_t n = (size_t)4 * C * (size_t)(C > ROWS ? C : ROWS);
    float *numbers = device_alloc(n * sizeof *numbers, "x"),
          *y = device_alloc(n * sizeof *y, "y");
    Matrix(*m)[SHAPES] = malloc((size_t)layers * sizeof *m);
    for (size_t i = 0; i < n; i++)
        numbers[i] = (float)(i * 2654435761u % 1000) / 1000 - 0.5f;
    for (DType dtype = F32; dtype <= INT4; dtype++) {
        double bytes = 0, flops = 0;
        for (int l = 0; l < layers; l++)
            for (int s = 0; s < SHAPES; s++) {
                m[l][s] = matrix(dtype, shapes[s][0], shapes[s][1], numbers);
                bytes += (double)matrix_bytes(dtype, shapes[s][0], shapes[s][1]);
                flops += 2.0 * shapes[s][0] * shapes[s][1];
            }
        for (int T = 1; T <= ROWS; T *= T == 1 ? 8 : 64) {
            double times[RUNS];
            for (int i = 0; i < RUNS; i++)
                times[i] = pass(m, layers, y, numbers, T);
            qsort(times, RUNS, sizeof *times, by_value);
            double t = times[RUNS / 2];
            printf("%-5s %4d rows %8.2f ms %8.1f GB/s %8.0f GFLOP/s %9.0f tok/s\n",
                   dtype_option(dtype), T, 1e3 * t, bytes / t / 1e9, flops * T / t / 1e9,
                   T / t);
        }
        for (int l = 0; l < layers; l++)
            for (int s = 0; s < SHAPES; s++)
                device_free(m[l][s].panels);
    }
    device_free(numbers), device_free(y), free(m);
    return 0;
}
