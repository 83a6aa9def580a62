// y = x W + b on the CPU; see matmul.h, and matmul_cpu.h for how the weights lie.
//
// Rows of x are taken a block at a time: first the kernel's form of them is made (BF16,
// or bytes), by all threads; then each thread takes panels, and multiplies the rows of
// the block with them, a tile at a time.
#include "matmul_cpu.h"
#include "elementary.h"
#include "halves.h"
#include "memory.h"
#include "trace.h"
#include <stdlib.h>

const char *const matmul_kernels[] = { "panels", NULL };

void matmul_set_invariant(bool on)
{
    (void)on;  // it is anyway
}

// The block of rows in the kernel's form: as wide as the widest matrix that was packed.
static struct {
    int in;
    char *data;    // [BLOCK][in rounded up], at most 2 bytes each
    float *scale;  // INT8: [BLOCK]; INT4: [BLOCK][groups]
    int32_t *sum;  // likewise
} block;

void matmul_reserve(int in)
{
    int wide = (in + 63) / 64 * 64;
    size_t groups = (size_t)BLOCK * (size_t)wide / GROUP;
    if (wide <= block.in)
        return;
    free(block.data);
    free(block.scale);
    free(block.sum);
    block.in = wide;
    block.data = memory_alloc((size_t)BLOCK * (size_t)wide, 2, "rows of a product");
    block.scale = memory_alloc(groups, sizeof *block.scale, "rows of a product");
    block.sum = memory_alloc(groups, sizeof *block.sum, "rows of a product");
}

// x[n] in steps of the largest |x| / 127.  *sum: of the bytes.
static float quantise(int8_t *to, int32_t *sum, const float *x, int n)
{
    float max = 0;
    for (int k = 0; k < n; k++)
        max = fabsf(x[k]) > max ? fabsf(x[k]) : max;
    float inverse = max > 0 ? 127 / max : 0;
    *sum = 0;
    for (int k = 0; k < n; k++) {
        // Adding 1.5 * 2^23 leaves the nearest integer in the lowest bits.
        to[k] = (int8_t)bits_of_float(fmaf(x[k], inverse, 12582912.0f));
        *sum += to[k];
    }
    return max / 127;
}

// A row of x in bytes: INT8 with one scale, INT4 with one for each group of k.
static void prepare_bytes(int t, char *to, const float *x, const Matrix *m, int groups)
{
    int steps = matmul_steps(m->dtype, m->in), group = steps / groups;
    memset(to + m->in, 0, (size_t)(steps - m->in));
    for (int g = 0; g < groups; g++) {
        int first = g * group, left = m->in - first, i = t * groups + g;
        int n = left < 0 ? 0 : left < group ? left : group;
        block.scale[i] = quantise((int8_t *)to + first, &block.sum[i], x + first, n);
    }
}

// The rows in the form that m's kernel reads.
static Rows prepare(const float *x, const Matrix *m, int rows)
{
    int steps = matmul_steps(m->dtype, m->in);
    int groups = m->dtype == INT4 ? steps / GROUP : 1;
    if (m->dtype == F32 || m->dtype == F16)
        return (Rows){ (const char *)x, (size_t)m->in * sizeof *x, NULL, NULL, 0 };
    size_t stride = (size_t)steps * (m->dtype == BF16 ? 2 : 1);
    #pragma omp for
    for (int t = 0; t < rows; t++) {
        const float *from = x + (size_t)t * m->in;
        char *to = block.data + (size_t)t * stride;
        if (m->dtype == BF16) {
            floats_to_halves(to, from, BF16, m->in);
            memset(to + 2 * (size_t)m->in, 0, stride - 2 * (size_t)m->in);
        } else {
            prepare_bytes(t, to, from, m, groups);
        }
    }
    return (Rows){ block.data, stride, block.scale, block.sum, groups };
}

static Rows rows_from(Rows x, int t)
{
    x.data += (size_t)t * x.stride;
    if (x.scale) {
        x.scale += (size_t)t * x.groups;
        x.sum += (size_t)t * x.groups;
    }
    return x;
}

// INT8: from integers to numbers.  A weight's byte is 128 too large.
static void scale_sums(const Tile *t, const int32_t (*sum)[PANEL])
{
    const float *scales =
        (const float *)(const void *)(t->panel + (size_t)t->steps * PANEL);
    for (int r = 0; r < t->rows; r++)
        for (int j = 0; j < PANEL; j++)
            t->sum[r][j] =
                (float)(sum[r][j] - 128 * t->x.sum[r]) * (t->x.scale[r] * scales[j]);
}

static void multiply_tile(const Tile *t, DType dtype, bool amx)
{
    int32_t whole[TILE_ROWS][PANEL];
    if (dtype == BF16 && amx) {
        amx_bf16(t);
    } else if (dtype == INT8) {
        Tile integers = *t;
        integers.sum = (float(*)[PANEL])whole;
        if (amx && t->rows > 4)
            amx_int8(t, whole);
        else
            tile_multiply(&integers, dtype);
        scale_sums(t, (const int32_t(*)[PANEL])whole);
    } else {
        tile_multiply(t, dtype);
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

// `rows` rows of y, at one panel.
static void multiply_panel(float *y, Rows x, const Matrix *m, const float *bias,
                           int panel, int rows, bool add, bool amx)
{
    float sum[TILE_ROWS][PANEL];
    int first = panel * PANEL, n = m->out - first < PANEL ? m->out - first : PANEL;
    for (int t = 0; t < rows; t += TILE_ROWS) {
        Tile tile = {
            .steps = matmul_steps(m->dtype, m->in),
            .panel = (const char *)m->panels +
                     (size_t)panel * matmul_panel_bytes(m->dtype, m->in),
            .x = rows_from(x, t),
            .rows = rows - t < TILE_ROWS ? rows - t : TILE_ROWS,
            .sum = sum,
        };
        multiply_tile(&tile, m->dtype, amx);
        for (int r = 0; r < tile.rows; r++)
            put(y + (size_t)(t + r) * m->out + first, sum[r], bias ? bias + first : NULL,
                n, add);
    }
}

static void multiply(float *y, const float *x, const Matrix *m, const float *bias, int T,
                     bool add)
{
    double bytes =
        (double)matrix_bytes(m->dtype, m->in, m->out) + 4.0 * T * (m->in + m->out);
    if (!trace_op(m->name, bytes, 2.0 * T * m->in * m->out))
        return;
    bool amx = (m->dtype == BF16 || m->dtype == INT8) && amx_there();
    if (amx)
        amx_begin();
    for (int t = 0; t < T; t += BLOCK) {
        int rows = T - t < BLOCK ? T - t : BLOCK;
        Rows prepared = prepare(x + (size_t)t * m->in, m, rows);
        #pragma omp for schedule(dynamic)
        for (int panel = 0; panel < matmul_panels(m->out); panel++)
            multiply_panel(y + (size_t)t * m->out, prepared, m, bias, panel, rows, add,
                           amx);
    }
    if (amx)
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
