// C++: small functions of the device: bits, minima, loads with a hint, approximations
// (which are exact here).
#ifndef CUDA_CPU_MATH_H
#define CUDA_CPU_MATH_H

#include "cuda_cpu_launch.h"
#include <limits>

// ---- the same bits as another type

template <class To, class From> static inline To cu_bits(From from)
{
    static_assert(sizeof(To) == sizeof(From), "as many bits");
    To to;
    memcpy((void *)&to, (const void *)&from, sizeof to);
    return to;
}

#define CU_BITS(name, To, From)   \
    static inline To name(From x) \
    {                             \
        return cu_bits<To>(x);    \
    }

CU_BITS(__float_as_int, int, float)
CU_BITS(__float_as_uint, unsigned, float)
CU_BITS(__int_as_float, float, int)
CU_BITS(__uint_as_float, float, unsigned)
CU_BITS(__double_as_longlong, long long, double)
CU_BITS(__longlong_as_double, double, long long)

// ---- integers

#define CU_FUNCTION(Result, name, parameters, ...) \
    static inline Result name parameters           \
    {                                              \
        return __VA_ARGS__;                        \
    }

CU_FUNCTION(int, __popc, (unsigned x), __builtin_popcount(x))
CU_FUNCTION(int, __popcll, (unsigned long long x), __builtin_popcountll(x))
CU_FUNCTION(int, __ffs, (int x), __builtin_ffs(x))
CU_FUNCTION(int, __ffsll, (long long x), __builtin_ffsll(x))
CU_FUNCTION(int, __clz, (int x), x ? __builtin_clz((unsigned)x) : 32)
CU_FUNCTION(int, __clzll, (long long x), x ? __builtin_clzll((unsigned long long)x) : 64)
CU_FUNCTION(unsigned, __umulhi, (unsigned a, unsigned b),
            (unsigned)((unsigned long long)a *b >> 32))
CU_FUNCTION(int, __mulhi, (int a, int b), (int)((long long)a *b >> 32))
CU_FUNCTION(unsigned long long, __umul64hi, (unsigned long long a, unsigned long long b),
            (unsigned long long)((unsigned __int128)a *b >> 64))

static inline unsigned __brev(unsigned x)
{
    unsigned result = 0;
    for (int i = 0; i < 32; i++)
        result |= (x >> i & 1) << (31 - i);
    return result;
}

// The 32 bits of hi:lo that remain after a shift by 0 to 31.
static inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned shift)
{
    return (unsigned)((((uint64_t)hi << 32 | lo) << (shift & 31)) >> 32);
}

static inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned shift)
{
    return (unsigned)((((uint64_t)hi << 32 | lo) >> (shift & 31)));
}

// Four bytes chosen from the eight of b:a, one digit of `s` each; its bit 3 copies a sign.
static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned s)
{
    uint64_t bytes = (uint64_t)b << 32 | a;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) {
        unsigned pick = s >> 4 * i & 15,
                 byte = (unsigned)(bytes >> 8 * (pick & 7)) & 0xff;
        byte = pick & 8 ? (byte & 0x80 ? 0xff : 0) : byte;
        result |= byte << 8 * i;
    }
    return result;
}

// c plus the products of four bytes each.
static inline int __dp4a(int a, int b, int c)
{
    for (int i = 0; i < 4; i++)
        c += (signed char)(a >> 8 * i) * (signed char)(b >> 8 * i);
    return c;
}

static inline unsigned __dp4a(unsigned a, unsigned b, unsigned c)
{
    for (int i = 0; i < 4; i++)
        c += (a >> 8 * i & 0xff) * (b >> 8 * i & 0xff);
    return c;
}

#define CU_MINMAX(Result, A, B)                                                         \
    CU_FUNCTION(Result, min, (A a, B b), (Result)b < (Result)a ? (Result)b : (Result)a) \
    CU_FUNCTION(Result, max, (A a, B b), (Result)a < (Result)b ? (Result)b : (Result)a)

CU_MINMAX(int, int, int)
CU_MINMAX(unsigned, unsigned, unsigned)
CU_MINMAX(unsigned, unsigned, int)
CU_MINMAX(unsigned, int, unsigned)
CU_MINMAX(long, long, long)
CU_MINMAX(unsigned long, unsigned long, unsigned long)
CU_MINMAX(long long, long long, long long)
CU_MINMAX(unsigned long long, unsigned long long, unsigned long long)
CU_FUNCTION(float, min, (float a, float b), fminf(a, b))
CU_FUNCTION(float, max, (float a, float b), fmaxf(a, b))
CU_FUNCTION(double, min, (double a, double b), fmin(a, b))
CU_FUNCTION(double, max, (double a, double b), fmax(a, b))

// ---- memory, with hints for the cache

#define CU_LOAD(name)                                   \
    template <class T> static inline T name(const T *p) \
    {                                                   \
        return *p;                                      \
    }
#define CU_STORE(name)                                        \
    template <class T> static inline void name(T *p, T value) \
    {                                                         \
        *p = value;                                           \
    }

CU_LOAD(__ldg)
CU_LOAD(__ldca)
CU_LOAD(__ldcg)
CU_LOAD(__ldcs)
CU_LOAD(__ldcv)
CU_LOAD(__ldlu)
CU_STORE(__stcg)
CU_STORE(__stcs)
CU_STORE(__stwb)
CU_STORE(__stwt)

// ---- floating point

CU_FUNCTION(float, rsqrtf, (float x), 1.0f / sqrtf(x))
CU_FUNCTION(double, rsqrt, (double x), 1.0 / sqrt(x))
CU_FUNCTION(float, __saturatef, (float x), x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f)
CU_FUNCTION(float, __fdividef, (float a, float b), a / b)
CU_FUNCTION(float, __fadd_rn, (float a, float b), a + b)
CU_FUNCTION(float, __fsub_rn, (float a, float b), a - b)
CU_FUNCTION(float, __fmul_rn, (float a, float b), a *b)
CU_FUNCTION(float, __fdiv_rn, (float a, float b), a / b)
CU_FUNCTION(float, __frcp_rn, (float x), 1.0f / x)
CU_FUNCTION(float, __fsqrt_rn, (float x), sqrtf(x))
CU_FUNCTION(float, __frsqrt_rn, (float x), 1.0f / sqrtf(x))
CU_FUNCTION(float, __fmaf_rn, (float a, float b, float c), fmaf(a, b, c))
CU_FUNCTION(float, __int2float_rn, (int x), (float)x)
CU_FUNCTION(float, __uint2float_rn, (unsigned x), (float)x)

// Floats beyond the integers become the nearest one, NaN becomes 0, as on the GPU.
static inline int cu_float_to_int(float x)
{
    if (x != x)
        return 0;
    return x >= 0x1p31f    ? std::numeric_limits<int>::max()
           : x <= -0x1p31f ? std::numeric_limits<int>::min()
                           : (int)x;
}

CU_FUNCTION(int, __float2int_rn, (float x), cu_float_to_int(rintf(x)))
CU_FUNCTION(int, __float2int_rz, (float x), cu_float_to_int(truncf(x)))
CU_FUNCTION(int, __float2int_rd, (float x), cu_float_to_int(floorf(x)))
CU_FUNCTION(int, __float2int_ru, (float x), cu_float_to_int(ceilf(x)))

// Macros: the C library has declared functions of these names.
#define __expf(x) expf(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __powf(x, y) powf(x, y)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __sincosf(x, s, c) sincosf(x, s, c)

#define CUDART_INF_F __builtin_inff()
#define CUDART_NAN_F __builtin_nanf("")
#define CUDART_PI_F 3.141592654f
#define CUDART_SQRT_TWO_F 1.414213562f
#define CUDART_MAX_NORMAL_F 3.402823466e38f

#endif
