// matmul: right, and the same bits whatever the number of rows and threads.
#include "halves.h"
#include "matmul.h"
#include "support/devices.h"
#include "support/fill.h"
#include "support/tolerance.h"
#include <criterion/criterion.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int in, out, T;
} Shape;

static const Shape shapes[] = { { 1, 1, 1 },      { 5, 3, 2 },     { 16, 16, 8 },
                                { 17, 33, 9 },    { 64, 100, 31 }, { 129, 47, 17 },
                                { 256, 160, 64 }, { 300, 21, 70 } };
enum { SHAPES = sizeof shapes / sizeof *shapes };

// In device memory.
static float *numbers_there(size_t n, unsigned seed)
{
    float *x = numbers(n, seed), *there = to_device(x, n * sizeof *x);
    free(x);
    return there;
}

static float rounded(float x, DType dtype)
{
    char bits[4];
    floats_to_halves(bits, &x, dtype, 1);
    halves_to_floats(&x, bits, dtype, 1);
    return x;
}

// x[k], rounded to steps of 1/127 of the largest of n.
static double in_steps(const float *x, int n, int k)
{
    float max = 0;
    for (int i = 0; i < n; i++)
        max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    return max > 0 ? (double)(lrintf(x[k] * (127 / max)) * (max / 127)) : 0;
}

// The definition, in double precision, with weights as they were packed, and x as the
// kernel rounds it.
static double product(const float *x, const float *packed, DType dtype, int in)
{
    double sum = 0;
    for (int k = 0; k < in; k++) {
        double number = (double)x[k];
        if (dtype == BF16 && on_cpu())
            number = (double)rounded(x[k], BF16);
        else if (dtype == INT8)
            number = in_steps(x, in, k);
        else if (dtype == INT4)
            number =
                in_steps(x + k / 32 * 32, in - k / 32 * 32 < 32 ? in % 32 : 32, k % 32);
        sum += number * (double)packed[k];
    }
    return sum;
}

static DType last_type(void)
{
    return on_cpu() ? INT4 : BF16;
}

static bool by_cublas(Shape s, const char *kernel)
{
    return !on_cpu() && strcmp(kernel, "auto") == 0 && s.T > 64;
}

// cuBLAS gets x in the weights' type.
static double allowed(Shape s, DType dtype, const char *kernel)
{
    const double rounded[] = { 1e-5, TOLERANCE_F16, TOLERANCE_BF16 };
    return rounded[by_cublas(s, kernel) ? dtype : F32] * (1 + sqrt(s.in));
}

static void check_shape(Shape s, DType dtype, const char *kernel)
{
    size_t n_x = (size_t)(s.T * s.in), n_y = (size_t)(s.T * s.out);
    float *x = numbers(n_x, 1), *w = numbers((size_t)(s.in * s.out), 2);
    float *bias = numbers((size_t)s.out, 3), *before = numbers(n_y, 4);
    float *X = numbers_there(n_x, 1), *B = numbers_there((size_t)s.out, 3);
    float *Y = numbers_there(n_y, 4), *sum = numbers_there(n_y, 4);
    Matrix m = packed(w, dtype, s.in, s.out, MATRIX_IN_OUT);
    matmul_set_invariant(false);  // cuBLAS, too
    matmul(Y, X, &m, B, s.T);
    matmul_add(sum, X, &m, B, s.T);
    float packed_row[s.in];
    float *y = from_device(Y, n_y * sizeof *y), *add = from_device(sum, n_y * sizeof *y);
    for (int t = 0; t < s.T; t++)
        for (int n = 0; n < s.out; n++) {
            int i = t * s.out + n;
            matrix_row(packed_row, &m, n);
            double want =
                product(x + t * s.in, packed_row, dtype, s.in) + (double)bias[n];
            cr_assert(fabs((double)y[i] - want) <= allowed(s, dtype, kernel),
                      "%d x %d, T %d, %s, %s: y[%d, %d] is %g, should be %g", s.in, s.out,
                      s.T, dtype_name(dtype), kernel, t, n, (double)y[i], want);
            // y + (x W + b) is what the kernels compute; cuBLAS begins with y + b.
            cr_assert(fabsf(add[i] - (before[i] + y[i])) <=
                          (by_cublas(s, kernel) ? 1e-4f : 0),
                      "%d x %d, T %d, %s, %s: added, y[%d, %d] is %g", s.in, s.out, s.T,
                      dtype_name(dtype), kernel, t, n, (double)add[i]);
        }
    free(x), free(w), free(bias), free(before), free(y), free(add);
    device_free(X), device_free(B), device_free(Y), device_free(sum);
    device_free(m.panels);
}

// Every kernel, every shape, every type.
static void each(void (*check)(Shape s, DType dtype, const char *kernel))
{
    for (int k = 0; matmul_kernels[k]; k++) {
        choose_kernel("matmul", matmul_kernels, matmul_kernels[k]);
        for (int i = 0; i < SHAPES; i++)
            for (DType dtype = F32; dtype <= last_type(); dtype++)
                check(shapes[i], dtype, matmul_kernels[k]);
    }
}

Test(matmul, agrees_with_the_definition)
{
    each(check_shape);
}

static void check_invariance(Shape s, DType dtype, const char *kernel)
{
    size_t n_y = (size_t)(s.T * s.out), bytes = n_y * sizeof(float);
    float *w = numbers((size_t)(s.in * s.out), 2);
    float *x = numbers_there((size_t)(s.T * s.in), 1);
    float *bias = numbers_there((size_t)s.out, 3);
    float *all = numbers_there(n_y, 4), *one = numbers_there(n_y, 5);
    Matrix m = packed(w, dtype, s.in, s.out, MATRIX_IN_OUT);
    matmul(all, x, &m, bias, s.T);
    float *want = from_device(all, bytes);
    for (int t = 0; t < s.T; t++)
        matmul(one + (size_t)t * s.out, x + (size_t)t * s.in, &m, bias, 1);
    for (int threads = 0; threads <= threads_to_try(4); threads++) {
        if (threads > 0) {
            #pragma omp parallel num_threads(threads)
            matmul(one, x, &m, bias, s.T);
        }
        float *got = from_device(one, bytes);
        cr_expect(memcmp(got, want, bytes) == 0,
                  "%d x %d, T %d, %s, %s: %d threads (0: one row at a time) differ", s.in,
                  s.out, s.T, dtype_name(dtype), kernel, threads);
        free(got);
        device_free(one);
        one = numbers_there(n_y, 6);
    }
    free(w), free(want);
    device_free(x), device_free(bias), device_free(all), device_free(one);
    device_free(m.panels);
}

Test(matmul, same_bits_for_any_rows_and_threads)
{
    each(check_invariance);
}

Test(matmul, layouts_and_rows)
{
    enum { IN = 37, OUT = 21 };
    float *w = numbers(IN * OUT, 5), turned[IN * OUT], row[IN];
    for (int k = 0; k < IN; k++)
        for (int n = 0; n < OUT; n++)
            turned[n * IN + k] = w[k * OUT + n];
    Matrix a = packed(w, F32, IN, OUT, MATRIX_IN_OUT);
    Matrix b = packed(turned, F32, IN, OUT, MATRIX_OUT_IN);
    size_t bytes = matrix_bytes(F32, IN, OUT);
    float *by_in = from_device(a.panels, bytes), *by_out = from_device(b.panels, bytes);
    cr_expect(memcmp(by_in, by_out, bytes) == 0);
    for (int n = 0; n < OUT; n++) {
        matrix_row(row, &b, n);
        cr_expect(memcmp(row, turned + n * IN, sizeof row) == 0, "row %d", n);
    }
    free(w), free(by_in), free(by_out);
    device_free(a.panels), device_free(b.panels);
}

// How far a packed weight may be from the file's: half a unit in the last place, or half a step of
// the scale (INT8), or what is cut off where the scale is a little smaller than the largest needs.
Test(matmul, weights_are_rounded_to_the_type)
{
    enum { IN = 200, OUT = 70 };
    static const float unit[] = {
        [F32] = 0, [F16] = 0x1p-11f, [BF16] = 0x1p-8f, [INT8] = 0.5f / 127, [INT4] = 0.14f
    };
    float *w = numbers(IN * OUT, 5), row[IN];
    for (DType dtype = F32; dtype <= last_type(); dtype++) {
        Matrix m = packed(w, dtype, IN, OUT, MATRIX_OUT_IN);
        for (int n = 0; n < OUT; n++) {
            matrix_row(row, &m, n);
            float max = 0;
            for (int k = 0; k < IN; k++)
                max = fabsf(w[n * IN + k]) > max ? fabsf(w[n * IN + k]) : max;
            for (int k = 0; k < IN; k++)
                cr_assert(fabsf(row[k] - w[n * IN + k]) <= unit[dtype] * max * 1.001f,
                          "%s: weight %d of output %d is %g, became %g",
                          dtype_name(dtype), k, n, (double)w[n * IN + k], (double)row[k]);
        }
        device_free(m.panels);
    }
    free(w);
}

Test(matmul, a_row_and_a_column_of_zeros)
{
    enum { IN = 100, OUT = 20 };
    float *w = numbers(IN * OUT, 5), *x = numbers_there(IN, 6),
          *zeros = numbers_there(IN, 6);
    float *Y = numbers_there(OUT, 7);
    device_upload(zeros, (float[IN]){ 0 }, IN * sizeof *zeros);
    for (int k = 0; k < IN; k++)
        w[k * OUT + 3] = 0;
    for (DType dtype = F32; dtype <= last_type(); dtype++) {
        Matrix m = packed(w, dtype, IN, OUT, MATRIX_IN_OUT);
        matmul(Y, x, &m, NULL, 1);
        float *y = from_device(Y, OUT * sizeof *y);
        cr_expect(y[3] == 0 && y[2] != 0);
        free(y);
        matmul(Y, zeros, &m, NULL, 1);
        y = from_device(Y, OUT * sizeof *y);
        for (int n = 0; n < OUT; n++)
            cr_expect(y[n] == 0);
        free(y);
        device_free(m.panels);
    }
    free(w), device_free(x), device_free(zeros), device_free(Y);
}

Test(matmul, a_nan_gets_through)
{
    float x[4] = { 1, NAN, 2, 3 }, w[4] = { 1, 0, 1, 1 }, y;
    Matrix m = packed(w, F32, 4, 1, MATRIX_IN_OUT);
    float *X = to_device(x, sizeof x), *Y = to_device(w, sizeof y);
    matmul(Y, X, &m, NULL, 1);
    device_download(&y, Y, sizeof y);
    cr_expect(isnan(y));
    device_free(m.panels), device_free(X), device_free(Y);
}
