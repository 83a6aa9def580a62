// Quantised matrices to a file and back, with no arithmetic: a file has a row of numbers
// for each output, so that it is the same for machines whose panels differ; see matmul.h
// and matmul_cpu.h.  A row is taken in words of four bytes, as the panels have them.
#include "matmul_cpu.h"
#include <string.h>

// In the file numbers have a sign; in panels they are 128 (INT4: 8) larger.
static uint32_t flip(DType dtype)
{
    return dtype == INT8 ? 0x80808080 : 0x88888888;
}

// Of an output, in a panel.
static int words_of(const Matrix *m)
{
    return matmul_steps(m->dtype, m->in) / (m->dtype == INT8 ? 4 : 8);
}

// Where in a panel word w of output j is; and the scale of a group.
static size_t word_at(DType dtype, int w, int j, bool tiles)
{
    if (dtype == INT8)
        return 4 * matmul_word(w, j, tiles);
    return (size_t)(w / 4) * GROUP_BYTES + 2 * PANEL + (size_t)(w % 4 * PANEL + j) * 4;
}

static size_t scale_at(const Matrix *m, int group, int j)
{
    if (m->dtype == INT8)
        return (size_t)matmul_steps(INT8, m->in) * PANEL + (size_t)j * 4;
    return (size_t)group * GROUP_BYTES + (size_t)j * 2;
}

static inline void copy_scale(char *to, const char *from, DType dtype)
{
    if (dtype == INT8)
        memcpy(to, from, 4);
    else
        memcpy(to, from, 2);
}

// to[i][j] = word i of row j, with some bits flipped.
static void turn(uint32_t (*to)[TILE], uint32_t (*from)[TILE], uint32_t bits)
{
    for (int i = 0; i < TILE; i++)
        for (int j = 0; j < TILE; j++)
            to[i][j] = from[j][i] ^ bits;
}

// From byte `at` on, 16 words of each of `n` rows, at most 16; zeros where there are none.
static void take_words(uint32_t (*to)[TILE], const char *rows, int n, size_t bytes,
                       size_t at)
{
    enum { MOST = sizeof *to };
    size_t left = at < bytes ? bytes - at : 0;
    if (n < TILE || left < MOST) {
        memset(to, 0, TILE * MOST);
        for (int r = 0; r < n; r++)
            memcpy(to[r], rows + (size_t)r * bytes + at, left < MOST ? left : MOST);
        return;
    }
    for (int r = 0; r < TILE; r++) {
        const char *row = rows + (size_t)r * bytes + at;
        __builtin_prefetch(row + TILE * bytes);  // of the next call's rows
        memcpy(to[r], row, MOST);
    }
}

// The rows of `n` outputs, at most 16, to a panel's outputs from j on.
static void load_words(char *panel, const Matrix *m, const char *rows, int n, int j,
                       bool tiles)
{
    size_t bytes = matrix_numbers(m->dtype, m->in).bytes;
    uint32_t from[TILE][TILE], to[TILE][TILE];
    int words = words_of(m);
    for (int w = 0; w < words; w += TILE) {
        take_words(from, rows, n, bytes, 4 * (size_t)w);
        turn(to, from, flip(m->dtype));
        for (int i = 0; i < TILE && w + i < words; i++)
            memcpy(panel + word_at(m->dtype, w + i, j, tiles), to[i], sizeof *to);
    }
}

// The scales of `n` outputs; 0 for those that are missing.
static void load_scales(char *panel, const Matrix *m, const char *scales, int n)
{
    MatrixRows row = matrix_scales(m->dtype, m->in);
    size_t size = dtype_size(row.dtype);
    int groups = m->dtype == INT8 ? 1 : matmul_steps(INT4, m->in) / GROUP;
    for (int g = 0; g < groups; g++)
        memset(panel + scale_at(m, g, 0), 0, PANEL * size);
    for (int j = 0; j < n; j++)
        for (size_t g = 0; g < row.columns; g++, scales += size)
            copy_scale(panel + scale_at(m, (int)g, j), scales, m->dtype);
}

static void load_panel(const Matrix *m, const char *numbers, const char *scales, int p)
{
    char *panel = (char *)m->panels + (size_t)p * matmul_panel_bytes(m->dtype, m->in);
    int first = p * PANEL, outputs = m->out - first < PANEL ? m->out - first : PANEL;
    size_t bytes = matrix_numbers(m->dtype, m->in).bytes;
    bool tiles = amx_there();
    for (int j = 0; j < PANEL; j += TILE) {
        int n = outputs < j ? 0 : outputs - j < TILE ? outputs - j : TILE;
        load_words(panel, m, numbers + (size_t)(first + j) * bytes, n, j, tiles);
    }
    scales += (size_t)first * matrix_scales(m->dtype, m->in).bytes;
    load_scales(panel, m, scales, outputs);
}

void matrix_load(Matrix *m, const void *numbers, const void *scales)
{
    matmul_reserve(m->in);
    #pragma omp parallel for schedule(dynamic)
    for (int p = 0; p < matmul_panels(m->out); p++)
        load_panel(m, numbers, scales, p);
}

static void save_row(char *numbers, char *scales, const Matrix *m, int row)
{
    const char *panel = (const char *)m->panels +
                        (size_t)(row / PANEL) * matmul_panel_bytes(m->dtype, m->in);
    size_t bytes = matrix_numbers(m->dtype, m->in).bytes;
    MatrixRows scale = matrix_scales(m->dtype, m->in);
    size_t size = dtype_size(scale.dtype);
    bool tiles = amx_there();
    for (size_t at = 0; at < bytes; at += 4) {
        uint32_t word;
        memcpy(&word, panel + word_at(m->dtype, (int)(at / 4), row % PANEL, tiles), 4);
        word ^= flip(m->dtype);
        memcpy(numbers + at, &word, bytes - at < 4 ? bytes - at : 4);
    }
    for (size_t g = 0; g < scale.columns; g++)
        copy_scale(scales + g * size, panel + scale_at(m, (int)g, row % PANEL), m->dtype);
}

void matrix_save(void *numbers, void *scales, const Matrix *m)
{
    size_t number = matrix_numbers(m->dtype, m->in).bytes,
           scale = matrix_scales(m->dtype, m->in).bytes;
    #pragma omp parallel for
    for (int row = 0; row < m->out; row++)
        save_row((char *)numbers + (size_t)row * number,
                 (char *)scales + (size_t)row * scale, m, row);
}
