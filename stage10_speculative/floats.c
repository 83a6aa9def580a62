// Small floating-point numbers, widened to f32.  Chapter 1; see floats.h for the formats.
#include "floats.h"
#include <math.h>
#include <string.h>

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float float_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h >> 15) << 31, exponent = h >> 10 & 31,
             fraction = h & 1023;
    if (exponent == 0) {  // subnormal: fraction / 1024 * 2^-14
        float x = (float)fraction * 0x1p-24f;
        return sign ? -x : x;
    }
    if (exponent == 31)  // infinity or NaN has all ones in f32 as well
        return from_bits(sign | 255u << 23 | fraction << 13);
    return from_bits(sign | (exponent - 15 + 127) << 23 | fraction << 13);
}

// An f32 without the last 16 bits of its fraction.
float float_from_bf16(uint16_t h)
{
    return from_bits((uint32_t)h << 16);
}

// An f16 without the last 8 bits of its fraction.
float float_from_f8_e5m2(uint8_t b)
{
    return float_from_f16((uint16_t)(b << 8));
}

float float_from_f8_e4m3(uint8_t b)
{
    uint32_t exponent = b >> 3 & 15, fraction = b & 7;
    float x = exponent ? ldexpf(8.0f + (float)fraction, (int)exponent - 7 - 3)
                       : (float)fraction * 0x1p-9f;
    if ((b & 127) == 127)  // this format has no infinity, and one NaN
        x = NAN;
    return b & 128 ? -x : x;
}
