// y = x W + b on the CPU; see matmul.h.
//
// The weights lie in panels of 16 outputs: [in][16], so that one step of k loads the
// weights of 16 outputs as one vector.  A tile is ROWS rows of x against one panel: each
// weight that is loaded serves ROWS rows, and each output has one accumulator, which sees
// k = 0, 1, 2, ...
#include "matmul.h"
#include "elementary.h"
#include "halves.h"
#include "memory.h"
#include "trace.h"
#include <stdlib.h>

enum { PANEL = 16, DEPTH = 128 };

#ifdef __AVX512F__
enum { ROWS = 8 };  // one vector register each, of 32
#else
enum { ROWS = 4 };  // two vector registers each, of 16
#endif

const char *const matmul_kernels[] = { "panels", NULL };

void matmul_set_invariant(bool on)
{
    (void)on;  // it is anyway
}

static int panels_of(int out)
{
    return (out + PANEL - 1) / PANEL;
}

size_t matrix_bytes(DType dtype, int in, int out)
{
    return (size_t)panels_of(out) * (size_t)in * PANEL * dtype_size(dtype);
}

static char *panel_of(const Matrix *m, int panel)
{
    return (char *)m->panels + (size_t)panel * m->in * PANEL * dtype_size(m->dtype);
}

// One panel of floats from the file's numbers.
static void gather_panel(float (*panel)[PANEL], const Matrix *m, const char *data,
                         DType from, MatrixLayout layout, int first)
{
    size_t size = dtype_size(from);
    int n = m->out - first < PANEL ? m->out - first : PANEL;
    memset(panel, 0, (size_t)m->in * sizeof *panel);
    if (layout == MATRIX_IN_OUT) {
        for (int k = 0; k < m->in; k++)
            halves_to_floats(panel[k], data + ((size_t)k * m->out + first) * size, from,
                             n);
        return;
    }
    float row[DEPTH];
    for (int j = 0; j < n; j++)
        for (int k = 0; k < m->in; k += DEPTH) {
            int depth = m->in - k < DEPTH ? m->in - k : DEPTH;
            halves_to_floats(row, data + ((size_t)(first + j) * m->in + k) * size, from,
                             depth);
            for (int i = 0; i < depth; i++)
                panel[k + i][j] = row[i];
        }
}

void matrix_pack(Matrix *m, const void *data, DType from, MatrixLayout layout)
{
    #pragma omp parallel
    {
        float(*panel)[PANEL] =
            memory_alloc((size_t)m->in, sizeof *panel, "packing weights");
        #pragma omp for
        for (int p = 0; p < panels_of(m->out); p++) {
            gather_panel(panel, m, data, from, layout, p * PANEL);
            floats_to_halves(panel_of(m, p), panel[0], m->dtype, m->in * PANEL);
        }
        free(panel);
    }
}

void matrix_row(float *w, const Matrix *m, int row)
{
    const char *panel = panel_of(m, row / PANEL);
    size_t size = dtype_size(m->dtype);
    for (int k = 0; k < m->in; k++)
        halves_to_floats(w + k, panel + ((size_t)k * PANEL + row % PANEL) * size,
                         m->dtype, 1);
}

// acc[r] += x[r][0 .. n) times n rows of a panel.  `rows` is a constant where this is
// called; with the loops over it unrolled, the accumulators stay in registers.
static inline __attribute__((always_inline)) void tile_step(float (*acc)[PANEL],
                                                            const float *x, int stride,
                                                            const float (*w)[PANEL],
                                                            int n, int rows)
{
    float sum[ROWS][PANEL];
    #pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        #pragma omp simd
        for (int j = 0; j < PANEL; j++)
            sum[r][j] = acc[r][j];
    for (int k = 0; k < n; k++)
        #pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
            #pragma omp simd
            for (int j = 0; j < PANEL; j++)
                sum[r][j] = fmaf(x[(size_t)r * stride + k], w[k][j], sum[r][j]);
    #pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        #pragma omp simd
        for (int j = 0; j < PANEL; j++)
            acc[r][j] = sum[r][j];
}

// The same for any number of rows up to ROWS: a constant in each case.
static void tile_rows(float (*acc)[PANEL], const float *x, int stride,
                      const float (*w)[PANEL], int n, int rows)
{
    switch (rows) {
    case 1:
        tile_step(acc, x, stride, w, n, 1);
        break;
    case 2:
        tile_step(acc, x, stride, w, n, 2);
        break;
    case 3:
        tile_step(acc, x, stride, w, n, 3);
        break;
    case 4:
        tile_step(acc, x, stride, w, n, 4);
        break;
#if defined(__AVX512F__)
    case 5:
        tile_step(acc, x, stride, w, n, 5);
        break;
    case 6:
        tile_step(acc, x, stride, w, n, 6);
        break;
    case 7:
        tile_step(acc, x, stride, w, n, 7);
        break;
    case 8:
        tile_step(acc, x, stride, w, n, 8);
        break;
#endif
    }
}

// `rows` rows of y against one panel.  Weights of 16 bits are widened DEPTH rows of the
// panel at a time; that changes where they come from, not the order of the sum.
static void tile(float *y, const float *x, const Matrix *m, const float *bias, int panel,
                 int rows, int add)
{
    float acc[ROWS][PANEL] = { 0 }, wide[DEPTH][PANEL];
    const char *w = panel_of(m, panel);
    int first = panel * PANEL, n = m->out - first < PANEL ? m->out - first : PANEL;
    for (int k = 0; k < m->in; k += DEPTH) {
        int depth = m->in - k < DEPTH ? m->in - k : DEPTH;
        const char *part = w + (size_t)k * PANEL * dtype_size(m->dtype);
        const float(*floats)[PANEL] = (const float(*)[PANEL])part;
        if (m->dtype != F32) {
            halves_to_floats(wide[0], part, m->dtype, depth * PANEL);
            floats = (const float(*)[PANEL])wide;
        }
        tile_rows(acc, x + k, m->in, floats, depth, rows);
    }
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < n; j++) {
            float *to = y + (size_t)r * m->out + first + j;
            float value = acc[r][j] + (bias ? bias[first + j] : 0.0f);
            *to = add ? *to + value : value;
        }
}

static void multiply(float *y, const float *x, const Matrix *m, const float *bias, int T,
                     int add)
{
    double bytes =
        (double)matrix_bytes(m->dtype, m->in, m->out) + 4.0 * T * (m->in + m->out);
    if (!trace_op(m->name, bytes, 2.0 * T * m->in * m->out))
        return;
    #pragma omp for collapse(2)
    for (int panel = 0; panel < panels_of(m->out); panel++)
        for (int t = 0; t < T; t += ROWS)
            tile(y + (size_t)t * m->out, x + (size_t)t * m->in, m, bias, panel,
                 T - t < ROWS ? T - t : ROWS, add);
}

void matmul(float *y, const float *x, const Matrix *w, const float *bias, int T)
{
    multiply(y, x, w, bias, T, 0);
}

void matmul_add(float *y, const float *x, const Matrix *w, const float *bias, int T)
{
    multiply(y, x, w, bias, T, 1);
}
