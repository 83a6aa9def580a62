// Numbers of 16 and of 8 bits, taken apart by hand into sign, exponent and fraction.
//
//     float x = float_from_f16(0x3c00);    // 1.0
//     float y = float_from_bf16(0xc040);   // -3.0
//
//               sign  exponent  fraction   value, if e is neither all zeros nor all ones
//     F16         1       5        10      (-1)^sign * 2^(e - 15)  * 1.fraction
//     BF16        1       8         7      (-1)^sign * 2^(e - 127) * 1.fraction
//     F8_E5M2     1       5         2      (-1)^sign * 2^(e - 15)  * 1.fraction
//     F8_E4M3     1       4         3      (-1)^sign * 2^(e - 7)   * 1.fraction
//     f32         1       8        23      (-1)^sign * 2^(e - 127) * 1.fraction
//
// All zeros: the number is tiny, its fraction counts from 0 ("subnormal").  All ones:
// infinity, or NaN if the fraction is not 0.  Every such number is an f32 too: nothing is
// rounded.  (F8_E4M3 has no infinity: there only all ones are NaN.)
// Source: IEEE 754-2019, 3.4; for 8 bits https://arxiv.org/abs/2209.05433.
#ifndef FLOATS_H
#define FLOATS_H

#include <stdint.h>

float float_from_f16(uint16_t h);
float float_from_bf16(uint16_t h);
float float_from_f8_e5m2(uint8_t b);
float float_from_f8_e4m3(uint8_t b);

#endif
