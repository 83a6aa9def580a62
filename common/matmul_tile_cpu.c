// Tiles: a few rows of x against a panel of 64 outputs; see matmul_cpu.h.
//
// A strip is as many outputs as four vectors hold.  ROWS rows times four vectors of sums
// stay in registers while k runs from first to last: each weight that is loaded serves
// ROWS rows, each number of x four vectors, and each output is summed in one order,
// whatever the number of rows.
#include "matmul_cpu.h"
#include "simd.h"

enum { VECTORS = 4, STRIP = VECTORS * LANES };

#if defined(__AVX512F__)
enum { ROWS = 6 };  // 24 of 32 registers
#elif defined(__AVX2__)
enum { ROWS = 3 };  // 12 of 16
#else
enum { ROWS = 2 };
#endif

// Inlined with `rows` and `dtype` constant, so that the loops over rows and vectors are
// unrolled.
#define KERNEL static inline __attribute__((always_inline)) void

static inline uint32_t word_of(const Tile *t, int row, size_t byte)
{
    uint32_t word;
    memcpy(&word, t->x.data + (size_t)row * t->x.stride + byte, sizeof word);
    return word;
}

// One step: four vectors of weights.  BF16: k and k + 1.
KERNEL load_weights(Bits *w, const char *at, DType dtype)
{
    #pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++)
        w[v] = dtype == F16 ? (Bits)floats_of_f16(at + v * 2 * LANES)
                            : bits_load(at + v * 4 * LANES);
}

// F32, F16, BF16.
KERNEL sum_floats(const Tile *t, int first, DType dtype, int rows)
{
    Floats sum[ROWS][VECTORS] = { { { 0 } } };
    int steps = dtype == BF16 ? t->steps / 2 : t->steps;
    const char *w = t->panel + (size_t)first * (dtype == F16 ? 2 : 4);
    for (int k = 0; k < steps; k++, w += PANEL * (dtype == F16 ? 2 : 4)) {
        Bits weights[VECTORS];
        load_weights(weights, w, dtype);
        #pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            Bits x = bits_all(word_of(t, r, (size_t)k * 4));
            #pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = dtype == BF16
                                ? floats_dot_bf16(sum[r][v], weights[v], x)
                                : floats_fma((Floats)x, (Floats)weights[v], sum[r][v]);
        }
    }
    #pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
        #pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            floats_store(&t->sum[r][first + v * LANES], sum[r][v]);
}

// INT8: exact sums of integers, scaled at the end.
KERNEL sum_bytes(const Tile *t, int first, DType dtype, int rows)
{
    Ints sum[ROWS][VECTORS] = { { { 0 } } };
    const char *w = t->panel + (size_t)first * 4;
    for (int k = 0; k < t->steps; k += 4, w += PANEL * 4) {
        Bits weights[VECTORS];
        load_weights(weights, w, dtype);
        #pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            Bits x = bits_all(word_of(t, r, (size_t)k));
            #pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = ints_dot(sum[r][v], weights[v], x);
        }
    }
    #pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
        #pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            memcpy(&t->sum[r][first + v * LANES], &sum[r][v], sizeof sum[r][v]);
}

// INT4: exact sums of a group, scaled and added up group by group.
KERNEL sum_nibbles(const Tile *t, int first, DType dtype, int rows)
{
    Floats sum[ROWS][VECTORS] = { { { 0 } } };
    for (int g = 0; g < t->x.groups; g++) {
        const char *scales = t->panel + (size_t)g * GROUP_BYTES, *w = scales + PANEL * 2;
        Ints part[ROWS][VECTORS];
        #pragma GCC unroll 6
        for (int r = 0; r < rows; r++)  // a nibble is the weight + 8
            #pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                part[r][v] = (Ints)bits_all(
                    (uint32_t)(-8 * t->x.sum[(size_t)r * t->x.groups + g]));
        for (int k = 0; k < GROUP; k += 8) {
            Bits weights[VECTORS];
            load_weights(weights, w + (size_t)k * PANEL / 2 + (size_t)first * 4, dtype);
            #pragma GCC unroll 6
            for (int r = 0; r < rows; r++) {
                size_t at = (size_t)g * GROUP + (size_t)k;
                Bits low = bits_all(word_of(t, r, at)),
                     high = bits_all(word_of(t, r, at + 4));
                #pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) {
                    part[r][v] = ints_dot(part[r][v], weights[v] & 0x0f0f0f0f, low);
                    part[r][v] = ints_dot(part[r][v], weights[v] >> 4 & 0x0f0f0f0f, high);
                }
            }
        }
        #pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            Floats scale = floats_of_f16(scales + (first + v * LANES) * 2);
            #pragma GCC unroll 6
            for (int r = 0; r < rows; r++) {
                float step = t->x.scale[(size_t)r * t->x.groups + g];
                sum[r][v] = floats_fma(floats_of_ints(part[r][v]) * floats_all(step),
                                       scale, sum[r][v]);
            }
        }
    }
    #pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
        #pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            floats_store(&t->sum[r][first + v * LANES], sum[r][v]);
}

// A kernel for each number of rows.
#define STRIP_OF(name, kernel, dtype)                  \
    static void name(const Tile *t, int first)         \
    {                                                  \
        switch (t->rows) {                             \
        case 1:                                        \
            kernel(t, first, dtype, 1);                \
            break;                                     \
        case 2:                                        \
            kernel(t, first, dtype, 2);                \
            break;                                     \
        case 3:                                        \
            kernel(t, first, dtype, ROWS < 3 ? 1 : 3); \
            break;                                     \
        case 4:                                        \
            kernel(t, first, dtype, ROWS < 4 ? 1 : 4); \
            break;                                     \
        case 5:                                        \
            kernel(t, first, dtype, ROWS < 5 ? 1 : 5); \
            break;                                     \
        case 6:                                        \
            kernel(t, first, dtype, ROWS < 6 ? 1 : 6); \
            break;                                     \
        }                                              \
    }

STRIP_OF(strip_f32, sum_floats, F32)
STRIP_OF(strip_f16, sum_floats, F16)
STRIP_OF(strip_bf16, sum_floats, BF16)
STRIP_OF(strip_int8, sum_bytes, INT8)
STRIP_OF(strip_int4, sum_nibbles, INT4)

void tile_multiply(const Tile *t, DType dtype)
{
    static void (*const strips[])(const Tile *, int) = {
        [F32] = strip_f32,   [F16] = strip_f16,   [BF16] = strip_bf16,
        [INT8] = strip_int8, [INT4] = strip_int4,
    };
    for (int r = 0; r < t->rows; r += ROWS) {
        Tile part = *t;
        part.rows = t->rows - r < ROWS ? t->rows - r : ROWS;
        part.x.data += (size_t)r * t->x.stride;
        part.x.sum += (size_t)r * t->x.groups;
        part.x.scale += (size_t)r * t->x.groups;
        part.sum += r;
        for (int first = 0; first < PANEL; first += STRIP)
            strips[dtype](&part, first);
    }
}
