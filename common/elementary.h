// exp, log and tanh in f32, the same bits on every machine and device: only +, -, * and
// fused multiply-adds that are written out, so that the compiler may vectorise them and
// change nothing.  (libm's differ from version to version, and none of them is the
// GPU's.)
//
// The polynomials are minimax fits of our own (Remez exchange, relative to the result);
// reduction to a small interval as in W. J. Cody and W. Waite, "Software Manual for the
// Elementary Functions", 1980.  Errors measured at every 37th float, against
// double precision: exp 1.1 ulp, log 1.0 ulp, tanh 1.8e-7 absolute.
#ifndef ELEMENTARY_H
#define ELEMENTARY_H

#include "device.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline HOST_DEVICE float float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline HOST_DEVICE uint32_t bits_of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

// e^x; 0 below -87.3 (no denormals), infinity above 88.7, NaN for NaN.
static inline HOST_DEVICE float exp_f32(float x)
{
    const float round =
        12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer below
    float y = x < -87.33f ? -87.33f : x;
    y = y > 88.72f ? 88.72f : y;
    float shifted = fmaf(y, 1.44269504f, round);
    float n = shifted - round;  // x = n ln 2 + r, and |r| <= ln 2 / 2
    float r = fmaf(n, -0.693359375f, y);
    r = fmaf(n, 2.12194440e-4f, r);  // ln 2 in two pieces: the first is exact in few bits
    float p = 0.0013950448f;
    p = fmaf(p, r, 0.0083688861f);
    p = fmaf(p, r, 0.0416662072f);
    p = fmaf(p, r, 0.1666651903f);
    p = fmaf(p, r, 0.5000000094f);
    p = fmaf(p * r, r, r) + 1.0f;
    // 2^n in two factors, since n = 128 has no float of its own.
    uint32_t e = bits_of_float(shifted) - bits_of_float(round),
             half = (uint32_t)((int32_t)e >> 1);
    float power = float_of_bits((half + 127) << 23);
    float result = p * power * float_of_bits((e - half + 127) << 23);
    result = x < -87.33f ? 0.0f : result;
    return x > 88.72f ? INFINITY : result;
}

// Natural logarithm of a positive, finite, normal number (what our callers have; not
// checked).
static inline HOST_DEVICE float log_f32(float x)
{
    uint32_t bits = bits_of_float(x);
    int32_t n = (int32_t)(bits - 0x3f2aaaabu) >> 23;  // x = 2^n m, and 2/3 <= m < 4/3
    float f = float_of_bits(bits - ((uint32_t)n << 23)) - 1.0f;
    float q = -0.1320314621f;
    q = fmaf(q, f, 0.1396597220f);
    q = fmaf(q, f, -0.1211295830f);
    q = fmaf(q, f, 0.1401099181f);
    q = fmaf(q, f, -0.1668557496f);
    q = fmaf(q, f, 0.2000997734f);
    q = fmaf(q, f, -0.2499968779f);
    q = fmaf(q, f, 0.3333322655f);
    float g = f * f, low = fmaf((float)n, -2.12194440e-4f, f * g * q);
    low = fmaf(-0.5f, g, low);
    return fmaf((float)n, 0.693359375f, f + low);
}

// tanh by exp: 1 - 2 / (e^2x + 1).
static inline HOST_DEVICE float tanh_f32(float x)
{
    return 1.0f - 2.0f / (exp_f32(2.0f * x) + 1.0f);
}

#endif
