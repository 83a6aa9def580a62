// Attention of some rows of one head; see attend.h.
#include "attend.h"
#include "elementary.h"
#include "halves.h"
#include "simd.h"
#include "vec.h"

void attend_begin(Attend *a, DType dtype, int HS, const float *q, size_t q_stride,
                  float *out, size_t out_stride, int rows)
{
    a->rows = rows;
    a->HS = HS;
    a->dtype = dtype;
    a->tiles = attend_tiles(dtype, HS);
    a->q = q;
    a->q_stride = q_stride;
    a->out = out;
    a->out_stride = out_stride;
    for (int r = 0; r < ATTEND_ROWS; r++) {
        a->max[r] = -INFINITY;
        a->sum[r] = 0;
    }
    if (a->tiles)
        attend_tiles_begin(a);
    else
        for (int r = 0; r < rows; r++)
            memset(out + (size_t)r * out_stride, 0, (size_t)HS * sizeof *out);
}

// One row against n keys.
static void row_chunk(Attend *a, int r, const void *keys, const void *values, DType dtype,
                      int n)
{
    float p[ATTEND_KEYS], *out = a->out + (size_t)r * a->out_stride;
    float scale = 1.0f / sqrtf((float)a->HS);
    vec_dots(p, a->q + (size_t)r * a->q_stride, keys, dtype, a->HS, n, a->HS);
    for (int i = 0; i < n; i++)
        p[i] *= scale;
    float chunk_max = vec_max(p, n), max = chunk_max > a->max[r] ? chunk_max : a->max[r];
    float fade = exp_f32(a->max[r] - max);
    a->sum[r] = fmaf(a->sum[r], fade, vec_exp_sum(p, max, n));
    a->max[r] = max;
    for (int i = 0; i < a->HS; i++)
        out[i] *= fade;
    vec_mix(out, p, values, dtype, a->HS, n, a->HS);
}

// LANES rows from `row` on, against all keys of the chunk: the same sums, side by side.
static void rows_chunk(Attend *a, int row, const void *keys, const void *values,
                       DType dtype)
{
    enum { VECTORS = ATTEND_KEYS / LANES, SUMS = 16 };
    float p[LANES][ATTEND_KEYS], maxima[LANES], fade[LANES];
    float scale = 1.0f / sqrtf((float)a->HS);
    Floats most[LANES], sums[LANES], old = floats_load(a->max + row), max;
    for (int r = 0; r < LANES; r++) {
        vec_dots(p[r], a->q + (size_t)(row + r) * a->q_stride, keys, dtype, a->HS,
                 ATTEND_KEYS, a->HS);
        most[r] = floats_all(-INFINITY);
        for (int i = 0; i < ATTEND_KEYS; i += LANES) {
            Floats scores = floats_load(p[r] + i) * scale;
            floats_store(p[r] + i, scores);
            most[r] = floats_max(most[r], scores);
        }
    }
    max = floats_max(old, floats_max_lanes(most));
    floats_store(maxima, max);
    for (int r = 0; r < LANES; r++)
        fade[r] = exp_f32(a->max[row + r] - maxima[r]);
    for (int r = 0; r < LANES; r++) {
        Floats part[SUMS / LANES] = { { 0 } };
        for (int i = 0; i < ATTEND_KEYS; i++)
            p[r][i] = exp_f32(p[r][i] - maxima[r]);
        for (int v = 0; v < VECTORS; v++)
            part[v % (SUMS / LANES)] += floats_load(p[r] + v * LANES);
        for (int half = SUMS / LANES / 2; half > 0; half /= 2)
            for (int v = 0; v < half; v++)
                part[v] += part[v + half];
        sums[r] = part[0];
    }
    floats_store(a->sum + row, floats_fma(floats_load(a->sum + row), floats_load(fade),
                                          floats_add_lanes(sums)));
    floats_store(a->max + row, max);
    for (int r = 0; r < LANES; r++) {
        float *out = a->out + (size_t)(row + r) * a->out_stride;
        for (int i = 0; i < a->HS && fade[r] != 1; i++)
            out[i] *= fade[r];
        vec_mix(out, p[r], values, dtype, a->HS, ATTEND_KEYS, a->HS);
    }
}

// Keys and values are widened once for all rows.
void attend_chunk(Attend *a, const void *keys, const void *values, const int *n)
{
    if (a->tiles) {
        attend_tiles_chunk(a, keys, values, n);
        return;
    }
    bool widen = a->dtype != F32 && a->rows > 1;
    float wide[2][widen ? ATTEND_KEYS * a->HS : 1];
    DType dtype = widen ? F32 : a->dtype;
    int most = 0, seen[ATTEND_ROWS];
    for (int r = 0; r < a->rows; r++) {
        seen[r] = n[r] < 0 ? 0 : n[r] < ATTEND_KEYS ? n[r] : ATTEND_KEYS;
        most = seen[r] > most ? seen[r] : most;
    }
    if (widen) {
        halves_to_floats(wide[0], keys, a->dtype, most * a->HS);
        halves_to_floats(wide[1], values, a->dtype, most * a->HS);
        keys = wide[0];
        values = wide[1];
    }
    for (int r = 0; r < a->rows;) {
        int whole = 0;
        while (whole < LANES && r + whole < a->rows && seen[r + whole] == ATTEND_KEYS)
            whole++;
        if (whole == LANES)
            rows_chunk(a, r, keys, values, dtype);
        else if (seen[r] > 0)
            row_chunk(a, r, keys, values, dtype, seen[r]);
        r += whole == LANES ? LANES : 1;
    }
}

void attend_end(Attend *a)
{
    if (a->tiles)
        attend_tiles_end(a);
    for (int r = 0; r < a->rows; r++)
        for (int i = 0; i < a->HS; i++)
            a->out[(size_t)r * a->out_stride + i] /= a->sum[r];
}
