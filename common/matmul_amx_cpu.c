// Tiles by AMX: eight registers of 16 rows of 64 bytes, and an instruction that
// multiplies two of them; see matmul_cpu.h.  (Intel, "Architecture Instruction Set
// Extensions Programming Reference", 2020, chapter 3.)
//
// A: 16 rows of x, 64 bytes of k each.  B: 64 bytes of k for 16 outputs.  C: 16 rows, 16
// outputs.  Up to 16 rows: four C side by side, one for each 16 outputs of the panel.
// More: two by two, so that each A and B that is loaded serves two products.
#include "matmul_cpu.h"

#if defined(__AMX_BF16__) && defined(__AMX_INT8__) && defined(__linux__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE = 64, PANEL_ROW = PANEL * 4, PANEL_TILES = PANEL / TILE * TILE_BYTES };

bool amx_there(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    static int asked, granted;
    if (!asked) {
        granted = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
        asked = 1;
    }
    return granted;
}

void amx_begin(void)
{
    static const struct {
        uint8_t palette, start, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shape = {
        .palette = 1,
        .row_bytes = { 64, 64, 64, 64, 64, 64, 64, 64 },
        .rows = { 16, 16, 16, 16, 16, 16, 16, 16 },
    };
    _tile_loadconfig(&shape);
}

void amx_end(void)
{
    _tile_release();
}

// The intrinsics are macros that want the registers' numbers as they are written: C in 0 to
// 3, A in 4 and 5, B in 6 and 7.  `third`: the bytes from the first C to the third.
static void begin_sums(const Part *p, const void *sums, size_t third)
{
    const char *from = sums;
    if (p->from == 0) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, from, PANEL_ROW);
        _tile_loadd(1, from + LINE, PANEL_ROW);
        _tile_loadd(2, from + third, PANEL_ROW);
        _tile_loadd(3, from + third + LINE, PANEL_ROW);
    }
}

static void end_sums(void *sums, size_t third)
{
    char *to = sums;
    _tile_stored(0, to, PANEL_ROW);
    _tile_stored(1, to + LINE, PANEL_ROW);
    _tile_stored(2, to + third, PANEL_ROW);
    _tile_stored(3, to + third + LINE, PANEL_ROW);
}

// Two functions for each type of numbers; `steps` tiles of k.
#define MULTIPLY(abreast, square, multiply)                                        \
    static void abreast(const char *x, const char *w, int steps)                   \
    {                                                                              \
        for (; steps > 0; steps--, x += TILE_BYTES, w += PANEL_TILES) {            \
            _tile_loadd(4, x, LINE);                                               \
            _tile_loadd(6, w, LINE);                                               \
            multiply(0, 4, 6);                                                     \
            _tile_loadd(7, w + TILE_BYTES, LINE);                                  \
            multiply(1, 4, 7);                                                     \
            _tile_loadd(6, w + 2 * TILE_BYTES, LINE);                              \
            multiply(2, 4, 6);                                                     \
            _tile_loadd(7, w + 3 * TILE_BYTES, LINE);                              \
            multiply(3, 4, 7);                                                     \
        }                                                                          \
    }                                                                              \
    static void square(const char *x, const char *below, const char *w, int steps) \
    {                                                                              \
        for (; steps > 0; steps--, x += TILE_BYTES, w += PANEL_TILES) {            \
            _tile_loadd(4, x, LINE);                                               \
            _tile_loadd(6, w, LINE);                                               \
            multiply(0, 4, 6);                                                     \
            _tile_loadd(7, w + TILE_BYTES, LINE);                                  \
            multiply(1, 4, 7);                                                     \
            _tile_loadd(5, below, LINE);                                           \
            below += TILE_BYTES;                                                   \
            multiply(2, 5, 6);                                                     \
            multiply(3, 5, 7);                                                     \
        }                                                                          \
    }
MULTIPLY(abreast_bf16, square_bf16, _tile_dpbf16ps)
MULTIPLY(abreast_int8, square_int8, _tile_dpbsud)

void amx_multiply(const Part *p, DType dtype)
{
    bool bf16 = dtype == BF16;
    int words = bf16 ? 2 : 4, tile = p->from / words / TILE;
    int steps = (p->to - p->from) / words / TILE;
    const char *w = p->panel + (size_t)tile * PANEL_TILES;
    // Meanwhile the weights that follow come from far, a share of them at each step.
    const char *next = w + steps * PANEL_TILES;
    int share = steps * PANEL_TILES / (p->rows / TILE + 1);
    for (int r = 0; r < p->rows; r += 2 * TILE) {
        const char *x = p->x.data + (size_t)r * p->x.stride + (size_t)tile * TILE_BYTES;
        const char *below = x + TILE * p->x.stride;
        if (p->rows - r <= TILE) {
            begin_sums(p, p->sum[r], 2 * LINE);
            (bf16 ? abreast_bf16 : abreast_int8)(x, w, steps);
            end_sums(p->sum[r], 2 * LINE);
            return;
        }
        for (int j = 0; j < PANEL; j += 2 * TILE, next += share) {
            for (int i = 0; i < share; i += LINE)
                __builtin_prefetch(next + i, 0, 2);
            begin_sums(p, p->sum[r] + j, TILE * PANEL_ROW);
            (bf16 ? square_bf16 : square_int8)(x, below, w + j / TILE * TILE_BYTES,
                                               steps);
            end_sums(p->sum[r] + j, TILE * PANEL_ROW);
        }
    }
}

#else

bool amx_there(void)
{
    return false;
}

void amx_begin(void)
{
}

void amx_end(void)
{
}

void amx_multiply(const Part *p, DType dtype)
{
    (void)p, (void)dtype;
}

#endif
