// The rungs from the naive matrix product to ours, each measured: make bench-matmul.
// docs/matmul.md climbs them.
//
// x [T, 768] times w [768, 3072], the widest of gpt2-124M's blocks: 512 rows with one
// matrix, and one row with twelve different ones, so that they do not stay in a near
// cache.  The least time of several runs; on one thread that thread's CPU time, so that a
// busy neighbour takes away little.  GB/s counts each weight once.
#include "bandwidth.h"
#include "device.h"
#include "halves.h"
#include "matmul_cpu.h"
#include "memory.h"
#include "random.h"
#include "simd.h"
#include "threads.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { IN = 768, OUT = 3072, LAYERS = 12, ROWS = 512, TYPES = INT4 + 1, RUNS = 9 };

static float *plain[LAYERS];            // [IN, OUT], as in the file
static Matrix matrices[TYPES][LAYERS];  // packed
static uint32_t *for_vectors[LAYERS];   // those of BF16 as vectors want them
static float *numbers;                  // [ROWS, IN]
static uint16_t *rounded;               // the same as BF16

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// ---- The rungs: y[T, OUT] = x[T, IN] times the weights of a layer.

static void three_loops(float *y, const float *x, int layer, int T)
{
    const float *w = plain[layer];
    for (int t = 0; t < T; t++)
        for (int n = 0; n < OUT; n++) {
            float sum = 0;
            for (int k = 0; k < IN; k++)
                sum = fmaf(x[t * IN + k], w[k * OUT + n], sum);
            y[t * OUT + n] = sum;
        }
}

static void order_of_memory(float *y, const float *x, int layer, int T)
{
    const float *w = plain[layer];
    memset(y, 0, (size_t)T * OUT * sizeof *y);
    for (int t = 0; t < T; t++)
        for (int k = 0; k < IN; k++)
            for (int n = 0; n < OUT; n++)
                y[t * OUT + n] = fmaf(x[t * IN + k], w[k * OUT + n], y[t * OUT + n]);
}

// Up to `height` rows at a time, panel by panel.
static void by_panels(float *y, Rows x, DType dtype, const void *panels, int T,
                      int height)
{
    static float sum[ROWS][PANEL];
    for (int panel = 0; panel < OUT / PANEL; panel++)
        for (int t = 0; t < T; t += height) {
            Part p = {
                .panel =
                    (const char *)panels + (size_t)panel * matmul_panel_bytes(dtype, IN),
                .x = x,
                .rows = T - t < height ? T - t : height,
                .to = IN,
                .sum = sum,
            };
            p.x.data += (size_t)t * x.stride;
            part_multiply(&p, dtype);
            for (int r = 0; r < p.rows; r++)
                memcpy(y + (t + r) * OUT + panel * PANEL, sum[r], sizeof sum[r]);
        }
}

static void one_row(float *y, const float *x, int layer, int T)
{
    by_panels(y, (Rows){ .data = (const char *)x, .stride = IN * 4 }, F32,
              matrices[F32][layer].panels, T, 1);
}

static void tiles(float *y, const float *x, int layer, int T)
{
    by_panels(y, (Rows){ .data = (const char *)x, .stride = IN * 4 }, F32,
              matrices[F32][layer].panels, T, ROWS);
}

static void bf16_vectors(float *y, const float *x, int layer, int T)
{
    floats_to_halves(rounded, x, BF16, T * IN);
    by_panels(y, (Rows){ .data = (const char *)rounded, .stride = IN * 2 }, BF16,
              for_vectors[layer], T, ROWS);
}

static void whole_f32(float *y, const float *x, int layer, int T)
{
    matmul(y, x, &matrices[F32][layer], NULL, T);
}

static void whole_bf16(float *y, const float *x, int layer, int T)
{
    matmul(y, x, &matrices[BF16][layer], NULL, T);
}

static void whole_int8(float *y, const float *x, int layer, int T)
{
    matmul(y, x, &matrices[INT8][layer], NULL, T);
}

static void whole_int4(float *y, const float *x, int layer, int T)
{
    matmul(y, x, &matrices[INT4][layer], NULL, T);
}

// ---- What the machine can do at most: operations by the second.

enum { CHAINS = 12, LOOPS = 40000 };  // sums that do not wait for each other
static volatile uint32_t zero, sink;  // so that the compiler cannot know the result

// A loop of CHAINS times `next`, an expression of sum[c] and x.
#define PEAK(name, Vector, next, operations)                                         \
    static double name(void)                                                         \
    {                                                                                \
        Vector sum[CHAINS], all = { 0 };                                             \
        Bits x = bits_all(zero);                                                     \
        for (int c = 0; c < CHAINS; c++)                                             \
            sum[c] = (Vector)bits_all(0x3f800000u + (uint32_t)c);                    \
        for (int i = 0; i < LOOPS; i++) {                                            \
            _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) sum[c] = next; \
        }                                                                            \
        for (int c = 0; c < CHAINS; c++)                                             \
            all += sum[c];                                                           \
        sink = ((Bits)all)[0];                                                       \
        return operations * (double)LANES * CHAINS * LOOPS;                          \
    }
PEAK(fma_peak, Floats, floats_fma((Floats)x, (Floats)x, sum[c]), 2.0)
PEAK(bf16_peak, Floats, floats_dot_bf16(sum[c], x, x), 4.0)
PEAK(int8_peak, Ints, ints_dot(sum[c], x, x), 8.0)

// By the tile registers, four sums at once; 16 x 16 sums each of 32 (BF16) or 64 products.
static double amx_bf16_peak(void)
{
#if defined(__AMX_BF16__)
    amx_begin();
    for (int i = 0; i < LOOPS; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    amx_end();
#endif
    return 2.0 * 16 * 16 * 32 * 4 * LOOPS;
}

static double amx_int8_peak(void)
{
#if defined(__AMX_INT8__)
    amx_begin();
    for (int i = 0; i < LOOPS; i++) {
        _tile_dpbsud(0, 4, 6);
        _tile_dpbsud(1, 4, 7);
        _tile_dpbsud(2, 5, 6);
        _tile_dpbsud(3, 5, 7);
    }
    amx_end();
#endif
    return 2.0 * 16 * 16 * 64 * 4 * LOOPS;
}

// The same with loads: our loop over one tile, all of which is near.
static double amx_near_peak(void)
{
    enum { TIMES = 200 };
    static float sum[2 * TILE][PANEL];
    Rows x = { .data = (const char *)rounded, .stride = IN * 2 };
    Part p = { matrices[BF16][0].panels, x, 2 * TILE, 0, IN, sum, false };
    amx_begin();
    for (int i = 0; i < TIMES; i++)
        amx_multiply(&p, BF16);
    amx_end();
    return 2.0 * IN * PANEL * 2 * TILE * TIMES;
}

static double peak(double (*loop)(void))
{
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        double start = now(CLOCK_THREAD_CPUTIME_ID), done = loop();
        double rate = done / (now(CLOCK_THREAD_CPUTIME_ID) - start);
        best = rate > best ? rate : best;
    }
    return best;
}

// ---- The measurement.

// Every number of twelve packed matrices, once: GB/s on this thread.
static double read_rate(DType dtype)
{
    double best = 0;
    size_t n = matrix_bytes(dtype, IN, OUT) / sizeof(Bits);
    for (int run = 0; run < RUNS; run++) {
        Bits sum[8] = { { 0 } }, all = { 0 };
        double start = now(CLOCK_THREAD_CPUTIME_ID);
        for (int l = 0; l < LAYERS; l++) {
            const char *at = matrices[dtype][l].panels;
            for (size_t i = 0; i + 8 <= n; i += 8, at += sizeof sum)
                for (int v = 0; v < 8; v++)
                    sum[v] ^= bits_load(at + (size_t)v * sizeof(Bits));
        }
        double t = now(CLOCK_THREAD_CPUTIME_ID) - start;
        for (int v = 0; v < 8; v++)
            all ^= sum[v];
        sink = all[0];
        double rate = (double)(n * sizeof(Bits) * LAYERS) / t;
        best = rate > best ? rate : best;
    }
    return best;
}

typedef void Multiply(float *y, const float *x, int layer, int T);

// Seconds for T rows with each of `layers` matrices: the least of runs for half a second.
static double least_time(Multiply *multiply, float *y, int layers, int T, bool threads)
{
    clockid_t clock = threads ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
    double least = INFINITY, end = now(CLOCK_MONOTONIC) + 0.5;
    do {
        double start = now(clock);
        if (threads) {
            #pragma omp parallel
            for (int l = 0; l < layers; l++)
                multiply(y, numbers, l, T);
        } else {
            for (int l = 0; l < layers; l++)
                multiply(y, numbers, l, T);
        }
        double t = now(clock) - start;
        least = t < least ? t : least;
    } while (now(CLOCK_MONOTONIC) < end);
    return least;
}

typedef struct {
    const char *name;
    Multiply *multiply;
    DType dtype;
    double (*peak)(void);
    bool threads;
} Rung;

// How far y is from the first rung's, in parts of its size.
static double error_of(const float *y, const float *first)
{
    double off = 0, size = 0;
    for (int i = 0; i < ROWS * OUT; i++) {
        double d = (double)y[i] - (double)first[i];
        off += d * d;
        size += (double)first[i] * (double)first[i];
    }
    return sqrt(off / size);
}

// Bytes a second that can be read at most.
static double limit_of(const Rung *r, double bytes)
{
    return r->threads ? bandwidth_read((size_t)bytes * LAYERS) : read_rate(r->dtype);
}

static void climb(const Rung *r, float *y, const float *first)
{
    double flops = 2.0 * IN * OUT, bytes = (double)matrix_bytes(r->dtype, IN, OUT);
    double before = limit_of(r, bytes);
    double one = least_time(r->multiply, y, LAYERS, 1, r->threads) / LAYERS;
    double limit = fmax(before, limit_of(r, bytes));
    double many = least_time(r->multiply, y, 1, ROWS, r->threads);
    double most = peak(r->peak) * (r->threads ? omp_get_max_threads() : 1);
    printf("%-24s %7.1f %7.1f %4.0f %%  %8.1f %7.2f %4.0f %%", r->name, flops / one / 1e9,
           bytes / one / 1e9, 100 * bytes / one / limit, flops * ROWS / many / 1e9,
           bytes / many / 1e9, 100 * flops * ROWS / many / most);
    if (memcmp(y, first, (size_t)ROWS * OUT * sizeof *y) == 0)
        printf("  same bits\n");
    else
        printf("  off by %.2f %%\n", 100 * error_of(y, first));
}

// The words of a matrix of BF16 in the order that the vectors' kernel reads.
static uint32_t *words_for_vectors(const Matrix *m)
{
    enum { WORDS = IN / 2 * PANEL };
    uint32_t *to = memory_alloc((size_t)IN * OUT / 2, sizeof *to, "weights");
    for (int panel = 0; panel < OUT / PANEL; panel++)
        for (int k = 0; k < IN / 2; k++)
            for (int j = 0; j < PANEL; j++)
                to[(size_t)panel * WORDS + matmul_word(k, j, false)] =
                    ((const uint32_t *)m->panels)[(size_t)panel * WORDS +
                                                  matmul_word(k, j, amx_there())];
    return to;
}

static void prepare(void)
{
    size_t n = (size_t)IN * OUT;
    numbers = memory_alloc((size_t)ROWS * IN, sizeof *numbers, "rows");
    rounded = memory_alloc((size_t)ROWS * IN, sizeof *rounded, "rows");
    for (uint32_t i = 0; i < ROWS * IN; i++)  // about normal
        for (int w = 0; w < 4; w++)
            numbers[i] +=
                random_uniform(random_four((RandomKey){ .seed = 1 }, i).v[w]) - 0.5f;
    for (int l = 0; l < LAYERS; l++) {
        plain[l] = memory_alloc(n, sizeof *plain[l], "weights");
        for (size_t i = 0; i < n; i++)
            plain[l][i] = numbers[(i * 7 + (size_t)l) % (ROWS * IN)] / 16;
        for (DType d = F32; d <= INT4; d++) {
            matrices[d][l] =
                (Matrix){ "product", d, IN, OUT,
                          device_alloc(matrix_bytes(d, IN, OUT), "weights") };
            matrix_pack(&matrices[d][l], plain[l], F32, MATRIX_IN_OUT);
        }
        for_vectors[l] = words_for_vectors(&matrices[BF16][l]);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    threads_wait_briefly(argv);
    bool amx = amx_there();
    const Rung rungs[] = {
        { "three loops", three_loops, F32, fma_peak, false },
        { "in memory's order", order_of_memory, F32, fma_peak, false },
        { "panels, row by row", one_row, F32, fma_peak, false },
        { "tiles of rows", tiles, F32, fma_peak, false },
        { "blocks: matmul()", whole_f32, F32, fma_peak, false },
        { "  by all threads", whole_f32, F32, fma_peak, true },
        { "bf16 by vectors", bf16_vectors, BF16, bf16_peak, false },
        { "bf16: matmul()", whole_bf16, BF16, amx ? amx_bf16_peak : bf16_peak, false },
        { "int8: matmul()", whole_int8, INT8, amx ? amx_int8_peak : int8_peak, false },
        { "int4: matmul()", whole_int4, INT4, amx ? amx_int8_peak : int8_peak, false },
        { "  by all threads", whole_int4, INT4, amx ? amx_int8_peak : int8_peak, true },
    };
    prepare();
    float *y = memory_alloc((size_t)ROWS * OUT, sizeof *y, "product"),
          *first = memory_alloc((size_t)ROWS * OUT, sizeof *y, "product");
    three_loops(first, numbers, 0, ROWS);
    printf("peaks, one thread: f32 %.0f, bf16 %.0f, int8 %.0f", 1e-9 * peak(fma_peak),
           1e-9 * peak(bf16_peak), 1e-9 * peak(int8_peak));
    if (amx)
        printf(", AMX bf16 %.0f (%.0f with loads), int8 %.0f", 1e-9 * peak(amx_bf16_peak),
               1e-9 * peak(amx_near_peak), 1e-9 * peak(amx_int8_peak));
    printf(" GFLOP/s\nreading, one thread: 113 MB %.1f GB/s, 16 MB %.1f GB/s\n\n",
           1e-9 * read_rate(F32), 1e-9 * read_rate(INT4));
    printf("%-24s %-22s %s\n%-24s %s  %s\n", "", "   1 row", "     512 rows", "",
           "GFLOP/s    GB/s  share", " GFLOP/s    GB/s  share");
    for (size_t i = 0; i < sizeof rungs / sizeof *rungs; i++)
        climb(&rungs[i], y, first);
    return 0;
}
