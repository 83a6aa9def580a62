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

// e^(x - shift) in place; returns the partial sums that vec_exp_sum adds up.
static Floats exp_parts(float *x, float shift)
{
    enum { SUMS = 16, PARTS = SUMS / LANES };
    Floats part[PARTS] = { { 0 } };
    for (int i = 0; i < ATTEND_KEYS; i++)
        x[i] = exp_f32(x[i] - shift);
    for (int i = 0; i < ATTEND_KEYS / LANES; i++)
        part[i % PARTS] += floats_load(x + i * LANES);
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            part[i] += part[i + half];
    return part[0];
}

// Scores of LANES rows from `row` on to p, and what the mix of each fades by.  The numbers
// are row_chunk's; maxima and sums are found side by side.
static void soften(Attend *a, int row, float (*p)[ATTEND_KEYS], float *fade)
{
    float scale = 1.0f / sqrtf((float)a->HS), max[LANES];
    Floats most[LANES], parts[LANES];
    for (int r = 0; r < LANES; r++) {
        most[r] = floats_all(-INFINITY);
        for (int i = 0; i < ATTEND_KEYS; i += LANES) {
            Floats scores = floats_load(p[r] + i) * scale;
            floats_store(p[r] + i, scores);
            most[r] = floats_max(most[r], scores);
        }
    }
    floats_store(max, floats_max(floats_load(a->max + row), floats_max_lanes(most)));
    for (int r = 0; r < LANES; r++) {
        fade[r] = exp_f32(a->max[row + r] - max[r]);
        a->max[row + r] = max[r];
    }
    for (int r = 0; r < LANES; r++)
        parts[r] = exp_parts(p[r], max[r]);
    floats_store(a->sum + row, floats_fma(floats_load(a->sum + row), floats_load(fade),
                                          floats_add_lanes(parts)));
}

// LANES rows from `row` on, against all keys of the chunk.
static void rows_chunk(Attend *a, int row, const void *keys, const void *values,
                       DType dtype)
{
    float p[LANES][ATTEND_KEYS], fade[LANES];
    for (int r = 0; r < LANES; r++)
        vec_dots(p[r], a->q + (size_t)(row + r) * a->q_stride, keys, dtype, a->HS,
                 ATTEND_KEYS, a->HS);
    soften(a, row, p, fade);
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
    for (int r = 0, rows; r < a->rows; r += rows) {
        for (rows = 0; rows < LANES && r + rows < a->rows; rows++)
            if (seen[r + rows] < ATTEND_KEYS)
                break;
        if (rows == LANES) {
            rows_chunk(a, r, keys, values, dtype);
            continue;
        }
        rows = 1;
        if (seen[r] > 0)
            row_chunk(a, r, keys, values, dtype, seen[r]);
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
