// Loops over floats; see vec.h.  A sum is kept as 16 partial sums: number i takes
// elements i, i + 16, i + 32, ...; they are added in pairs at the end.  The last,
// incomplete 16 take the same road, filled up with zeros: an element must not be summed
// otherwise because it is near the end.
#include "vec.h"
#include "elementary.h"
#include "halves.h"
#include "simd.h"

enum { SUMS = 16, PARTS = SUMS / LANES, VECTORS = 4, FIND = 256, PLACES = 1024 };
#define ALWAYS_INLINE static inline __attribute__((always_inline))  // with dtype constant

static inline size_t size_of(DType dtype)
{
    return dtype == F32 ? 4 : 2;
}

static float add_lanes(float *sum)
{
    for (int half = SUMS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            sum[i] += sum[i + half];
    return sum[0];
}

// Partial sums of q . key: PARTS vectors hold 16.  The last, incomplete 16 are filled up
// with zeros.
ALWAYS_INLINE void dot(Floats *sum, const float *q, const char *key, DType dtype, int HS)
{
    int i = 0;
    for (; i + SUMS <= HS; i += SUMS)
        for (int p = 0; p < PARTS; p++) {
            Floats k = floats_of(key + (size_t)(i + p * LANES) * size_of(dtype), dtype);
            sum[p] = floats_fma(floats_load(q + i + p * LANES), k, sum[p]);
        }
    if (i == HS)
        return;
    float last[SUMS] = { 0 }, wide[SUMS] = { 0 };
    memcpy(last, q + i, (size_t)(HS - i) * sizeof *q);
    halves_to_floats(wide, key + (size_t)i * size_of(dtype), dtype, HS - i);
    for (int p = 0; p < PARTS; p++)
        sum[p] = floats_fma(floats_load(last + p * LANES), floats_load(wide + p * LANES),
                            sum[p]);
}

// Up to LANES keys, so that their partial sums are added up together.
ALWAYS_INLINE Floats some_dots(const float *q, const char *keys, DType dtype,
                               size_t stride, int n, int HS)
{
    Floats whole[LANES] = { { 0 } };
    for (int l = 0; l < n; l++) {
        Floats sum[PARTS] = { { 0 } };
        dot(sum, q, keys + (size_t)l * stride, dtype, HS);
        for (int half = PARTS / 2; half > 0; half /= 2)
            for (int p = 0; p < half; p++)
                sum[p] += sum[p + half];
        whole[l] = sum[0];
    }
    return floats_add_lanes(whole);
}

ALWAYS_INLINE void dots(float *out, const float *q, const char *keys, DType dtype,
                        size_t stride, int n, int HS)
{
    int j = 0;
    for (; j + LANES <= n; j += LANES)
        floats_store(out + j,
                     some_dots(q, keys + (size_t)j * stride, dtype, stride, LANES, HS));
    if (j == n)
        return;
    Floats last = some_dots(q, keys + (size_t)j * stride, dtype, stride, n - j, HS);
    memcpy(out + j, &last, (size_t)(n - j) * sizeof *out);
}

// GPT-2's heads are 64 wide: as a constant, it lets the compiler unroll the loops.
void vec_dots(float *out, const float *q, const void *keys, DType dtype, int stride,
              int n, int HS)
{
    size_t bytes = (size_t)stride * dtype_size(dtype);
    if (dtype == F32 && HS == 64)
        dots(out, q, keys, F32, bytes, n, 64);
    else if (dtype == F32)
        dots(out, q, keys, F32, bytes, n, HS);
    else if (dtype == F16)
        dots(out, q, keys, F16, bytes, n, HS);
    else if (HS == 64)
        dots(out, q, keys, BF16, bytes, n, 64);
    else
        dots(out, q, keys, BF16, bytes, n, HS);
}

// out[VECTORS * LANES] += the sum of p[j] * value j, kept in registers.
ALWAYS_INLINE void mix_strip(float *out, const float *p, const char *values, DType dtype,
                             size_t stride, int n, int vectors)
{
    Floats sum[VECTORS];
    for (int v = 0; v < vectors; v++)
        sum[v] = floats_load(out + v * LANES);
    for (int j = 0; j < n; j++) {
        const char *value = values + (size_t)j * stride;
        Floats weight = floats_all(p[j]);
        for (int v = 0; v < vectors; v++)
            sum[v] = floats_fma(
                weight, floats_of(value + (size_t)v * LANES * size_of(dtype), dtype),
                sum[v]);
    }
    for (int v = 0; v < vectors; v++)
        floats_store(out + v * LANES, sum[v]);
}

ALWAYS_INLINE void mix(float *out, const float *p, const char *values, DType dtype,
                       size_t stride, int n, int HS)
{
    int i = 0;
    for (; i + VECTORS * LANES <= HS; i += VECTORS * LANES)
        mix_strip(out + i, p, values + (size_t)i * size_of(dtype), dtype, stride, n,
                  VECTORS);
    for (; i + LANES <= HS; i += LANES)
        mix_strip(out + i, p, values + (size_t)i * size_of(dtype), dtype, stride, n, 1);
    for (; i < HS; i++)
        for (int j = 0; j < n; j++) {
            float value;
            const char *at = values + (size_t)j * stride + (size_t)i * size_of(dtype);
            halves_to_floats(&value, at, dtype, 1);
            out[i] = fmaf(p[j], value, out[i]);
        }
}

void vec_mix(float *out, const float *p, const void *values, DType dtype, int stride,
             int n, int HS)
{
    size_t bytes = (size_t)stride * dtype_size(dtype);
    if (dtype == F32)
        mix(out, p, values, F32, bytes, n, HS);
    else if (dtype == F16)
        mix(out, p, values, F16, bytes, n, HS);
    else
        mix(out, p, values, BF16, bytes, n, HS);
}

// A NaN must not be passed over.
static float greater(float a, float b)
{
    return b > a || b != b ? b : a;
}

float vec_max(const float *x, int n)
{
    Floats max = floats_all(-INFINITY);
    float lanes[LANES];
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        Floats v = floats_load(x + i);
        Bits take = (Bits)(v > max) | (Bits)(v != v);
        max = (Floats)(((Bits)v & take) | ((Bits)max & ~take));
    }
    floats_store(lanes, max);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] = greater(lanes[l], lanes[l + half]);
    for (; i < n; i++)
        lanes[0] = greater(lanes[0], x[i]);
    return lanes[0];
}

int vec_argmax(const float *x, int n)
{
    float max = vec_max(x, n);
    for (int from = 0; from < n; from += FIND) {
        int end = n - from < FIND ? n : from + FIND, found = 0;
        for (int i = from; i < end; i++)
            found |= x[i] == max;
        for (int i = from; found; i++)
            if (x[i] == max)
                return i;
    }
    return 0;
}

// x[k] becomes the (k + 1)-th greatest (Hoare's quickselect).
static float select_kth(float *x, int n, int k)
{
    for (int low = 0, high = n - 1; low < high;) {
        float pivot = x[low + (high - low) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (x[i] > pivot)
                i++;
            while (pivot > x[j])
                j--;
            if (i <= j) {
                float swap = x[i];
                x[i++] = x[j];
                x[j--] = swap;
            }
        }
        if (k > j && k < i)
            break;
        if (k <= j)
            high = j;
        else
            low = i;
    }
    return x[k];
}

// Each of the k greatest maxima of a part of x is reached at least once.
float vec_kth(const float *x, int n, int k)
{
    float max[PLACES];
    int size = (n + PLACES - 1) / PLACES, parts = 0;
    for (int i = 0; i < n; i += size)
        max[parts++] = vec_max(x + i, n - i < size ? n - i : size);
    return k <= parts ? select_kth(max, parts, k - 1) : -INFINITY;
}

float vec_sum(const float *x, int n)
{
    float sum[SUMS] = { 0 };
    int i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int k = 0; k < SUMS; k++)
            sum[k] += x[i + k];
    for (int k = 0; i + k < n; k++)
        sum[k] += x[i + k];
    return add_lanes(sum);
}

float vec_square_sum(const float *x, float shift, int n)
{
    float sum[SUMS] = { 0 };
    int i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int k = 0; k < SUMS; k++)
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

double vec_exp_mass(const float *x, int n)
{
    double sum[SUMS] = { 0 }, all = 0;
    int i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int k = 0; k < SUMS; k++)
            sum[k] += (double)exp_f32(x[i + k]);
    for (int k = 0; i + k < n; k++)
        sum[k] += (double)exp_f32(x[i + k]);
    for (int k = 0; k < SUMS; k++)
        all += sum[k];
    return all;
}
