// Weights from a file's layout to panels, quantised if asked for; see matmul_cpu.h.
#include "elementary.h"
#include "halves.h"
#include "matmul_cpu.h"
#include "memory.h"
#include <stdlib.h>

enum {
    STEPS = 64,  // k at a time; a multiple of GROUP
    AHEAD = 16,  // rows that are fetched before they are needed
};

int matmul_steps(DType dtype, int in)
{
    int unit = dtype == BF16 ? 32 : dtype == INT8 || dtype == INT4 ? 64 : 1;
    return (in + unit - 1) / unit * unit;
}

size_t matmul_panel_bytes(DType dtype, int in)
{
    size_t steps = (size_t)matmul_steps(dtype, in);
    if (dtype == INT8)
        return steps * PANEL + PANEL * sizeof(float);
    if (dtype == INT4)
        return steps / GROUP * GROUP_BYTES;
    return steps * PANEL * dtype_size(dtype);
}

size_t matrix_bytes(DType dtype, int in, int out)
{
    return (size_t)matmul_panels(out) * matmul_panel_bytes(dtype, in);
}

// The file is read with strides that the processor does not foresee.  (A prefetch past the
// end does no harm.)
static void fetch(const char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(at + i);
}

// w[STEPS][PANEL] = the file's numbers from k and output `first` on, 0 where there are
// none.
static void gather(float (*w)[PANEL], const Matrix *m, const char *data, DType from,
                   MatrixLayout layout, int k, int first)
{
    size_t size = dtype_size(from);
    int depth = m->in - k < STEPS ? m->in - k : STEPS;
    int n = m->out - first < PANEL ? m->out - first : PANEL;
    if (depth < STEPS || n < PANEL)
        memset(w, 0, STEPS * sizeof *w);
    if (layout == MATRIX_IN_OUT) {
        for (int i = 0; i < depth; i++) {
            const char *at = data + ((size_t)(k + i) * m->out + first) * size;
            fetch(at + (size_t)(m->out * AHEAD) * size, (size_t)n * size);
            halves_to_floats(w[i], at, from, n);
        }
        return;
    }
    float turned[PANEL][STEPS];
    for (int j = 0; j < n; j++) {
        const char *at = data + ((size_t)(first + j) * m->in + k) * size;
        fetch(at + STEPS * size, STEPS * size);
        halves_to_floats(turned[j], at, from, depth);
    }
    for (int i = 0; i < depth; i++)
        for (int j = 0; j < n; j++)
            w[i][j] = turned[j][i];
}

// 64 words of a step, to the panel.
static void put_words(char *panel, int step, const void *words, bool tiles)
{
    for (int j = 0; j < PANEL; j += TILE)
        memcpy(panel + 4 * matmul_word(step, j, tiles), (const char *)words + 4 * j,
               4 * TILE);
}

// From step k on.
static void put_bf16(char *panel, int k, float (*w)[PANEL], int depth, bool tiles)
{
    uint16_t rows[2][PANEL], pairs[PANEL][2];
    for (int i = 0; i < depth; i += 2) {
        floats_to_halves(rows[0], w[i], BF16, PANEL);
        floats_to_halves(rows[1], w[i + 1], BF16, PANEL);
        for (int j = 0; j < PANEL; j++)
            pairs[j][0] = rows[0][j], pairs[j][1] = rows[1][j];
        put_words(panel, (k + i) / 2, pairs, tiles);
    }
}

// (Adding 1.5 * 2^23 and taking it away rounds to an integer.)
static void put_int8(char *panel, int k, float (*w)[PANEL], const float *scales,
                     bool tiles)
{
    float inverse[PANEL];
    uint8_t fours[PANEL][4];
    for (int j = 0; j < PANEL; j++)
        inverse[j] = scales[j] > 0 ? 1 / scales[j] : 0;
    for (int i = 0; i < STEPS; i++) {
        for (int j = 0; j < PANEL; j++) {
            float n = fmaf(w[i][j], inverse[j], 12582912.0f) - 12582912.0f;
            fours[j][i % 4] = (uint8_t)(128 + (int)n);
        }
        if (i % 4 == 3)
            put_words(panel, (k + i) / 4, fours, tiles);
    }
}

// The weight in steps of the scale, from -8 to 7.  (Adding 1.5 * 2^23 and taking it away
// rounds to an integer.)
static inline float in_steps(float w, float inverse)
{
    float n = fmaf(w, inverse, 12582912.0f) - 12582912.0f;
    n = n < -8 ? -8 : n;
    return n > 7 ? 7 : n;
}

static void invert(float *inverse, const float *scale)
{
    for (int j = 0; j < PANEL; j++)
        inverse[j] = scale[j] != 0 ? 1 / scale[j] : 0;
}

// With the weights of a group rounded by these scales, those that fit them best (least
// squares).
static void refine(float *scale, float (*w)[PANEL])
{
    float products[PANEL] = { 0 }, squares[PANEL] = { 0 }, inverse[PANEL];
    invert(inverse, scale);
    for (int k = 0; k < GROUP; k++)
        for (int j = 0; j < PANEL; j++) {
            float n = in_steps(w[k][j], inverse[j]);
            products[j] = fmaf(w[k][j], n, products[j]);
            squares[j] = fmaf(n, n, squares[j]);
        }
    for (int j = 0; j < PANEL; j++)
        scale[j] = squares[j] > 0 ? products[j] / squares[j] : scale[j];
}

static void errors_of(float *error, const float *scale, float (*w)[PANEL])
{
    float inverse[PANEL];
    invert(inverse, scale);
    memset(error, 0, PANEL * sizeof *error);
    for (int k = 0; k < GROUP; k++)
        for (int j = 0; j < PANEL; j++) {
            float off = w[k][j] - scale[j] * in_steps(w[k][j], inverse[j]);
            error[j] = fmaf(off, off, error[j]);
        }
}

// For each output the scale with the smallest sum of squared errors, from some starts
// about the one that just reaches the largest weight.  Of both signs: -8 has no
// counterpart above.  (Zeros get the first one's, 0 and not -0, as missing ones in a file.)
static void best_scales(float *best, float (*w)[PANEL])
{
    float extreme[PANEL] = { 0 }, least[PANEL], scale[PANEL], error[PANEL];
    for (int k = 0; k < GROUP; k++)
        for (int j = 0; j < PANEL; j++)
            extreme[j] = fabsf(w[k][j]) > fabsf(extreme[j]) ? w[k][j] : extreme[j];
    for (int j = 0; j < PANEL; j++) {
        least[j] = INFINITY;
        best[j] = 0;
    }
    for (int sign = 1; sign >= -1; sign -= 2)
        for (float reach = 6; reach < 9; reach += 0.5f) {
            for (int j = 0; j < PANEL; j++)
                scale[j] = extreme[j] / ((float)sign * reach);
            refine(scale, w);
            refine(scale, w);
            errors_of(error, scale, w);
            for (int j = 0; j < PANEL; j++) {
                best[j] = error[j] < least[j] ? scale[j] : best[j];
                least[j] = error[j] < least[j] ? error[j] : least[j];
            }
        }
}

static void put_int4(char *to, float (*w)[PANEL])
{
    for (int g = 0; g < STEPS; g += GROUP, to += GROUP_BYTES) {
        uint8_t(*bytes)[4] = (uint8_t(*)[4])(to + PANEL * 2);
        float scale[PANEL], inverse[PANEL];
        best_scales(scale, w + g);
        floats_to_halves(to, scale, F16, PANEL);
        halves_to_floats(scale, to, F16, PANEL);
        invert(inverse, scale);
        memset(bytes, 0, PANEL * GROUP / 2);
        for (int k = 0; k < GROUP; k++)
            for (int j = 0; j < PANEL; j++)
                bytes[k / 8 * PANEL + j][k % 4] |=
                    (uint8_t)((int)(in_steps(w[g + k][j], inverse[j]) + 8)
                              << (k % 8 < 4 ? 0 : 4));
    }
}

// INT8: the scales of a panel, from the largest weight of each output.
static void find_scales(float *scales, const Matrix *m, const char *data, DType from,
                        MatrixLayout layout, int first, float (*w)[PANEL])
{
    memset(scales, 0, PANEL * sizeof *scales);
    for (int k = 0; k < m->in; k += STEPS) {
        gather(w, m, data, from, layout, k, first);
        for (int i = 0; i < STEPS; i++)
            for (int j = 0; j < PANEL; j++)
                scales[j] = fabsf(w[i][j]) > scales[j] ? fabsf(w[i][j]) : scales[j];
    }
    for (int j = 0; j < PANEL; j++)
        scales[j] /= 127;
}

static void pack_panel(char *to, const Matrix *m, const char *data, DType from,
                       MatrixLayout layout, int first)
{
    float w[STEPS][PANEL];
    bool tiles = amx_there();
    size_t size = dtype_size(m->dtype);
    int steps = matmul_steps(m->dtype, m->in);
    float *scales = (float *)(void *)(to + (size_t)steps * PANEL);
    if (m->dtype == INT8)
        find_scales(scales, m, data, from, layout, first, w);
    for (int k = 0; k < steps; k += STEPS) {
        int depth = steps - k < STEPS ? steps - k : STEPS;
        gather(w, m, data, from, layout, k, first);
        if (m->dtype == INT8)
            put_int8(to, k, w, scales, tiles);
        else if (m->dtype == INT4)
            put_int4(to + (size_t)k / GROUP * GROUP_BYTES, w);
        else if (m->dtype == BF16)
            put_bf16(to, k, w, depth, tiles);
        else
            floats_to_halves(to + (size_t)k * PANEL * size, w[0], m->dtype,
                             depth * PANEL);
    }
}

void matrix_pack(Matrix *m, const void *data, DType from, MatrixLayout layout)
{
    matmul_reserve(m->in);
    #pragma omp parallel for schedule(dynamic)
    for (int p = 0; p < matmul_panels(m->out); p++)
        pack_panel((char *)m->panels + (size_t)p * matmul_panel_bytes(m->dtype, m->in), m,
                   data, from, layout, p * PANEL);
}

// The weight of step k and output j of a panel, of any type but BF16.
static float weight_of(const char *panel, DType dtype, int steps, int k, int j)
{
    float w, scale;
    if (dtype == INT8) {
        memcpy(&scale, panel + (size_t)steps * PANEL + 4 * (size_t)j, sizeof scale);
        uint8_t byte = (uint8_t)panel[4 * matmul_word(k / 4, j, amx_there()) + k % 4];
        return (float)(byte - 128) * scale;
    }
    if (dtype == INT4) {
        const char *group = panel + (size_t)(k / GROUP) * GROUP_BYTES;
        halves_to_floats(&scale, group + 2 * j, F16, 1);
        uint8_t byte =
            (uint8_t)group[2 * PANEL + (k % GROUP / 8 * PANEL + j) * 4 + k % 4];
        return (float)((k % 8 < 4 ? byte & 15 : byte >> 4) - 8) * scale;
    }
    size_t at = (size_t)k * PANEL + j;
    if (dtype == F32) {
        memcpy(&w, panel + 4 * at, sizeof w);
        return w;
    }
    halves_to_floats(&w, panel + 2 * at, dtype, 1);
    return w;
}

// The embeddings are read row by row: a word is two numbers.
static void row_of_bf16(float *w, const char *panel, int j, int in)
{
    bool tiles = amx_there();
    for (int k = 0; k < in; k += 2) {
        uint32_t word;
        memcpy(&word, panel + 4 * matmul_word(k / 2, j, tiles), sizeof word);
        w[k] = float_of_bits(word << 16);
        if (k + 1 < in)
            w[k + 1] = float_of_bits(word & 0xffff0000);
    }
}

void matrix_row(float *w, const Matrix *m, int row)
{
    const char *panel = (const char *)m->panels +
                        (size_t)(row / PANEL) * matmul_panel_bytes(m->dtype, m->in);
    int steps = matmul_steps(m->dtype, m->in);
    if (m->dtype == BF16)
        row_of_bf16(w, panel, row % PANEL, m->in);
    else
        for (int k = 0; k < m->in; k++)
            w[k] = weight_of(panel, m->dtype, steps, k, row % PANEL);
}
