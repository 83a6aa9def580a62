// C++: numbers of 16 bits, __half and __nv_bfloat16, and pairs of them.  Arithmetic is
// done in f32 and rounded, as the GPU's results are.
//
//     __nv_bfloat162 w = p[i];
//     float2 f = __bfloat1622float2(w);
#ifndef CUDA_CPU_HALF_H
#define CUDA_CPU_HALF_H

#include "cuda_cpu_bits.h"
#include "cuda_cpu_math.h"

// ---- the types, and what both have; `h` stands for the type

#define CU_16BIT_TYPE(h, of, float_of)                                          \
    struct h {                                                                  \
        unsigned short bits;                                                    \
        h() = default;                                                          \
        h(float f) : bits(of(f))                                                \
        {                                                                       \
        }                                                                       \
        h(double f) : bits(of((float)f))                                        \
        {                                                                       \
        }                                                                       \
        h(int i) : bits(of((float)i))                                           \
        {                                                                       \
        }                                                                       \
        operator float() const                                                  \
        {                                                                       \
            return float_of(bits);                                              \
        }                                                                       \
    };                                                                          \
    struct __align__(4) h##2                                                    \
    {                                                                           \
        h x, y;                                                                 \
    };                                                                          \
    CU_FUNCTION(h, cu_##h##_from_bits, (unsigned short u), cu_bits<h>(u))       \
    CU_FUNCTION(h, operator+, (h a, h b), h((float)a + (float)b))               \
    CU_FUNCTION(h, operator-, (h a, h b), h((float)a - (float)b))               \
    CU_FUNCTION(h, operator*, (h a, h b), h((float)a *(float)b))                \
    CU_FUNCTION(h, operator/, (h a, h b), h((float)a / (float)b))               \
    CU_FUNCTION(h, operator-, (h a), cu_##h##_from_bits(a.bits ^ 0x8000))       \
    CU_FUNCTION(h &, operator+=, (h & a, h b), a = a + b)                       \
    CU_FUNCTION(h &, operator-=, (h & a, h b), a = a - b)                       \
    CU_FUNCTION(h &, operator*=, (h & a, h b), a = a * b)                       \
    CU_FUNCTION(bool, operator==, (h a, h b), (float)a == (float)b)             \
    CU_FUNCTION(bool, operator!=, (h a, h b), (float)a != (float)b)             \
    CU_FUNCTION(bool, operator<, (h a, h b), (float)a < (float)b)               \
    CU_FUNCTION(bool, operator>, (h a, h b), (float)a > (float)b)               \
    CU_FUNCTION(bool, operator<=, (h a, h b), (float)a <= (float)b)             \
    CU_FUNCTION(bool, operator>=, (h a, h b), (float)a >= (float)b)             \
    CU_FUNCTION(h, __hadd, (h a, h b), a + b)                                   \
    CU_FUNCTION(h, __hsub, (h a, h b), a - b)                                   \
    CU_FUNCTION(h, __hmul, (h a, h b), a *b)                                    \
    CU_FUNCTION(h, __hdiv, (h a, h b), a / b)                                   \
    CU_FUNCTION(h, __hneg, (h a), -a)                                           \
    CU_FUNCTION(h, __hfma, (h a, h b, h c),                                     \
                h(fma((double)(float)a, (float)b, (float)c)))                   \
    CU_FUNCTION(h, __hmax, (h a, h b), h(fmaxf(a, b)))                          \
    CU_FUNCTION(h, __hmin, (h a, h b), h(fminf(a, b)))                          \
    CU_FUNCTION(bool, __hisnan, (h a), (float)a != (float)a)                    \
    CU_FUNCTION(h##2, __hadd2, (h##2 a, h##2 b), h##2 { a.x + b.x, a.y + b.y }) \
    CU_FUNCTION(h##2, __hsub2, (h##2 a, h##2 b), h##2 { a.x - b.x, a.y - b.y }) \
    CU_FUNCTION(h##2, __hmul2, (h##2 a, h##2 b), h##2 { a.x * b.x, a.y * b.y }) \
    CU_FUNCTION(h##2, __hfma2, (h##2 a, h##2 b, h##2 c),                        \
                h##2 { __hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y) })          \
    CU_FUNCTION(float, __low2float, (h##2 a), (float)a.x)                       \
    CU_FUNCTION(float, __high2float, (h##2 a), (float)a.y)

CU_16BIT_TYPE(__half, cu_half_of, cu_float_of_half)
CU_16BIT_TYPE(__nv_bfloat16, cu_bfloat16_of, cu_float_of_bfloat16)

typedef __half half;
typedef __half2 half2;
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

// ---- the functions with names of their own

CU_FUNCTION(__half, __float2half, (float f), __half(f))
CU_FUNCTION(__half, __float2half_rn, (float f), __half(f))
CU_FUNCTION(float, __half2float, (__half h), (float)h)
CU_FUNCTION(__half, __ushort_as_half, (unsigned short u), cu___half_from_bits(u))
CU_FUNCTION(unsigned short, __half_as_ushort, (__half h), h.bits)
CU_FUNCTION(__half2, __half2half2, (__half a), __half2{ a, a })
CU_FUNCTION(__half2, __halves2half2, (__half a, __half b), __half2{ a, b })
CU_FUNCTION(__half2, __float2half2_rn, (float f), __half2{ __half(f), __half(f) })
CU_FUNCTION(__half2, __floats2half2_rn, (float a, float b),
            __half2{ __half(a), __half(b) })
CU_FUNCTION(__half2, __float22half2_rn, (float2 v), __floats2half2_rn(v.x, v.y))
CU_FUNCTION(float2, __half22float2, (__half2 v), make_float2((float)v.x, (float)v.y))
CU_FUNCTION(__half, __low2half, (__half2 v), v.x)
CU_FUNCTION(__half, __high2half, (__half2 v), v.y)

CU_FUNCTION(__nv_bfloat16, __float2bfloat16, (float f), __nv_bfloat16(f))
CU_FUNCTION(__nv_bfloat16, __float2bfloat16_rn, (float f), __nv_bfloat16(f))
CU_FUNCTION(float, __bfloat162float, (__nv_bfloat16 h), (float)h)
CU_FUNCTION(__nv_bfloat16, __ushort_as_bfloat16, (unsigned short u),
            cu___nv_bfloat16_from_bits(u))
CU_FUNCTION(unsigned short, __bfloat16_as_ushort, (__nv_bfloat16 h), h.bits)
CU_FUNCTION(__nv_bfloat162, __bfloat162bfloat162, (__nv_bfloat16 a),
            __nv_bfloat162{ a, a })
CU_FUNCTION(__nv_bfloat162, __halves2bfloat162, (__nv_bfloat16 a, __nv_bfloat16 b),
            __nv_bfloat162{ a, b })
CU_FUNCTION(__nv_bfloat162, __float2bfloat162_rn, (float f),
            __nv_bfloat162{ __nv_bfloat16(f), __nv_bfloat16(f) })
CU_FUNCTION(__nv_bfloat162, __floats2bfloat162_rn, (float a, float b),
            __nv_bfloat162{ __nv_bfloat16(a), __nv_bfloat16(b) })
CU_FUNCTION(__nv_bfloat162, __float22bfloat162_rn, (float2 v),
            __floats2bfloat162_rn(v.x, v.y))
CU_FUNCTION(float2, __bfloat1622float2, (__nv_bfloat162 v),
            make_float2((float)v.x, (float)v.y))
CU_FUNCTION(__nv_bfloat16, __low2bfloat16, (__nv_bfloat162 v), v.x)
CU_FUNCTION(__nv_bfloat16, __high2bfloat16, (__nv_bfloat162 v), v.y)

#endif
