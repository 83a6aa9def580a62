// Numbers of 16 bits, and vec: sums, dots and the like against their definitions.
#include "elementary.h"
#include "halves.h"
#include "support/fill.h"
#include "vec.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
