// matmul and vec: right, and the same bits whatever the number of rows and threads.
#include "device.h"
#include "halves.h"
#include "matmul.h"
#include "support/fill.h"
#include "vec.h"
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
                                { 256, 768, 64 }, { 300, 21, 70 } };
enum { SHAPES = sizeof shapes / sizeof *shapes };

static float *numbers(size_t n, unsigned seed)
{
    float *x = device_alloc(n * sizeof *x, "numbers");
    fill(x, n, seed);
    return x;
}

static Matrix packed(const float *w, DType dtype, int in, int out, MatrixLayout layout)
{
    Matrix m = { "test", dtype, in, out,
                 device_alloc(matrix_bytes(dtype, in, out), "weights") };
    matrix_pack(&m, w, F32, layout);
    return m;
}

static float rounded(float x, DType dtype)
{
    char bits[4];
    floats_to_halves(bits, &x, dtype, 1);
    halves_to_floats(&x, bits, dtype, 1);
    return x;
}

// The definition, in double precision, with weights as they were packed, and x as the
// kernel rounds it.
static double product(const float *x, const float *packed, DType dtype, int in)
{
    double sum = 0;
    float max = 0;
    for (int k = 0; k < in; k++)
        max = fabsf(x[k]) > max ? fabsf(x[k]) : max;
    for (int k = 0; k < in; k++) {
        double number = (double)x[k];
        if (dtype == BF16)
            number = (double)rounded(x[k], BF16);
        else if (dtype == INT8 || dtype == INT4)
            number = (double)(lrintf(x[k] * (127 / max)) * (max / 127));
        sum += number * (double)packed[k];
    }
    return sum;
}

static void check_shape(Shape s, DType dtype)
{
    float *x = numbers((size_t)s.T * s.in, 1), *w = numbers((size_t)s.in * s.out, 2);
    float *bias = numbers((size_t)s.out, 3), *y = numbers((size_t)s.T * s.out, 4);
    float *add = numbers((size_t)s.T * s.out, 4);
    Matrix m = packed(w, dtype, s.in, s.out, MATRIX_IN_OUT);
    float packed_row[s.in];
    matmul(y, x, &m, bias, s.T);
    matmul_add(add, x, &m, bias, s.T);
    float *before = numbers((size_t)s.T * s.out, 4);
    for (int t = 0; t < s.T; t++)
        for (int n = 0; n < s.out; n++) {
            int i = t * s.out + n;
            matrix_row(packed_row, &m, n);
            double want =
                product(x + t * s.in, packed_row, dtype, s.in) + (double)bias[n];
            cr_assert(fabs((double)y[i] - want) <= 1e-5 * (1 + sqrt(s.in)),
                      "%d x %d, T %d, %s: y[%d, %d] is %g, should be %g", s.in, s.out,
                      s.T, dtype_name(dtype), t, n, (double)y[i], want);
            cr_assert(add[i] == before[i] + y[i]);
        }
    device_free(x), device_free(w), device_free(bias), device_free(y), device_free(add);
    device_free(before), device_free(m.panels);
}

Test(matmul, agrees_with_the_definition)
{
    for (int i = 0; i < SHAPES; i++)
        for (DType dtype = F32; dtype <= INT4; dtype++)
            check_shape(shapes[i], dtype);
}

static void check_invariance(Shape s, DType dtype)
{
    float *x = numbers((size_t)s.T * s.in, 1), *w = numbers((size_t)s.in * s.out, 2);
    float *bias = numbers((size_t)s.out, 3);
    float *all = numbers((size_t)s.T * s.out, 4), *one = numbers((size_t)s.T * s.out, 4);
    size_t bytes = (size_t)s.T * s.out * sizeof *all;
    Matrix m = packed(w, dtype, s.in, s.out, MATRIX_IN_OUT);
    matmul(all, x, &m, bias, s.T);
    for (int t = 0; t < s.T; t++)
        matmul(one + (size_t)t * s.out, x + (size_t)t * s.in, &m, bias, 1);
    cr_expect(memcmp(all, one, bytes) == 0,
              "%d x %d, T %d, %s: one row at a time differs", s.in, s.out, s.T,
              dtype_name(dtype));
    for (int threads = 1; threads <= 4; threads++) {
        memset(one, 0, bytes);
        #pragma omp parallel num_threads(threads)
        matmul(one, x, &m, bias, s.T);
        cr_expect(memcmp(all, one, bytes) == 0, "%d x %d, T %d, %s: %d threads differ",
                  s.in, s.out, s.T, dtype_name(dtype), threads);
    }
    device_free(x), device_free(w), device_free(bias), device_free(all), device_free(one);
    device_free(m.panels);
}

Test(matmul, same_bits_for_any_rows_and_threads)
{
    for (int i = 0; i < SHAPES; i++)
        for (DType dtype = F32; dtype <= INT4; dtype++)
            check_invariance(shapes[i], dtype);
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
    cr_expect(memcmp(a.panels, b.panels, matrix_bytes(F32, IN, OUT)) == 0);
    for (int n = 0; n < OUT; n++) {
        matrix_row(row, &b, n);
        cr_expect(memcmp(row, turned + n * IN, sizeof row) == 0, "row %d", n);
    }
    device_free(w), device_free(a.panels), device_free(b.panels);
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
    for (DType dtype = F32; dtype <= INT4; dtype++) {
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
    device_free(w);
}

Test(matmul, a_row_and_a_column_of_zeros)
{
    enum { IN = 100, OUT = 20 };
    float *w = numbers(IN * OUT, 5), *x = numbers(IN, 6), y[OUT];
    for (int k = 0; k < IN; k++)
        w[k * OUT + 3] = 0;
    for (DType dtype = F32; dtype <= INT4; dtype++) {
        Matrix m = packed(w, dtype, IN, OUT, MATRIX_IN_OUT);
        matmul(y, x, &m, NULL, 1);
        cr_expect(y[3] == 0 && y[2] != 0);
        memset(x, 0, IN * sizeof *x);
        matmul(y, x, &m, NULL, 1);
        for (int n = 0; n < OUT; n++)
            cr_expect(y[n] == 0);
        fill(x, IN, 6);
        device_free(m.panels);
    }
    device_free(w), device_free(x);
}

Test(matmul, a_nan_gets_through)
{
    float x[4] = { 1, NAN, 2, 3 }, w[4] = { 1, 0, 1, 1 }, y;
    Matrix m = packed(w, F32, 4, 1, MATRIX_IN_OUT);
    matmul(&y, x, &m, NULL, 1);
    cr_expect(isnan(y));
    device_free(m.panels);
}

Test(halves, all_values_there_and_back)
{
    for (int dtype = F16; dtype <= BF16; dtype++)
        for (int i = 0; i < 65536; i++) {
            uint16_t h = (uint16_t)i, back;
            float x;
            halves_to_floats(&x, &h, (DType)dtype, 1);
            floats_to_halves(&back, &x, (DType)dtype, 1);
            cr_assert(back == h || isnan(x), "%s %04x came back as %04x",
                      dtype_name((DType)dtype), h, back);
        }
}

// Many at once (vectors) and one by one take other instructions.
Test(halves, many_are_as_one)
{
    uint16_t h[65536];
    float all[65536], one;
    for (int dtype = F16; dtype <= BF16; dtype++) {
        for (int i = 0; i < 65536; i++)
            h[i] = (uint16_t)i;
        halves_to_floats(all, h, (DType)dtype, 65536);
        for (int i = 0; i < 65536; i++) {
            halves_to_floats(&one, &h[i], (DType)dtype, 1);
            cr_assert(memcmp(&one, &all[i], 4) == 0 || (isnan(one) && isnan(all[i])));
        }
    }
}

Test(halves, bf16_rounds_to_even)
{
    float x[] = { 1.00390625f, 1.01171875f, -1.00390625f,
                  3.4e38f };  // ties, and an overflow
    uint16_t want[] = { 0x3f80, 0x3f82, 0xbf80, 0x7f80 }, got[4];
    floats_to_halves(got, x, BF16, 4);
    for (int i = 0; i < 4; i++)
        cr_expect(got[i] == want[i], "%g became %04x, should be %04x", (double)x[i],
                  got[i], want[i]);
}

Test(vec, sums_and_dots)
{
    float *a = numbers(100, 1), *b = numbers(100, 2), dots[3];
    for (int n = 0; n <= 100; n++) {
        double sum = 0, square = 0, dot = 0;
        float max = -INFINITY;
        for (int i = 0; i < n; i++) {
            sum += (double)a[i];
            square += ((double)a[i] - 0.25) * ((double)a[i] - 0.25);
            dot += (double)a[i] * (double)b[i];
            max = a[i] > max ? a[i] : max;
        }
        vec_dots(dots, a, b, F32, 0, 1, n);
        cr_expect(fabs((double)vec_sum(a, n) - sum) < 1e-5);
        cr_expect(fabs((double)vec_square_sum(a, 0.25f, n) - square) < 1e-5);
        cr_expect(fabs((double)dots[0] - dot) < 1e-5, "n %d", n);
        cr_expect(vec_max(a, n) == max);
    }
    device_free(a), device_free(b);
}

Test(vec, max_does_not_pass_over_a_nan)
{
    float x[] = { 1, NAN, 3 }, y[] = { NAN, 1 }, z[] = { 1, NAN };
    cr_expect(isnan(vec_max(x, 3)) && isnan(vec_max(y, 2)) && isnan(vec_max(z, 2)));
}

// Keys of 16 bits are widened first: the same as floats that were rounded before.
Test(vec, keys_of_16_bits)
{
    enum { N = 5, HS = 12, STRIDE = 20 };
    float *keys = numbers(N * STRIDE, 1), *q = numbers(HS, 2), want[N], got[N],
          mixed[2][HS] = { 0 };
    for (DType dtype = F16; dtype <= BF16; dtype++) {
        uint16_t narrow[N * STRIDE];
        floats_to_halves(narrow, keys, dtype, N * STRIDE);
        halves_to_floats(keys, narrow, dtype, N * STRIDE);
        vec_dots(want, q, keys, F32, STRIDE, N, HS);
        vec_dots(got, q, narrow, dtype, STRIDE, N, HS);
        cr_expect(memcmp(want, got, sizeof want) == 0);
        memset(mixed, 0, sizeof mixed);
        vec_mix(mixed[0], want, keys, F32, STRIDE, N, HS);
        vec_mix(mixed[1], want, narrow, dtype, STRIDE, N, HS);
        cr_expect(memcmp(mixed[0], mixed[1], sizeof mixed[0]) == 0);
    }
    device_free(keys), device_free(q);
}
