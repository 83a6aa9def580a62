// Runs the kernels of good.cu and good_tensor.cu and compares with what must come out.
#include "good.h"
#include "check.h"
#include "halves16.h"
#include "random.h"
#include <stdbool.h>

void check_streams(void);
void check_cublas(void);
void check_tensor(void);

static cudaStream_t stream;

static void check_scale(void)
{
    enum { ROWS = 13, COLUMNS = 37, N = ROWS * COLUMNS };
    float *x = random_floats(N), *y = random_floats(N), want[N];
    for (int i = 0; i < N; i++)
        want[i] = 2 * (2 * x[i] + y[i]);
    Shape shape = { ROWS, COLUMNS, 2 };
    float *dx = to_device(x, sizeof want), *dy = to_device(y, sizeof want);
    good_scale(dx, dy, shape, stream);
    good_scale(dx, NULL, shape, stream);
    float *got = to_host(dx, sizeof want);
    CHECK(memcmp(got, want, sizeof want) == 0, "scale: off by %g",
          difference(got, want, N));
    free(got), free(x), free(y), cudaFree(dy);
}

static void check_sums(void)
{
    enum { BLOCKS = 5, N = 256 * BLOCKS };
    static float x[N], want[BLOCKS];
    static uint16_t f16[N], bf16[N];
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i % 61 - 30);  // small integers: all sums are exact
        f16[i] = f16_of(x[i]);
        bf16[i] = bf16_of(x[i]);
        want[i / 256] += x[i];
    }
    void *dx = to_device(x, sizeof x), *df = to_device(f16, sizeof f16),
         *db = to_device(bf16, sizeof bf16);
    for (int type = 0; type < 3; type++) {
        float *sums = to_device(NULL, sizeof want);
        if (type == 0)
            good_sum_f32(sums, dx, BLOCKS, stream);
        else if (type == 1)
            good_sum_f16(sums, df, BLOCKS, stream);
        else
            good_sum_bf16(sums, db, BLOCKS, stream);
        float *got = to_host(sums, sizeof want);
        CHECK(memcmp(got, want, sizeof want) == 0, "sum of type %d: off by %g", type,
              difference(got, want, BLOCKS));
        free(got);
    }
    cudaFree(dx), cudaFree(df), cudaFree(db);
}

static void check_transpose(void)
{
    enum { ROWS = 64, COLUMNS = 96, N = ROWS * COLUMNS };
    float *x = random_floats(N), *want = malloc(N * sizeof *want);
    for (int i = 0; i < N; i++)
        want[i % COLUMNS * ROWS + i / COLUMNS] = x[i];
    float *from = to_device(x, N * sizeof *x), *to = to_device(NULL, N * sizeof *x);
    good_transpose(to, from, ROWS, COLUMNS, stream);
    float *got = to_host(to, N * sizeof *x);
    CHECK(memcmp(got, want, N * sizeof *x) == 0, "transpose: off by %g",
          difference(got, want, N));
    free(got), free(x), free(want), cudaFree(from);
}

// What row r of good_warp must have in a lane.
static int warp_want(int r, int lane)
{
    int eight = lane & ~7;
    const int want[WARP_RESULTS] = { 50,
                                     10 * (eight + 3),
                                     lane < 3 ? lane : lane - 3,
                                     lane % 8 < 3 ? lane : lane - 3,
                                     lane > 29 ? lane : lane + 2,
                                     lane % 16 > 13 ? lane : lane + 2,
                                     lane ^ 9,
                                     0x49249249,
                                     1,
                                     1,
                                     496,
                                     0,
                                     -20,
                                     0xffff,
                                     500 * (lane ^ 1),
                                     lane ^ 2,
                                     lane ^ 4,
                                     lane < 16 ? 16 : 132,
                                     1,
                                     32 };
    return want[r];
}

static void check_warp(void)
{
    int *out = to_device(NULL, WARP_RESULTS * 32 * sizeof *out);
    good_warp(out, stream);
    int *got = to_host(out, WARP_RESULTS * 32 * sizeof *out);
    for (int i = 0; i < WARP_RESULTS * 32; i++)
        CHECK(got[i] == warp_want(i / 32, i % 32),
              "warp operation %d, lane %d: %d, not %d", i / 32, i % 32, got[i],
              warp_want(i / 32, i % 32));
    free(got);
}

static void check_votes(void)
{
    int *out = to_device(NULL, 192 * sizeof *out);
    good_votes(out, stream);
    int *got = to_host(out, 192 * sizeof *out);
    for (int i = 0; i < 64; i++)
        CHECK(got[i] == 13 && got[64 + i] == 1 && got[128 + i] == 1,
              "votes of thread %d: %d %d %d", i, got[i], got[64 + i], got[128 + i]);
    free(got);
}

static void check_atomics(void)
{
    unsigned start[ATOMIC_RESULTS] = { 0, 0,  0,    0, 0, 0, ~0u, 0,
                                       0, 50, 1000, 0, 0, 1, 0,   0 };
    unsigned power = 1;
    for (int i = 0; i < 256; i++)
        power *= 3;
    float half_sum = 128;
    unsigned want[ATOMIC_RESULTS] = { 32640,       -32640u, 0,  255, -100u, ~0u,
                                      0xffff0000u, 0,       56, 94,  488,   0,
                                      1,           power,   0,  128 };
    memcpy(&want[2], &half_sum, sizeof half_sum);
    unsigned *out = to_device(start, sizeof start);
    good_atomics(out, stream);
    unsigned *got = to_host(out, sizeof start);
    for (int i = 0; i < ATOMIC_RESULTS; i++)
        if (i != 11)  // the last to come: any
            CHECK(got[i] == want[i], "atomic %d: %u, not %u", i, got[i], want[i]);
    free(got);
}

static void check_bits(void)
{
    static const float x[2] = { 1, 11 };
    static const unsigned want[BIT_RESULTS] = { 8,  5,           31,  32, 0x80000000u,
                                                15, 0x77225500u, 3,   32, 0x3fc00000,
                                                3,  7,           500, 1,  9,
                                                21, 62,          1609 };
    unsigned *out = to_device(NULL, sizeof want);
    float *dx = to_device(x, sizeof x);
    good_bits(out, dx, stream);
    unsigned *got = to_host(out, sizeof want);
    for (int i = 0; i < BIT_RESULTS; i++)
        CHECK(got[i] == want[i], "bits %d: %u (%x), not %u", i, got[i], got[i], want[i]);
    free(got), cudaFree(dx);
}

static void check_tiles(void)
{
    int *out = to_device(NULL, 256 * sizeof *out);
    good_tiles(out, stream);
    int *got = to_host(out, 256 * sizeof *out);
    for (int i = 0; i < 64; i++) {
        int sum = 28 + 64 * (i / 8), other = 28 + 64 * ((63 - i) / 8);
        int down = i % 8 < 5 ? i % 8 + 3 : i % 8;
        CHECK(got[i] == sum && got[64 + i] == down && got[128 + i] == 0xaa &&
                  got[192 + i] == other + i / 8 + 8,
              "tiles, thread %d: %d %d %x %d", i, got[i], got[64 + i], got[128 + i],
              got[192 + i]);
    }
    free(got);
}

// The functions that kernels share with the host give the same bits.
static void check_elementary(void)
{
    enum { N = 3000 };
    float *x = random_floats(N);
    for (int i = 0; i < N; i++)
        x[i] *= 20;
    float *dx = to_device(x, N * sizeof *x), *y = to_device(NULL, 4 * N * sizeof *x);
    good_elementary(y, dx, N, stream);
    float *got = to_host(y, 4 * N * sizeof *x);
    for (int i = 0; i < N; i++) {
        RandomKey key = { .seed = 7, .position = (uint32_t)i };
        float want[4] = { exp_f32(x[i]), log_f32(fabsf(x[i]) + 0.001f), tanh_f32(x[i]),
                          random_gumbel(random_four(key, 3).v[1]) };
        CHECK(memcmp(&got[4 * i], want, sizeof want) == 0,
              "elementary functions of %a: %a %a %a %a, not %a %a %a %a", x[i],
              got[4 * i], got[4 * i + 1], got[4 * i + 2], got[4 * i + 3], want[0],
              want[1], want[2], want[3]);
    }
    free(got), free(x), cudaFree(dx);
}

static void check_halves(void)
{
    enum { ALL = 65536 };
    float *f = to_device(NULL, ALL * sizeof *f), *b = to_device(NULL, ALL * sizeof *b);
    uint16_t *back = to_device(NULL, 2 * ALL * sizeof *back);
    good_halves(f, b, back, stream);
    f = to_host(f, ALL * sizeof *f), b = to_host(b, ALL * sizeof *b);
    back = to_host(back, 2 * ALL * sizeof *back);
    for (int i = 0; i < ALL; i++) {
        float want = float_of_f16((uint16_t)i);
        bool hnan = want != want, bnan = (i & 0x7fff) > 0x7f80;
        CHECK(hnan ? f[i] != f[i] : bits_of_float(f[i]) == bits_of_float(want),
              "half %04x is %a, not %a", i, f[i], want);
        CHECK(bits_of_float(b[i]) == (uint32_t)i << 16, "bfloat16 %04x is %a", i, b[i]);
        CHECK(hnan ? (back[i] & 0x7fff) > 0x7c00 : back[i] == i,
              "half %04x comes back %04x", i, back[i]);
        CHECK(bnan ? (back[ALL + i] & 0x7fff) > 0x7f80 : back[ALL + i] == i,
              "bfloat16 %04x comes back %04x", i, back[ALL + i]);
    }
    free(f), free(b), free(back);
}

// Rounding: floats around each half, and random bits.
static void check_narrow(void)
{
    enum { N = 200000 };
    float *x = malloc(N * sizeof *x);
    for (int i = 0; i < N; i++) {
        uint32_t bits =
            (uint32_t)((next_random() + 1) * 0x1p31f) ^ (uint32_t)i * 2654435761u;
        if (i % 2)
            bits = bits_of_float(float_of_f16((uint16_t)bits)) + 0x1000 +
                   (bits >> 20) % 3 - 1;
        x[i] = float_of_bits(bits);
        x[i] = x[i] != x[i] ? 0 : x[i];
    }
    float *dx = to_device(x, N * sizeof *x);
    uint16_t *f = to_device(NULL, N * sizeof *f), *b = to_device(NULL, N * sizeof *b);
    good_narrow(f, b, dx, N, stream);
    f = to_host(f, N * sizeof *f), b = to_host(b, N * sizeof *b);
    for (int i = 0; i < N; i++)
        CHECK(f[i] == f16_of(x[i]) && b[i] == bf16_of(x[i]),
              "%a becomes %04x and %04x, not %04x and %04x", x[i], f[i], b[i],
              f16_of(x[i]), bf16_of(x[i]));
    free(f), free(b), free(x), cudaFree(dx);
}

static void check_table(void)
{
    enum { N = 100 };
    float table[TABLE], *y = to_device(NULL, N * sizeof *y);
    for (int i = 0; i < TABLE; i++)
        table[i] = (float)(i * i);
    good_table(y, N, table, stream);
    OK(cudaStreamSynchronize(stream));
    good_table(y, N, table, stream);
    float *got = to_host(y, N * sizeof *y);
    for (int i = 0; i < N; i++)
        CHECK(got[i] == table[i % TABLE] + 3, "table, %d: %g", i, got[i]);
    free(got);
}

static void check_reductions(void)
{
    enum { N = 5000 };
    float *x = malloc(N * sizeof *x), *want = malloc(N * sizeof *want), sum = 0;
    double all = 0;
    for (int i = 0; i < N; i++)
        sum += x[i] = (float)(i % 17 - 8);
    float *dx = to_device(x, N * sizeof *x);
    for (int again = 0; again < 2; again++) {
        float *dsum = to_device(NULL, sizeof sum);
        good_last_block(dsum, dx, N, stream);
        float *got = to_host(dsum, sizeof sum);
        CHECK(*got == sum, "last block: %g, not %g", *got, sum);
        free(got);
    }
    for (int i = 0; i < N; i++)
        all += exp(x[i] - 8);
    for (int i = 0; i < N; i++)
        want[i] = (float)(exp(x[i] - 8) / all);
    float *parts = to_device(NULL, 12 * sizeof *parts);
    good_softmax(dx, parts, N, stream);
    float *got = to_host(dx, N * sizeof *x);
    CHECK(difference(got, want, N) < 1e-7f, "softmax: off by %g",
          difference(got, want, N));
    free(got), free(x), free(want), cudaFree(parts);
}

static void check_pipeline(void)
{
    enum { ROWS = 100, N = 512 };
    float *w = random_floats(ROWS * N), *x = random_floats(N), want[ROWS];
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int i = 0; i < N; i++)
            sum += (double)w[r * N + i] * x[i];
        want[r] = (float)sum;
    }
    float *dw = to_device(w, ROWS * N * sizeof *w), *dx = to_device(x, N * sizeof *x);
    float *dy = to_device(NULL, sizeof want);
    good_pipeline(dy, dw, dx, ROWS, N, stream);
    float *got = to_host(dy, sizeof want);
    CHECK(difference(got, want, ROWS) < 1e-4f, "pipeline: off by %g",
          difference(got, want, ROWS));
    free(got), free(w), free(x), cudaFree(dw), cudaFree(dx);
}

static void check_limits(void)
{
    CHECK(good_too_many_threads(stream) == cudaErrorInvalidConfiguration, "1025 threads");
    OK(good_dynamic(48, 0, stream));
    CHECK(good_dynamic(49, 0, stream) == cudaErrorInvalidValue, "49 KiB unasked");
    CHECK(cudaGetLastError() == cudaErrorInvalidValue, "the last error");
    OK(good_dynamic(99, 1, stream));
    CHECK(good_blocks_per_processor() > 0, "occupancy");
}

int main(void)
{
    OK(cudaStreamCreate(&stream));
    check_scale();
    check_sums();
    check_transpose();
    check_warp();
    check_votes();
    check_atomics();
    check_bits();
    check_tiles();
    check_elementary();
    check_halves();
    check_narrow();
    check_table();
    check_reductions();
    check_pipeline();
    check_tensor();
    check_limits();
    check_streams();
    check_cublas();
    OK(cudaStreamDestroy(stream));
    return check_result();
}
