// Numbers of 16 bits, computed from what they mean rather than from their bits, to
// compare with.
#ifndef HALVES16_H
#define HALVES16_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float float_of_f16(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 0x3ff;
    double x = exponent == 31  ? (fraction ? NAN : INFINITY)
               : exponent == 0 ? ldexp(fraction, -24)
                               : ldexp(1024 + fraction, exponent - 25);
    return (float)(h & 0x8000 ? -x : x);
}

// Not for NaN.
static inline uint16_t f16_of(float x)
{
    int exponent = x == 0 ? -14 : ilogbf(x);
    exponent = exponent < -14 ? -14 : exponent;
    double steps = isinf(x) ? x : nearbyint(ldexp(fabs((double)x), 10 - exponent));
    int bits =
        (int)fmin(fabs(steps), 4096) + (exponent + 14) * 1024;  // carries by itself
    if (isinf(x) || exponent > 15 || bits > 0x7c00)
        bits = 0x7c00;
    return (uint16_t)(bits | (signbit(x) ? 0x8000 : 0));
}

static inline float float_of_bf16(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, sizeof x);
    return x;
}

static inline uint16_t bf16_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
