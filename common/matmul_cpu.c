// y = x W + b on the CPU; see matmul.h, and matmul_cpu.h for how the weights lie.
//
// Rows of x are taken a block at a time: first the kernel's form of them is made (BF16,
// or bytes), by all threads; then each thread takes panels, and multiplies the block with
// a part of the panel after the other.  The part stays in the processor's first cache
// while the rows go by, and the block in the second while the panels do.
#include "matmul_cpu.h"
#include "elementary.h"
#include "halves.h"
#include "memory.h"
#include "simd.h"
#include "trace.h"
#include <stdlib.h>

const char *const matmul_kernels[] = { "panels", NULL };

void matmul_set_invariant(bool on)
{
    (void)on;  // it is anyway
}

enum {
    BLOCK_BYTES = 3 << 19,
    AHEAD = 8,             // rows of y that are fetched before they are written
    ROWS_UNIT = 2 * TILE,  // a block is a multiple of this many rows
};

// The block in the kernel's form.
static struct {
    size_t bytes;
    char *data;    // [rows][in rounded up], at most 2 bytes each
    float *scale;  // INT8: [rows]; INT4: [rows][groups]
    int32_t *sum;  // likewise
} block;

// How many of T rows to take at a time: blocks of about the same size.
static int block_rows(int T, size_t stride)
{
    size_t units = BLOCK_BYTES / (stride * ROWS_UNIT);
    int most = units < 1                   ? ROWS_UNIT
               : units > BLOCK / ROWS_UNIT ? BLOCK
                                           : (int)units * ROWS_UNIT;
    int blocks = T > most ? (T + most - 1) / most : 1, rows = (T + blocks - 1) / blocks;
    return (rows + ROWS_UNIT - 1) / ROWS_UNIT * ROWS_UNIT;
}

void matmul_reserve(int in)
{
    size_t least = (size_t)(in + 63) / 64 * 64 * 2 * ROWS_UNIT;
    size_t bytes = least > BLOCK_BYTES ? least : BLOCK_BYTES;
    if (bytes <= block.bytes)
        return;
    free(block.data);
    free(block.scale);
    free(block.sum);
    block.bytes = bytes;
    block.data = memory_alloc(bytes, 1, "rows of a product");
    block.scale = memory_alloc(bytes / GROUP, sizeof *block.scale, "rows of a product");
    block.sum = memory_alloc(bytes / GROUP, sizeof *block.sum, "rows of a product");
}

// Adding it leaves the nearest integer in the lowest bits.
static const float round_bits = 12582912.0f;

// Of the numbers' magnitudes, whose order is that of their bits: a NaN is the greatest.
static Floats magnitude_max(Floats a, Floats b)
{
    Ints x = (Ints)((Bits)a & 0x7fffffff), y = (Ints)((Bits)b & 0x7fffffff);
    Ints greater = (Ints)(y > x);
    return (Floats)((y & greater) | (x & ~greater));
}

// x[n], with n a multiple of LANES, in steps of 1 / inverse; returns 16 sums of the bytes.
static Ints to_bytes(int8_t *to, const float *x, float inverse, int n)
{
    Ints sum = { 0 };
    for (int k = 0; k < n; k += LANES) {
        Ints steps = (Ints)floats_fma(floats_load(x + k), floats_all(inverse),
                                      floats_all(round_bits));
        bytes_store(to + k, steps);
        sum += steps << 24 >> 24;
    }
    return sum;
}

// x[n] in steps of the greatest |x| / 127.  *sum: of the bytes.
static float quantise(int8_t *to, int32_t *sum, const float *x, int n)
{
    int whole = n / LANES * LANES;
    float last[LANES] = { 0 }, max = 0;
    int8_t bytes[LANES];
    memcpy(last, x + whole, (size_t)(n - whole) * sizeof *x);
    Floats most = magnitude_max(floats_all(0), floats_load(last));
    for (int k = 0; k < whole; k += LANES)
        most = magnitude_max(most, floats_load(x + k));
    for (int l = 0; l < LANES; l++)
        max = most[l] > max || most[l] != most[l] ? most[l] : max;
    float inverse = max > 0 ? 127 / max : 0;
    Ints sums = to_bytes(to, x, inverse, whole) + to_bytes(bytes, last, inverse, LANES);
    memcpy(to + whole, bytes, (size_t)(n - whole));
    *sum = 0;
    for (int l = 0; l < LANES; l++)
        *sum += sums[l];
    return max / 127;
}

// The same for LANES groups of GROUP numbers, side by side.
static void quantise_groups(int8_t *to, int32_t *sum, float *scale, const float *x)
{
    Floats most[LANES], sums[LANES];
    float inverse[LANES];
    for (int g = 0; g < LANES; g++) {
        most[g] = floats_all(0);
        for (int k = 0; k < GROUP; k += LANES)
            most[g] = magnitude_max(most[g], floats_load(x + g * GROUP + k));
    }
    SIMD_LEVELS(most, magnitude_max);
    floats_store(scale, most[0] / 127);
    floats_store(inverse, 127 / most[0]);
    for (int g = 0; g < LANES; g++)
        sums[g] = floats_of_ints(to_bytes(to + g * GROUP, x + g * GROUP,
                                          scale[g] > 0 ? inverse[g] : 0, GROUP));
    Floats whole = floats_add_lanes(sums);  // of small integers: exact
    for (int g = 0; g < LANES; g++)
        sum[g] = (int32_t)whole[g];
}

// A row of x in bytes: INT8 with one scale, INT4 with one for each group of k.
static void prepare_bytes(int t, char *to, const float *x, const Matrix *m, int groups)
{
    int steps = matmul_steps(m->dtype, m->in), group = steps / groups;
    memset(to + m->in, 0, (size_t)(steps - m->in));
    for (int g = 0; g < groups;) {
        int first = g * group, left = m->in - first, i = t * groups + g;
        bool many = group == GROUP && left >= LANES * GROUP;
        int n = left < 0 ? 0 : left < group ? left : group;
        if (many)
            quantise_groups((int8_t *)to + first, &block.sum[i], &block.scale[i],
                            x + first);
        else
            block.scale[i] = quantise((int8_t *)to + first, &block.sum[i], x + first, n);
        g += many ? LANES : 1;
    }
}

static void prepare_bf16(char *to, const float *x, const Matrix *m, size_t stride)
{
    floats_to_halves(to, x, BF16, m->in);
    memset(to + 2 * (size_t)m->in, 0, stride - 2 * (size_t)m->in);
}

// Row t of the block, in tiles.
static void put_in_tiles(int t, const char *row, size_t stride)
{
    char *to = block.data + (size_t)(t / TILE) * TILE * stride + t % TILE * 64;
    for (size_t i = 0; i < stride; i += 64, to += TILE_BYTES)
        memcpy(to, row + i, 64);
}

// Of a row in the form that m's kernel reads.
static size_t row_bytes(const Matrix *m)
{
    if (m->dtype == F32 || m->dtype == F16)
        return (size_t)m->in * sizeof(float);
    return (size_t)matmul_steps(m->dtype, m->in) * (m->dtype == BF16 ? 2 : 1);
}

// The rows in that form.
static Rows prepare(const float *x, const Matrix *m, int rows, size_t stride, bool tiles)
{
    int groups = m->dtype == INT4 ? matmul_steps(INT4, m->in) / GROUP : 1;
    if (m->dtype == F32 || m->dtype == F16)
        return (Rows){ (const char *)x, stride, NULL, NULL, 0 };
    #pragma omp for
    for (int t = 0; t < rows; t++) {
        char row[tiles ? stride : 1], *to = tiles ? row : block.data + (size_t)t * stride;
        if (m->dtype == BF16)
            prepare_bf16(to, x + (size_t)t * m->in, m, stride);
        else
            prepare_bytes(t, to, x + (size_t)t * m->in, m, groups);
        if (tiles)
            put_in_tiles(t, row, stride);
    }
    return (Rows){ block.data, stride, block.scale, block.sum, groups };
}

// INT8: from integers to numbers.  A weight's byte is 128 too large.
static void scale_sums(float *sums, int32_t sum_x, float scale_x, const float *scales)
{
    for (int j = 0; j < PANEL; j++) {
        int32_t sum;
        memcpy(&sum, &sums[j], sizeof sum);
        sums[j] = (float)(sum - 128 * sum_x) * (scale_x * scales[j]);
    }
}

// y[j] = sum[j] + bias[j], or that is added to y.
static void put(float *y, const float *sum, const float *bias, int n, bool add)
{
    for (int j = 0; j < n; j++) {
        float value = sum[j] + (bias ? bias[j] : 0.0f);
        y[j] = add ? y[j] + value : value;
    }
}

// A panel's outputs for all rows of a block.
static void put_panel(float *y, float (*sum)[PANEL], const Part *p, const Matrix *m,
                      const float *bias, int first, bool add)
{
    int n = m->out - first < PANEL ? m->out - first : PANEL;
    const char *scales = p->panel + (size_t)p->to * PANEL;
    for (int t = 0; t < p->rows; t++) {
        float *row = y + (size_t)t * m->out + first;
        for (int j = 0; j < PANEL; j += 16)
            __builtin_prefetch(row + (size_t)(AHEAD * m->out + j), 1);
        if (m->dtype == INT8)
            scale_sums(sum[t], p->x.sum[t], p->x.scale[t],
                       (const float *)(const void *)scales);
        put(row, sum[t], bias ? bias + first : NULL, n, add);
    }
}

static void multiply_part(const Part *p, DType dtype, bool tiles)
{
    if (!tiles)
        part_multiply(p, dtype);
    else if (dtype == INT4)
        amx_multiply_int4(p);
    else
        amx_multiply(p, dtype);
}

static void multiply_panel(float *y, Rows x, const Matrix *m, const float *bias,
                           int panel, int rows, bool add, bool tiles)
{
    float sum[BLOCK][PANEL];
    int steps = matmul_steps(m->dtype, m->in);
    int depth = m->dtype == INT4 ? DEPTH : DEPTH / (int)dtype_size(m->dtype);
    size_t bytes = matmul_panel_bytes(m->dtype, m->in);
    Part p = {
        (const char *)m->panels + (size_t)panel * bytes, x, rows, 0, 0, sum, false
    };
    for (; p.to < steps; p.from = p.to) {
        p.to = steps - p.from < depth ? steps : p.from + depth;
        multiply_part(&p, m->dtype, tiles);
    }
    put_panel(y, sum, &p, m, bias, panel * PANEL, add);
}

// INT4: the sums are exact by any means, and few rows do not repay unpacking.
static bool in_tiles(DType dtype, int T)
{
    return (dtype == BF16 || dtype == INT8 || (dtype == INT4 && T > TILE / 2)) &&
           amx_there();
}

static void multiply(float *y, const float *x, const Matrix *m, const float *bias, int T,
                     bool add)
{
    double bytes =
        (double)matrix_bytes(m->dtype, m->in, m->out) + 4.0 * T * (m->in + m->out);
    if (!trace_op(m->name, bytes, 2.0 * T * m->in * m->out))
        return;
    bool tiles = in_tiles(m->dtype, T);
    size_t stride = row_bytes(m);
    int most = block_rows(T, stride);
    if (tiles)
        amx_begin();
    for (int t = 0; t < T; t += most) {
        int rows = T - t < most ? T - t : most;
        Rows prepared = prepare(x + (size_t)t * m->in, m, rows, stride, tiles);
        #pragma omp for schedule(dynamic)
        for (int panel = 0; panel < matmul_panels(m->out); panel++)
            multiply_panel(y + (size_t)t * m->out, prepared, m, bias, panel, rows, add,
                           tiles);
    }
    if (tiles)
        amx_end();
}

void matmul(float *y, const float *x, const Matrix *w, const float *bias, int T)
{
    multiply(y, x, w, bias, T, false);
}

void matmul_add(float *y, const float *x, const Matrix *w, const float *bias, int T)
{
    multiply(y, x, w, bias, T, true);
}
