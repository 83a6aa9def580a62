// Numbers of 16 bits; see halves.h.  `_Float16` is the compiler's own half-precision
// type.
#include "halves.h"
#include "elementary.h"
#include "error.h"
#include "simd.h"

static void widen_f16(float *out, const char *from, int n)
{
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        floats_store(out + i, floats_of_f16(from + 2 * (size_t)i));
    for (; i < n; i++) {
        _Float16 h;
        memcpy(&h, from + 2 * (size_t)i, sizeof h);
        out[i] = (float)h;
    }
}

static void widen_bf16(float *out, const char *from, int n)
{
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        floats_store(out + i, floats_of_bf16(from + 2 * (size_t)i));
    for (; i < n; i++) {
        uint16_t h;
        memcpy(&h, from + 2 * (size_t)i, sizeof h);
        out[i] = float_of_bits((uint32_t)h << 16);
    }
}

void halves_to_floats(float *out, const void *from, DType dtype, int n)
{
    if (dtype == F32)
        memcpy(out, from, (size_t)n * sizeof *out);
    else if (dtype == F16)
        widen_f16(out, from, n);
    else if (dtype == BF16)
        widen_bf16(out, from, n);
    else
        die("numbers of type %s cannot be computed with yet", dtype_name(dtype));
}

static uint16_t bf16_of(float x)
{
    uint32_t bits = bits_of_float(x);
    if (x != x)
        return (uint16_t)(bits >> 16 | 0x40);  // stays a NaN
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void narrow_f16(char *out, const float *from, int n)
{
    for (int i = 0; i < n; i++) {
        _Float16 h = (_Float16)from[i];
        memcpy(out + 2 * (size_t)i, &h, sizeof h);
    }
}

static void narrow_bf16(char *out, const float *from, int n)
{
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        bf16_store(out + 2 * (size_t)i, floats_load(from + i));
    for (; i < n; i++) {
        uint16_t h = bf16_of(from[i]);
        memcpy(out + 2 * (size_t)i, &h, sizeof h);
    }
}

void floats_to_halves(void *out, const float *from, DType dtype, int n)
{
    if (dtype == F32)
        memcpy(out, from, (size_t)n * sizeof *from);
    else if (dtype == F16)
        narrow_f16(out, from, n);
    else if (dtype == BF16)
        narrow_bf16(out, from, n);
    else
        die("numbers of type %s cannot be computed with yet", dtype_name(dtype));
}
