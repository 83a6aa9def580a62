// Tiles: a few rows of x against a panel of 64 outputs; see matmul_cpu.h.
//
// A strip is as many outputs as four vectors hold.  ROWS rows times four vectors of sums
// stay in registers while k runs from first to last: each weight that is loaded serves
// ROWS rows, each number of x four vectors, and each output is summed in one order,
// whatever the number of rows.
#include "matmul_cpu.h"
#include "simd.h"

enum { VECTORS = 4, STRIP = VECTORS * LANES, AHEAD = 2048 };

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

static inline uint32_t word_of(const Part *p, int row, size_t byte)
{
    uint32_t word;
    memcpy(&word, p->x.data + (size_t)row * p->x.stride + byte, sizeof word);
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

// The sums, [ROWS][VECTORS] vectors of either kind, wait in p->sum from one part of k to
// the next.
KERNEL load_sums(void *sums, const Part *p, int first, int rows)
{
    char *to = sums;
    for (int r = 0; r < rows; r++)
        if (p->from == 0)
            memset(to + r * STRIP * 4, 0, STRIP * 4);
        else
            memcpy(to + r * STRIP * 4, &p->sum[r][first], STRIP * 4);
}

KERNEL store_sums(const Part *p, int first, const void *sums, int rows)
{
    const char *from = sums;
    for (int r = 0; r < rows; r++)
        memcpy(&p->sum[r][first], from + r * STRIP * 4, STRIP * 4);
}

// The weights that come soon, when they come from far.
KERNEL fetch(const char *w, int bytes)
{
    for (int i = 0; i < bytes; i += 64)
        __builtin_prefetch(w + AHEAD + i);
}

// F32, F16, BF16.
KERNEL sum_floats(const Part *p, int first, DType dtype, int rows)
{
    Floats sum[ROWS][VECTORS];
    int pair = dtype == BF16 ? 2 : 1, size = dtype == F16 ? 2 : 4;
    const char *w = p->panel + (size_t)(p->from / pair * PANEL + first) * (size_t)size;
    load_sums(sum, p, first, rows);
    for (int k = p->from / pair; k < p->to / pair; k++, w += PANEL * size) {
        Bits weights[VECTORS];
        if (p->fetch)
            fetch(w, STRIP * size);
        load_weights(weights, w, dtype);
        #pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            Bits x = bits_all(word_of(p, r, (size_t)k * 4));
            #pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = dtype == BF16
                                ? floats_dot_bf16(sum[r][v], weights[v], x)
                                : floats_fma((Floats)x, (Floats)weights[v], sum[r][v]);
        }
    }
    store_sums(p, first, sum, rows);
}

// INT8: exact sums of integers, scaled at the end.
KERNEL sum_bytes(const Part *p, int first, DType dtype, int rows)
{
    Ints sum[ROWS][VECTORS];
    const char *w = p->panel + (size_t)p->from * PANEL + (size_t)first * 4;
    load_sums(sum, p, first, rows);
    for (int k = p->from; k < p->to; k += 4, w += PANEL * 4) {
        Bits weights[VECTORS];
        load_weights(weights, w, dtype);
        #pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            Bits x = bits_all(word_of(p, r, (size_t)k));
            #pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = ints_dot(sum[r][v], weights[v], x);
        }
    }
    store_sums(p, first, sum, rows);
}

// INT4: exact sums of a group, scaled and added up group by group.
KERNEL sum_nibbles(const Part *p, int first, DType dtype, int rows)
{
    Floats sum[ROWS][VECTORS];
    load_sums(sum, p, first, rows);
    for (int g = p->from / GROUP; g < p->to / GROUP; g++) {
        const char *scales = p->panel + (size_t)g * GROUP_BYTES, *w = scales + PANEL * 2;
        Ints part[ROWS][VECTORS];
        #pragma GCC unroll 6
        for (int r = 0; r < rows; r++)  // a nibble is the weight + 8
            #pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                part[r][v] = (Ints)bits_all(
                    (uint32_t)(-8 * p->x.sum[(size_t)r * p->x.groups + g]));
        for (int k = 0; k < GROUP; k += 8) {
            Bits weights[VECTORS];
            load_weights(weights, w + (size_t)k * PANEL / 2 + (size_t)first * 4, dtype);
            #pragma GCC unroll 6
            for (int r = 0; r < rows; r++) {
                size_t at = (size_t)g * GROUP + (size_t)k;
                Bits low = bits_all(word_of(p, r, at)),
                     high = bits_all(word_of(p, r, at + 4));
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
                float step = p->x.scale[(size_t)r * p->x.groups + g];
                sum[r][v] = floats_fma(floats_of_ints(part[r][v]) * floats_all(step),
                                       scale, sum[r][v]);
            }
        }
    }
    store_sums(p, first, sum, rows);
}

// A kernel for each number of rows.
#define STRIP_OF(name, kernel, dtype)                  \
    static void name(const Part *p, int first)         \
    {                                                  \
        switch (p->rows) {                             \
        case 1:                                        \
            kernel(p, first, dtype, 1);                \
            break;                                     \
        case 2:                                        \
            kernel(p, first, dtype, 2);                \
            break;                                     \
        case 3:                                        \
            kernel(p, first, dtype, ROWS < 3 ? 1 : 3); \
            break;                                     \
        case 4:                                        \
            kernel(p, first, dtype, ROWS < 4 ? 1 : 4); \
            break;                                     \
        case 5:                                        \
            kernel(p, first, dtype, ROWS < 5 ? 1 : 5); \
            break;                                     \
        case 6:                                        \
            kernel(p, first, dtype, ROWS < 6 ? 1 : 6); \
            break;                                     \
        }                                              \
    }

STRIP_OF(strip_f32, sum_floats, F32)
STRIP_OF(strip_f16, sum_floats, F16)
STRIP_OF(strip_bf16, sum_floats, BF16)
STRIP_OF(strip_int8, sum_bytes, INT8)
STRIP_OF(strip_int4, sum_nibbles, INT4)

void part_multiply(const Part *p, DType dtype)
{
    static void (*const strips[])(const Part *, int) = {
        [F32] = strip_f32,   [F16] = strip_f16,   [BF16] = strip_bf16,
        [INT8] = strip_int8, [INT4] = strip_int4,
    };
    for (int r = 0; r < p->rows; r += ROWS) {
        Part some = *p;
        some.rows = p->rows - r < ROWS ? p->rows - r : ROWS;
        some.x.data += (size_t)r * p->x.stride;
        some.x.sum += (size_t)r * p->x.groups;
        some.x.scale += (size_t)r * p->x.groups;
        some.sum += r;
        some.fetch = r == 0;
        for (int first = 0; first < PANEL; first += STRIP)
            strips[dtype](&some, first);
    }
}
