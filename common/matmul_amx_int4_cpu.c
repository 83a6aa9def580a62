// INT4 by tile registers, for many rows; see matmul_cpu.h and matmul_amx_cpu.c.
//
// A group of 32 k has scales of its own, for weights and for x, so a tile's sum is one of a
// group: half a tile's depth.  Sixteen rows of sums in floats stay in vectors meanwhile.
#include "matmul_cpu.h"

#if defined(__AMX_INT8__) && defined(__AVX512VL__) && defined(__linux__)
#include <immintrin.h>

enum {
    GROUPS = DEPTH / GROUP,  // of a part
    COLUMNS = PANEL / TILE,
    HALF = TILE_BYTES / 2,  // of a tile: the weights of 16 outputs and a group
};

// A: 16 rows, 32 bytes of k.  B: 8 words of k, 16 outputs.
static void begin(void)
{
    static const struct {
        uint8_t palette, start, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shape = {
        .palette = 1,
        .row_bytes = { 64, 64, 64, 64, 32, 32, 64, 64 },
        .rows = { 16, 16, 16, 16, 16, 16, 8, 8 },
    };
    _tile_loadconfig(&shape);
}

// Of a part of a panel: weights as bytes, scales as floats.
typedef struct {
    _Alignas(64) char tiles[GROUPS][COLUMNS][HALF];
    _Alignas(64) float scales[GROUPS][PANEL];
} Unpacked;

static void unpack(Unpacked *u, const Part *p)
{
    const __m512i low = _mm512_set1_epi8(15), eight = _mm512_set1_epi8(8);
    for (int g = 0; g < (p->to - p->from) / GROUP; g++) {
        const char *scales = p->panel + (size_t)(p->from / GROUP + g) * GROUP_BYTES;
        const char *words = scales + PANEL * 2;
        for (int j = 0; j < COLUMNS; j++) {
            __m256i halves = _mm256_loadu_si256((const __m256i *)(scales + j * TILE * 2));
            _mm512_store_ps(u->scales[g] + j * TILE, _mm512_cvtph_ps(halves));
            for (int k = 0; k < GROUP / 8; k++) {
                __m512i w = _mm512_loadu_si512(words + (k * PANEL + j * TILE) * 4);
                __m512i high = _mm512_and_si512(_mm512_srli_epi32(w, 4), low);
                char *to = u->tiles[g][j] + 2 * k * 64;
                _mm512_store_si512(to, _mm512_sub_epi8(_mm512_and_si512(w, low), eight));
                _mm512_store_si512(to + 64, _mm512_sub_epi8(high, eight));
            }
        }
    }
}

enum { BATCH = 4 };  // groups that are multiplied, then scaled
typedef int32_t Sums[BATCH][TILE][TILE];

#define GROUP_SUMS(c, a, b)                                                     \
    _tile_zero(c);                                                              \
    _tile_loadd(a, x + (g + (c)) / 2 * TILE_BYTES + (g + (c)) % 2 * GROUP, 64); \
    _tile_loadd(b, u->tiles[g + (c)][column], 64);                              \
    _tile_dpbssd(c, a, b);                                                      \
    _tile_stored(c, sums[c], 64)

// The sums of groups g to g + 3, for 16 rows and 16 outputs.  (If there are fewer groups:
// of anything.)
static void multiply(Sums sums, const Unpacked *u, int g, int column, const char *x)
{
    GROUP_SUMS(0, 4, 6);
    GROUP_SUMS(1, 5, 7);
    GROUP_SUMS(2, 4, 6);
    GROUP_SUMS(3, 5, 7);
}

// 16 rows, 16 outputs.  x: from the part's first k on; steps: the scales of its rows.
// What tiles have stored takes a while to arrive: a batch is scaled after the next one was
// multiplied.
static void multiply_tile(float (*sum)[PANEL], const Part *p, const Unpacked *u,
                          int column, const char *x, const float *steps)
{
    _Alignas(64) Sums parts[2];
    int groups = (p->to - p->from) / GROUP;
    __m512 sums[TILE];
    #pragma GCC unroll 16
    for (int r = 0; r < TILE; r++)
        sums[r] =
            p->from == 0 ? _mm512_setzero_ps() : _mm512_loadu_ps(sum[r] + column * TILE);
    multiply(parts[0], u, 0, column, x);
    for (int g = 0; g < groups; g++) {
        if (g % BATCH == 0 && g + BATCH < groups)
            multiply(parts[(g / BATCH + 1) % 2], u, g + BATCH, column, x);
        __m512 scale = _mm512_load_ps(u->scales[g] + column * TILE);
        int32_t(*part)[TILE] = parts[g / BATCH % 2][g % BATCH];
        #pragma GCC unroll 16
        for (int r = 0; r < TILE; r++) {
            __m512 step =
                _mm512_set1_ps(steps[(size_t)r * (size_t)p->x.groups + (size_t)g]);
            __m512 scaled = _mm512_cvtepi32_ps(_mm512_load_si512(part[r])) * step;
            sums[r] = _mm512_fmadd_ps(scaled, scale, sums[r]);
        }
    }
    #pragma GCC unroll 16
    for (int r = 0; r < TILE; r++)
        _mm512_storeu_ps(sum[r] + column * TILE, sums[r]);
}

void amx_multiply_int4(const Part *p)
{
    Unpacked u;
    begin();
    unpack(&u, p);
    for (int r = 0; r < p->rows; r += TILE) {
        const char *x = p->x.data + (size_t)r * p->x.stride + (size_t)p->from * TILE;
        const float *steps = p->x.scale + (size_t)r * p->x.groups + p->from / GROUP;
        for (int column = 0; column < COLUMNS; column++)
            multiply_tile(p->sum + r, p, &u, column, x, steps);
    }
}

#else

void amx_multiply_int4(const Part *p)
{
    (void)p;
}

#endif
