// Quantised matrices as a file has them: right, and to panels and back with the same bytes.
#include "matmul.h"
#include "support/devices.h"
#include "support/fill.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static Matrix matrix(DType dtype, int in, int out)
{
    size_t bytes = matrix_bytes(dtype, in, out);
    Matrix m = { "test", dtype, in, out, device_alloc(bytes, "weights") };
    memset(m.panels, 0x5a, bytes);  // all of it must be written
    return m;
}

Test(quantised, int8_by_hand)
{
    if (!on_cpu())
        return;
    const signed char numbers[2][5] = { { 127, -127, 0, 1, -2 }, { 3, 4, 5, 6, 7 } };
    const float scales[2] = { 0.5f, -2 };
    Matrix m = matrix(INT8, 5, 2);
    matrix_load(&m, numbers, scales);
    for (int n = 0; n < 2; n++) {
        float row[5];
        matrix_row(row, &m, n);
        for (int k = 0; k < 5; k++)
            cr_expect(row[k] == (float)numbers[n][k] * scales[n], "%d, %d: %g", n, k,
                      (double)row[k]);
    }
    device_free(m.panels);
}

// A byte has k = 8 i + j below and 8 i + j + 4 above; 0x3c00 is 1 in F16, 0x4000 is 2.
Test(quantised, int4_by_hand)
{
    if (!on_cpu())
        return;
    const unsigned char numbers[32] = { 0x87, 0x21, 0xf3, 0x04, 0x50, [16] = 0x09 };
    const unsigned short scales[2] = { 0x3c00, 0x4000 };
    const float want[34] = { 7, 1, 3, 4, -8, 2, -1, 0, 0, 0, 0, 0, 5, [32] = -14 };
    Matrix m = matrix(INT4, 34, 1);
    float row[34];
    matrix_load(&m, numbers, scales);
    matrix_row(row, &m, 0);
    for (int k = 0; k < 34; k++)
        cr_expect(row[k] == want[k], "%d: %g, should be %g", k, (double)row[k],
                  (double)want[k]);
    device_free(m.panels);
}

static void check_there_and_back(DType dtype, int in, int out)
{
    size_t bytes = matrix_bytes(dtype, in, out), n = (size_t)out;
    float *w = malloc(n * (size_t)in * sizeof *w);
    char *numbers = malloc(n * matrix_numbers(dtype, in).bytes),
         *scales = malloc(n * matrix_scales(dtype, in).bytes);
    Matrix quantised = matrix(dtype, in, out), loaded = matrix(dtype, in, out);
    fill(w, n * (size_t)in, 1);
    matrix_pack(&quantised, w, F32, MATRIX_IN_OUT);
    matrix_save(numbers, scales, &quantised);
    matrix_load(&loaded, numbers, scales);
    cr_expect(memcmp(quantised.panels, loaded.panels, bytes) == 0,
              "%s, %d x %d: other panels", dtype_option(dtype), in, out);
    free(w), free(numbers), free(scales);
    device_free(quantised.panels), device_free(loaded.panels);
}

Test(quantised, same_panels)
{
    static const int sizes[] = { 1, 5, 31, 32, 33, 63, 64, 65, 96, 130, 257 };
    enum { SIZES = sizeof sizes / sizeof *sizes };
    for (int i = 0; on_cpu() && i < SIZES; i++)
        for (int j = 0; j < SIZES; j++) {
            check_there_and_back(INT8, sizes[i], sizes[j]);
            check_there_and_back(INT4, sizes[i], sizes[j]);
        }
}
