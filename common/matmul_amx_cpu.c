// Tiles by AMX: eight registers of 16 rows of 64 bytes, and an instruction that
// multiplies two of them; see matmul_cpu.h.  (Intel, "Architecture Instruction Set
// Extensions Programming Reference", 2020, chapter 3.)
//
// A: 16 rows of x, 64 bytes of k each.  B: 64 bytes of k for 16 outputs, as they lie in
// a panel.  C: 16 rows, 16 outputs.  Up to 16 rows: four C side by side, one for each 16
// outputs of the panel.  Up to 32: two by two, so that each A and B that is loaded serves
// two products.
#include "matmul_cpu.h"

#if defined(__AMX_BF16__) && defined(__AMX_INT8__) && defined(__linux__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TILE = 16, ROW_BYTES = 64, PANEL_ROW = PANEL * 4 };

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
// 3, A in 4 and 5, B in 6 and 7.
static void clear(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

static void store_abreast(void *sums)
{
    char *to = sums;
    _tile_stored(0, to, PANEL_ROW);
    _tile_stored(1, to + 64, PANEL_ROW);
    _tile_stored(2, to + 128, PANEL_ROW);
    _tile_stored(3, to + 192, PANEL_ROW);
}

static void store_two_by_two(void *sums)
{
    char *to = sums, *below = to + TILE * PANEL_ROW;
    _tile_stored(0, to, PANEL_ROW);
    _tile_stored(1, to + 64, PANEL_ROW);
    _tile_stored(2, below, PANEL_ROW);
    _tile_stored(3, below + 64, PANEL_ROW);
}

// Two functions for each type of numbers; `steps` tiles of k.
#define MULTIPLY(abreast, two_by_two, multiply)                                    \
    static void abreast(const char *x, size_t stride, const char *w, int steps)    \
    {                                                                              \
        for (; steps > 0; steps--, x += ROW_BYTES, w += TILE * PANEL_ROW) {        \
            _tile_loadd(4, x, stride);                                             \
            _tile_loadd(6, w, PANEL_ROW);                                          \
            multiply(0, 4, 6);                                                     \
            _tile_loadd(7, w + 64, PANEL_ROW);                                     \
            multiply(1, 4, 7);                                                     \
            _tile_loadd(6, w + 128, PANEL_ROW);                                    \
            multiply(2, 4, 6);                                                     \
            _tile_loadd(7, w + 192, PANEL_ROW);                                    \
            multiply(3, 4, 7);                                                     \
        }                                                                          \
    }                                                                              \
    static void two_by_two(const char *x, size_t stride, const char *w, int steps) \
    {                                                                              \
        for (; steps > 0; steps--, x += ROW_BYTES, w += TILE * PANEL_ROW) {        \
            _tile_loadd(4, x, stride);                                             \
            _tile_loadd(6, w, PANEL_ROW);                                          \
            multiply(0, 4, 6);                                                     \
            _tile_loadd(7, w + 64, PANEL_ROW);                                     \
            multiply(1, 4, 7);                                                     \
            _tile_loadd(5, x + TILE * stride, stride);                             \
            multiply(2, 5, 6);                                                     \
            multiply(3, 5, 7);                                                     \
        }                                                                          \
    }
MULTIPLY(abreast_bf16, two_by_two_bf16, _tile_dpbf16ps)
MULTIPLY(abreast_int8, two_by_two_int8, _tile_dpbsud)

// sum[TILE_ROWS][PANEL]; a tile is 64 bytes of k.
static void multiply(const Tile *t, bool bf16, char *sum)
{
    const char *x = t->x.data;
    size_t stride = t->x.stride;
    int steps = t->steps / (bf16 ? 32 : 64);
    if (t->rows <= TILE) {
        clear();
        (bf16 ? abreast_bf16 : abreast_int8)(x, stride, t->panel, steps);
        store_abreast(sum);
        return;
    }
    for (int half = 0; half < PANEL_ROW; half += PANEL_ROW / 2) {
        clear();
        (bf16 ? two_by_two_bf16 : two_by_two_int8)(x, stride, t->panel + half, steps);
        store_two_by_two(sum + half);
    }
}

void amx_bf16(const Tile *t)
{
    multiply(t, true, (char *)t->sum);
}

void amx_int8(const Tile *t, int32_t (*sum)[PANEL])
{
    multiply(t, false, (char *)sum);
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

void amx_bf16(const Tile *t)
{
    (void)t;
}

void amx_int8(const Tile *t, int32_t (*sum)[PANEL])
{
    (void)t, (void)sum;
}

#endif
