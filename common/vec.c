// Loops over floats; see vec.h.  A sum is kept as 16 partial sums: number i takes
// elements i, i + 16, i + 32, ...; they are added in pairs at the end.  The last,
// incomplete 16 take the same road, filled up with zeros: an element must not be summed
// otherwise because it is near the end.
#include "vec.h"
#include "elementary.h"
#include "halves.h"

enum { LANES = 16 };

static float add_lanes(float *sum)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            sum[i] += sum[i + half];
    return sum[0];
}

static float dot(const float *a, const float *b, int n)
{
    float sum[LANES] = { 0 };
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] = fmaf(a[i + k], b[i + k], sum[k]);
    for (int k = 0; i + k < n; k++)
        sum[k] = fmaf(a[i + k], b[i + k], sum[k]);
    return add_lanes(sum);
}

// A row of numbers as f32: the row itself, or widened into `room`.
static const float *widened(const void *row, DType dtype, int n, float *room)
{
    if (dtype == F32)
        return row;
    halves_to_floats(room, row, dtype, n);
    return room;
}

void vec_dots(float *dots, const float *q, const void *keys, DType dtype, int stride,
              int n, int HS)
{
    float room[dtype == F32 ? 1 : HS];
    for (int j = 0; j < n; j++) {
        const void *key = (const char *)keys + (size_t)j * stride * dtype_size(dtype);
        dots[j] = dot(q, widened(key, dtype, HS, room), HS);
    }
}

void vec_mix(float *out, const float *p, const void *values, DType dtype, int stride,
             int n, int HS)
{
    float room[dtype == F32 ? 1 : HS];
    for (int j = 0; j < n; j++) {
        const char *at = (const char *)values + (size_t)j * stride * dtype_size(dtype);
        const float *value = widened(at, dtype, HS, room);
        for (int i = 0; i < HS; i++)
            out[i] = fmaf(p[j], value[i], out[i]);
    }
}

float vec_max(const float *x, int n)
{
    float max = -INFINITY;
    for (int i = 0; i < n; i++)
        max = x[i] > max || x[i] != x[i] ? x[i] : max;  // a NaN must not be passed over
    return max;
}

float vec_sum(const float *x, int n)
{
    float sum[LANES] = { 0 };
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += x[i + k];
    for (int k = 0; i + k < n; k++)
        sum[k] += x[i + k];
    return add_lanes(sum);
}

float vec_square_sum(const float *x, float shift, int n)
{
    float sum[LANES] = { 0 };
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] = fmaf(x[i + k] - shift, x[i + k] - shift, sum[k]);
    for (int k = 0; i + k < n; k++)
        sum[k] = fmaf(x[i + k] - shift, x[i + k] - shift, sum[k]);
    return add_lanes(sum);
}

float vec_exp_sum(float *x, float shift, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = exp_f32(x[i] - shift);
    return vec_sum(x, n);
}
