// The machine's vectors behind one small set of names: AVX-512, AVX2 with FMA, or four
// lanes of plain C, which the compiler turns into SSE or NEON.  By the compilers' vector
// types (+, -, *, &, >> work on them as on numbers); functions only where C has no
// operator.  Which of them it is does not show in the results: a lane is one output.
#ifndef SIMD_H
#define SIMD_H

#include "dtype.h"
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef int16_t Shorts __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(4 * LANES)));

static inline Floats floats_load(const void *from)
{
    Floats v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline Bits bits_load(const void *from)
{
    Bits v;
    memcpy(&v, from, sizeof v);
    return v;
}

// The lowest byte of each lane.
static inline void bytes_store(void *to, Ints v)
{
    typedef int8_t Bytes __attribute__((vector_size(LANES)));
    Bytes bytes = __builtin_convertvector(v, Bytes);
    memcpy(to, &bytes, sizeof bytes);
}

static inline void floats_store(void *to, Floats v)
{
    memcpy(to, &v, sizeof v);
}

static inline Floats floats_all(float x)
{
    return x - (Floats){ 0 };
}

static inline Bits bits_all(uint32_t x)
{
    return x - (Bits){ 0 };
}

// a * b + c, rounded once.
static inline Floats floats_fma(Floats a, Floats b, Floats c)
{
#if defined(__AVX512F__)
    return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__) && defined(__FMA__)
    return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    Floats sum;
    for (int i = 0; i < LANES; i++)
        sum[i] = fmaf(a[i], b[i], c[i]);
    return sum;
#endif
}

// a * b of the lanes 0, 2, 4, ...: 64 bits, in that lane and the next.
static inline Bits bits_multiply_even(Bits a, Bits b)
{
#if defined(__AVX512F__)
    return (Bits)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (Bits)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#else
    for (int i = 0; i < LANES; i += 2) {
        uint64_t product = (uint64_t)a[i] * b[i];
        a[i] = (uint32_t)product;
        a[i + 1] = (uint32_t)(product >> 32);
    }
    return a;
#endif
}

// LANES numbers of BF16.
static inline Floats floats_of_bf16(const void *from)
{
#if defined(__AVX512F__)
    return (Floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from)), 16);
#elif defined(__AVX2__)
    return (Floats)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(from)), 16);
#else
    uint16_t halves __attribute__((vector_size(2 * LANES)));
    memcpy(&halves, from, sizeof halves);
    return (Floats)(__builtin_convertvector(halves, Bits) << 16);
#endif
}

// LANES numbers, rounded to BF16.
static inline void bf16_store(void *to, Floats v)
{
    Bits bits = (Bits)v, nan = (Bits)(v != v);
    Bits up = bits + 0x7fff + (bits >> 16 & 1);
    typedef uint16_t Narrow __attribute__((vector_size(2 * LANES)));
    bits = ((up & ~nan) | ((bits | 0x400000) & nan)) >> 16;  // a NaN stays one
    Narrow halves = __builtin_convertvector(bits, Narrow);
    memcpy(to, &halves, sizeof halves);
}

static inline Floats floats_of_ints(Ints v)
{
    return __builtin_convertvector(v, Floats);
}

// LANES numbers of F16.
static inline Floats floats_of_f16(const void *from)
{
#if defined(__AVX512F__)
    return (Floats)_mm512_cvtph_ps(_mm256_loadu_si256(from));
#elif defined(__AVX2__) && defined(__F16C__)
    return (Floats)_mm256_cvtph_ps(_mm_loadu_si128(from));
#else
    Floats v;
    for (int i = 0; i < LANES; i++) {
        _Float16 h;
        memcpy(&h, (const char *)from + 2 * i, sizeof h);
        v[i] = (float)h;
    }
    return v;
#endif
}

// sum + w x, where each lane of w holds two numbers of BF16, and so does x: the upper
// products first, then the lower, as the instruction does it.
static inline Floats floats_dot_bf16(Floats sum, Bits w, Bits x)
{
#if defined(__AVX512BF16__)
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)w, (__m512bh)x);
#else
    sum = floats_fma((Floats)(w & 0xffff0000), (Floats)(x & 0xffff0000), sum);
    return floats_fma((Floats)(w << 16), (Floats)(x << 16), sum);
#endif
}

// LANES numbers of F32, F16 or BF16.
static inline Floats floats_of(const void *from, DType dtype)
{
    return dtype == F32   ? floats_load(from)
           : dtype == F16 ? floats_of_f16(from)
                          : floats_of_bf16(from);
}

static inline Ints ints_add_products(Shorts a, Shorts b)
{
#if defined(__AVX512BW__)
    return (Ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__) && !defined(__AVX512F__)
    return (Ints)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
    Ints v;
    for (int i = 0; i < LANES; i++)
        v[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
    return v;
#endif
}

// sum + w x, where each lane of w holds four bytes 0 .. 255, and of x four -128 .. 127.
static inline Ints ints_dot(Ints sum, Bits w, Bits x)
{
#if defined(__AVX512VNNI__)
    return (Ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)w, (__m512i)x);
#elif defined(__AVXVNNI__) && !defined(__AVX512F__)
    return (Ints)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)w, (__m256i)x);
#else  // even and odd bytes apart, widened: the sum of two products needs 17 bits
    Ints even =
        ints_add_products((Shorts)(w & 0x00ff00ff), (Shorts)((Halves)x << 8) >> 8);
    Ints odd = ints_add_products((Shorts)((Halves)w >> 8), (Shorts)x >> 8);
    return sum + even + odd;
#endif
}

// Lanes j of the result: for each group of `half` lanes, the first (or, `upper`, the
// second) half of a group of twice as many in the vectors a and b, one after the other.
#define SIMD_LANE(j, half, upper) \
    ((j) / (half)*2 * (half) + (j) % (half) + (upper) * (half))
#define SIMD_FOUR(j, half, upper)                             \
    SIMD_LANE(j, half, upper), SIMD_LANE(j + 1, half, upper), \
        SIMD_LANE(j + 2, half, upper), SIMD_LANE(j + 3, half, upper)
#if defined(__AVX512F__)
#define SIMD_LIST(half, upper)                                                       \
    SIMD_FOUR(0, half, upper), SIMD_FOUR(4, half, upper), SIMD_FOUR(8, half, upper), \
        SIMD_FOUR(12, half, upper)
#elif defined(__AVX2__)
#define SIMD_LIST(half, upper) SIMD_FOUR(0, half, upper), SIMD_FOUR(4, half, upper)
#else
#define SIMD_LIST(half, upper) SIMD_FOUR(0, half, upper)
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define SIMD_HALVES(a, b, half, upper) \
    __builtin_shufflevector(a, b, SIMD_LIST(half, upper))
#else
#define SIMD_HALVES(a, b, half, upper) \
    __builtin_shuffle(a, b, (Ints){ SIMD_LIST(half, upper) })
#endif

// One level of what follows: pairs of vectors become one.
#define SIMD_LEVEL(v, half, join)                             \
    for (int i = 0; i < (half); i++)                          \
    v[i] = join(SIMD_HALVES(v[2 * i], v[2 * i + 1], half, 0), \
                SIMD_HALVES(v[2 * i], v[2 * i + 1], half, 1))
#if defined(__AVX512F__)
#define SIMD_LEVELS(v, join) \
    SIMD_LEVEL(v, 8, join);  \
    SIMD_LEVEL(v, 4, join);  \
    SIMD_LEVEL(v, 2, join);  \
    SIMD_LEVEL(v, 1, join)
#elif defined(__AVX2__)
#define SIMD_LEVELS(v, join) \
    SIMD_LEVEL(v, 4, join);  \
    SIMD_LEVEL(v, 2, join);  \
    SIMD_LEVEL(v, 1, join)
#else
#define SIMD_LEVELS(v, join) \
    SIMD_LEVEL(v, 2, join);  \
    SIMD_LEVEL(v, 1, join)
#endif

static inline Floats floats_add(Floats a, Floats b)
{
    return a + b;
}

// b where it is greater than a.
static inline Floats floats_max(Floats a, Floats b)
{
    Bits greater = (Bits)(b > a);
    return (Floats)(((Bits)b & greater) | ((Bits)a & ~greater));
}

// Lane j of the result is the sum of the lanes of v[j], for LANES vectors: lane i + lane
// i + LANES / 2, then the halves of that, and so on.  Or the greatest of them.
static inline Floats floats_add_lanes(Floats *v)
{
    SIMD_LEVELS(v, floats_add);
    return v[0];
}

static inline Floats floats_max_lanes(Floats *v)
{
    SIMD_LEVELS(v, floats_max);
    return v[0];
}

#endif
