// Numbers of 16 bits from and to floats, on their bits, for C and C++.  Rounds to
// nearest, ties to even, as the GPU does.
//
//     unsigned short h = cu_half_of(0.1f);
//     float f = cu_float_of_half(h);       // 0.0999755859375
#ifndef CUDA_CPU_BITS_H
#define CUDA_CPU_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t cu_bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float cu_float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline unsigned short cu_bfloat16_of(float f)
{
    uint32_t u = cu_bits_of(f);
    return f != f ? 0x7fff : (unsigned short)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float cu_float_of_bfloat16(unsigned short h)
{
    return cu_float_of((uint32_t)h << 16);
}

static inline unsigned short cu_half_of(float f)
{
    uint32_t u = cu_bits_of(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000)  // NaN
        return 0x7fff;
    if (a >= 0x477ff000)  // 65520 and up: infinity
        a = 0x7c00;
    else if (a < 0x38800000)  // steps of 2^-24; adding 0.5 leaves their number
        a = cu_bits_of(cu_float_of(a) + 0.5f) - 0x3f000000;
    else  // 112 less in the exponent, 13 bits less in the fraction
        a = (a - 0x38000000 + 0xfff + (a >> 13 & 1)) >> 13;
    return (unsigned short)(sign | a);
}

static inline float cu_float_of_half(unsigned short h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;
    // The same exponent and fraction; too small by 2^112, which also serves the numbers
    // below the normal ones.
    float f = cu_float_of(rest << 13) * 0x1p112f;
    if (rest >= 0x7c00)  // infinity, NaN
        f = cu_float_of(0x7f800000 | rest << 13);
    return cu_float_of(sign | cu_bits_of(f));
}

// TF32 has the exponent of f32 and ten bits of fraction.
static inline float cu_tf32_of(float f)
{
    uint32_t u = cu_bits_of(f);
    if ((u & 0x7f800000) == 0x7f800000)
        return f;
    return cu_float_of((u + 0xfff + (u >> 13 & 1)) & ~(uint32_t)0x1fff);
}

#endif
