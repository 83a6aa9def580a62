// Attention by the tile registers of AMX; see attend.h, and matmul_amx_cpu.c.
//
// Scores stand upright, [keys][rows]: the keys are A as they lie in the cache, q is B.
// So a vector has one number of each row, and the softmax needs no sums across lanes.
// Then p is turned: [rows][keys] is A, and pairs of values are B.
#include "attend.h"
#include "halves.h"
#include "matmul_cpu.h"
#include <math.h>
#include <string.h>

#if defined(__AMX_BF16__) && defined(__AMX_INT8__) && defined(__linux__)
#include <immintrin.h>

enum { LINE = 64, KEYS = ATTEND_KEYS, MIX_ROW = ATTEND_WIDE * 4 };

bool attend_tiles(DType dtype, int HS)
{
    return dtype == BF16 && HS % 32 == 0 && HS <= ATTEND_WIDE && amx_there();
}

// q, rounded, in pairs: [HS / 2][rows][2].
void attend_tiles_begin(Attend *a)
{
    amx_begin();
    for (int r = 0; r < a->rows; r++) {
        uint32_t pairs[ATTEND_WIDE / 2];
        char *tiles = a->q_tiles[r / TILE][0];
        if (r % TILE == 0)
            memset(tiles, 0, sizeof *a->q_tiles);
        floats_to_halves(pairs, a->q + (size_t)r * a->q_stride, BF16, a->HS);
        for (int i = 0; i < a->HS / 2; i++)
            memcpy(tiles + i * LINE + r % TILE * 4, &pairs[i], 4);
        memset(a->mix[r], 0, (size_t)a->HS * sizeof **a->mix);
    }
}

// q: the tiles of 16 rows.
static void find_scores(float (*scores)[TILE], const Attend *a, char (*q)[TILE_BYTES],
                        const char *keys)
{
    size_t stride = (size_t)a->HS * 2;
    _tile_zero(0);
    _tile_zero(1);
    for (int d = 0; d < a->HS / 32; d++) {
        _tile_loadd(6, q[d], LINE);
        _tile_loadd(4, keys + d * LINE, stride);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, keys + TILE * stride + d * LINE, stride);
        _tile_dpbf16ps(1, 5, 6);
    }
    _tile_stored(0, scores[0], LINE);
    _tile_stored(1, scores[TILE], LINE);
}

// 2^x for x <= 0, relative error 1.1e-7; below 2^-126: 0.  (A polynomial for the part after
// the point, a minimax fit of our own.)
static inline __m512 power_of_two(__m512 x)
{
    const __m512 least = _mm512_set1_ps(-126);
    __mmask16 some = _mm512_cmp_ps_mask(x, least, _CMP_NLT_UQ);  // a NaN stays one
    x = _mm512_max_ps(least, x);
    __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 part = x - whole, p = _mm512_set1_ps(1.326472731e-3f);
    p = _mm512_fmadd_ps(p, part, _mm512_set1_ps(9.671512991e-3f));
    p = _mm512_fmadd_ps(p, part, _mm512_set1_ps(5.550733581e-2f));
    p = _mm512_fmadd_ps(p, part, _mm512_set1_ps(0.2402224243f));
    p = _mm512_fmadd_ps(p, part, _mm512_set1_ps(0.6931470037f));
    p = _mm512_fmadd_ps(p, part, _mm512_set1_ps(1));
    return _mm512_maskz_scalef_ps(some, p, whole);
}

// What a score is multiplied with: e^x = 2^(x log2(e)).
static __m512 scale_of(const Attend *a)
{
    return _mm512_set1_ps(1.44269504f / sqrtf((float)a->HS));
}

// Scores to p, for 16 rows from `row` on, which see n keys; and what their mix fades by.
static __m512 soften(float (*p)[TILE], Attend *a, int row, const int *n)
{
    __m512 scale = scale_of(a), none = _mm512_set1_ps(-INFINITY), parts[TILE];
    __m512 old = _mm512_loadu_ps(a->max + row), max = old;
    __m512i seen = _mm512_loadu_si512(n + row);
    for (int j = 0; j < KEYS; j++) {
        __mmask16 there = _mm512_cmpgt_epi32_mask(seen, _mm512_set1_epi32(j));
        __m512 score = _mm512_mask_mul_ps(none, there, _mm512_load_ps(p[j]), scale);
        max = _mm512_max_ps(score, max);
        _mm512_store_ps(p[j], score);
    }
    for (int j = 0; j < TILE; j++) {
        __m512 first = power_of_two(_mm512_load_ps(p[j]) - max);
        __m512 second = power_of_two(_mm512_load_ps(p[j + TILE]) - max);
        _mm512_store_ps(p[j], first);
        _mm512_store_ps(p[j + TILE], second);
        parts[j] = first + second;
    }
    for (int half = TILE / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            parts[j] += parts[j + half];
    __m512 fade = power_of_two(old - max), sum = _mm512_loadu_ps(a->sum + row);
    _mm512_storeu_ps(a->sum + row, _mm512_fmadd_ps(sum, fade, parts[0]));
    _mm512_storeu_ps(a->max + row, max);
    return fade;
}

// The same for row 0 alone, as in each step of decoding, a lane for each key; the sum is
// added up in the same order.  Its p, in BF16, to `turned`.
static __m512 soften_alone(char *turned, float (*p)[TILE], Attend *a, int n)
{
    __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i at = _mm512_slli_epi32(lane, 4), seen = _mm512_set1_epi32(n);
    __m512 none = _mm512_set1_ps(-INFINITY), scale = scale_of(a), score[2];
    for (int i = 0; i < 2; i++) {
        __mmask16 there = _mm512_cmpgt_epi32_mask(seen, lane);
        score[i] = _mm512_i32gather_ps(at, p[i * TILE], 4);
        score[i] = _mm512_mask_mul_ps(none, there, score[i], scale);
        lane = _mm512_add_epi32(lane, _mm512_set1_epi32(TILE));
    }
    float most = _mm512_reduce_max_ps(_mm512_max_ps(score[0], score[1]));
    __m512 old = _mm512_set1_ps(a->max[0]),
           max = _mm512_max_ps(_mm512_set1_ps(most), old);
    __m512 first = power_of_two(score[0] - max), second = power_of_two(score[1] - max);
    _mm512_store_si512(turned, (__m512i)_mm512_cvtne2ps_pbh(second, first));
    float parts[TILE];
    _mm512_storeu_ps(parts, first + second);
    for (int half = TILE / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            parts[j] += parts[j + half];
    __m512 fade = power_of_two(old - max);
    a->sum[0] = fmaf(a->sum[0], _mm512_cvtss_f32(fade), parts[0]);
    a->max[0] = _mm512_cvtss_f32(max);
    return fade;
}

// 16 x 16 numbers, turned: in each step, squares of `bit` x `bit` change places.
static void turn(__m512i *v)
{
    const __m512i lane =
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    for (int bit = 8; bit > 0; bit /= 2) {
        __m512i all = _mm512_set1_epi32(bit), there = _mm512_xor_si512(lane, all);
        __mmask16 upper = _mm512_test_epi32_mask(lane, all);
        __m512i other = _mm512_set1_epi32(16);  // the second vector's lanes
        __m512i first = _mm512_mask_add_epi32(lane, upper, there, other);
        __m512i second = _mm512_mask_add_epi32(there, upper, lane, other);
        for (int i = 0; i < 16; i++)
            if (!(i & bit)) {
                __m512i a = v[i], b = v[i | bit];
                v[i] = _mm512_permutex2var_epi32(a, first, b);
                v[i | bit] = _mm512_permutex2var_epi32(a, second, b);
            }
    }
}

// p[keys][rows] to BF16, [rows][keys].
static void turn_p(char *to, float (*p)[TILE])
{
    uint16_t lanes[2 * TILE];  // of two keys: 0, 16, 1, 17, ...
    __m512i v[TILE];
    for (int i = 0; i < 2 * TILE; i++)
        lanes[i] = (uint16_t)(i / 2 + i % 2 * TILE);
    for (int i = 0; i < TILE; i++) {
        __m512 first = _mm512_load_ps(p[2 * i]), second = _mm512_load_ps(p[2 * i + 1]);
        v[i] = _mm512_permutexvar_epi16(_mm512_loadu_si512(lanes),
                                        (__m512i)_mm512_cvtne2ps_pbh(second, first));
    }
    turn(v);
    for (int i = 0; i < TILE; i++)
        _mm512_store_si512(to + i * LINE, v[i]);
}

// 16 numbers of each of two values, side by side.
static void put_pairs(char *to, const char *first, const char *second)
{
    __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)first));
    __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)second));
    _mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

// `most` values as [HS / 16][keys / 2][16][2], and zeros.
static void pair_values(char *to, const Attend *a, const char *values, int most)
{
    static const char zeros[ATTEND_WIDE * 2];
    for (int j = 0; j < KEYS; j += 2) {
        const char *first = j < most ? values + (size_t)(j * a->HS * 2) : zeros;
        const char *second =
            j + 1 < most ? values + (size_t)((j + 1) * a->HS * 2) : zeros;
        for (int i = 0; i < a->HS / 16; i++)
            put_pairs(to + i * TILE_BYTES + j / 2 * LINE, first + i * 32,
                      second + i * 32);
    }
}

// mix = mix * fade + p times the values, for up to 16 rows.
static void mix_values(float (*mix)[ATTEND_WIDE], int rows, __m512 fade, const char *p,
                       const char *pairs, int HS)
{
    float by[TILE];
    _mm512_storeu_ps(by, fade);
    bool fades = _mm512_cmpneq_ps_mask(fade, _mm512_set1_ps(1)) != 0;
    for (int r = 0; r < rows && fades; r++)
        for (int i = 0; i < HS; i++)
            mix[r][i] *= by[r];
    _tile_loadd(4, p, LINE);
    for (int i = 0; i < HS; i += 32) {
        _tile_loadd(0, mix[0] + i, MIX_ROW);
        _tile_loadd(6, pairs + i / 16 * TILE_BYTES, LINE);
        _tile_dpbf16ps(0, 4, 6);
        _tile_stored(0, mix[0] + i, MIX_ROW);
        _tile_loadd(1, mix[0] + i + 16, MIX_ROW);
        _tile_loadd(7, pairs + (i / 16 + 1) * TILE_BYTES, LINE);
        _tile_dpbf16ps(1, 4, 7);
        _tile_stored(1, mix[0] + i + 16, MIX_ROW);
    }
}

void attend_tiles_chunk(Attend *a, const void *keys, const void *values, const int *n)
{
    _Alignas(64) float p[KEYS][TILE];
    _Alignas(64) char turned[TILE_BYTES] = { 0 }, pairs[ATTEND_WIDE / TILE][TILE_BYTES];
    int most = 0, seen[ATTEND_ROWS];
    for (int r = 0; r < ATTEND_ROWS; r++) {
        seen[r] = r < a->rows ? n[r] : KEYS;
        most = r < a->rows && n[r] > most ? n[r] : most;
    }
    pair_values(pairs[0], a, values, most);
    for (int r = 0; r < a->rows; r += TILE) {
        find_scores(p, a, a->q_tiles[r / TILE], keys);
        __m512 fade;
        if (a->rows == 1) {
            fade = soften_alone(turned, p, a, n[0]);
        } else {
            fade = soften(p, a, r, seen);
            turn_p(turned, p);
        }
        mix_values(a->mix + r, a->rows - r < TILE ? a->rows - r : TILE, fade, turned,
                   pairs[0], a->HS);
    }
}

void attend_tiles_end(Attend *a)
{
    amx_end();
    for (int r = 0; r < a->rows; r++)
        memcpy(a->out + (size_t)r * a->out_stride, a->mix[r],
               (size_t)a->HS * sizeof *a->out);
}

#else

bool attend_tiles(DType dtype, int HS)
{
    (void)dtype, (void)HS;
    return false;
}

void attend_tiles_begin(Attend *a)
{
    (void)a;
}

void attend_tiles_chunk(Attend *a, const void *keys, const void *values, const int *n)
{
    (void)a, (void)keys, (void)values, (void)n;
}

void attend_tiles_end(Attend *a)
{
    (void)a;
}

#endif
