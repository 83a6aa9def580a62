// matmul and vec: right, and the same bits whatever the number of rows and threads.
#include "elementary.h"
#include "halves.h"
#include "matmul.h"
#include "support/devices.h"
#include "support/fill.h"
#include "support/tolerance.h"
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
                                { 256, 160, 64 }, { 300, 21, 70 } };
enum { SHAPES = sizeof shapes / sizeof *shapes };

static float *numbers(size_t n, unsigned seed)
{
    float *x = malloc(n * sizeof *x);
    fill(x, n, seed);
    return x;
}

// In device memory.
static float *numbers_there(size_t n, unsigned seed)
{
    float *x = numbers(n, seed), *there = to_device(x, n * sizeof *x);
    free(x);
    return there;
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
    free(a), free(b);
}

Test(vec, max_does_not_pass_over_a_nan)
{
    float x[] = { 1, NAN, 3 }, y[] = { NAN, 1 }, z[] = { 1, NAN };
    cr_expect(isnan(vec_max(x, 3)) && isnan(vec_max(y, 2)) && isnan(vec_max(z, 2)));
    for (int i = 0; i < 100; i++) {
        float *many = numbers(100, 1);
        many[i] = NAN;
        cr_expect(isnan(vec_max(many, 100)), "at %d", i);
        free(many);
    }
}

Test(vec, argmax_is_the_first_of_the_greatest)
{
    enum { N = 700 };
    float *x = numbers(N, 3);
    for (int i = 0; i < N; i++) {
        float was = x[i];
        x[i] = x[N - 1] = 2;
        cr_expect(vec_argmax(x, N) == i, "%d", i);
        x[i] = was;
    }
    free(x);
}

// No fewer than k, and among many numbers not many more.
Test(vec, kth_is_reached_by_k)
{
    int sizes[] = { 1, 2, 17, 1024, 1025, 5000, 50257 }, ks[] = { 1, 2, 40, 256, 4096 };
    for (int i = 0; i < 7 * 5; i++) {
        int n = sizes[i / 5], k = ks[i % 5], reached = 0;
        float *x = numbers(n, 7);
        if (k <= n) {
            float least = vec_kth(x, n, k);
            for (int j = 0; j < n; j++)
                reached += x[j] >= least;
            cr_expect(reached >= k, "%d of %d reach the %d-th", reached, n, k);
            if (k <= 256)
                cr_expect(reached <= 2 * k + 2, "%d of %d reach the %d-th", reached, n,
                          k);
        }
        free(x);
    }
}

Test(vec, exp_mass_is_the_sum)
{
    float *x = numbers(100, 4);
    for (int n = 0; n <= 100; n++) {
        double want = 0;
        for (int i = 0; i < n; i++)
            want += (double)exp_f32(x[i]);
        cr_expect(fabs(vec_exp_mass(x, n) - want) < 1e-12, "n %d", n);
    }
    free(x);
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
    free(keys), free(q);
}
