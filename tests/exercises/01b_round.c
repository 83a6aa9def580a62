// 01b: bf16_from_float(x), the nearest BF16; of two that are equally near, the even one.
#include "floats.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

uint16_t bf16_from_float(float x);

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static int check(float x, uint16_t wanted)
{
    uint16_t found = bf16_from_float(x);
    if (found == wanted)
        return 0;
    fprintf(stderr, "bf16_from_float(%a), bits 0x%08x: wanted 0x%04x, found 0x%04x\n",
            (double)x, bits_of(x), wanted, found);
    return 1;
}

// The two neighbours of x, and how far away they are, say what is right: in doubles, exactly.
static int check_near(uint32_t bits)
{
    float x = float_of(bits);
    uint16_t low = (uint16_t)(bits >> 16), high = (uint16_t)(low + 1);
    double below = fabs((double)x - (double)float_from_bf16(low));
    double above = fabs((double)float_from_bf16(high) - (double)x);
    if (isinf(float_from_bf16(high)))  // as if the exponent went on: 2^128
        above = 0x1p128 - fabs((double)x);
    bool up = above < below || (above == below && low % 2 == 1);
    return check(x, up ? high : low);
}

int main(void)
{
    int wrong = 0;
    for (uint32_t h = 0; h < 65536 && wrong < 8; h++) {
        float x = float_from_bf16((uint16_t)h);
        if (isnan(x)) {
            uint16_t found = bf16_from_float(float_of(h << 16 | 1));
            if (!isnan(float_from_bf16(found)))
                wrong += fprintf(stderr, "a NaN becomes 0x%04x, a number\n", found) > 0;
            continue;
        }
        wrong += check(x, (uint16_t)h);
        if (isinf(x))
            continue;
        static const uint32_t rest[] = { 1, 0x7fff, 0x8000, 0x8001, 0xffff };
        for (int i = 0; i < 5; i++)
            wrong += check_near(h << 16 | rest[i]);
    }
    // A NaN whose upper half looks like infinity.
    if (!isnan(float_from_bf16(bf16_from_float(float_of(0x7f800001)))))
        wrong += fprintf(stderr, "0x7f800001 is a NaN; it becomes a number\n") > 0;
    return wrong != 0;
}
