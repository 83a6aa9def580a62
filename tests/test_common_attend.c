// Attention of some rows of one head: right, and the same bits for a row alone and in company.
#include "attend.h"
#include "dtype.h"
#include "halves.h"
#include "support/fill.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 3, MOST = CHUNKS * ATTEND_KEYS };

typedef struct {
    int HS;
    DType dtype;
    float *q, *keys, *values;       // [ATTEND_ROWS][HS], [MOST][HS]: rounded to dtype
    char *kept_keys, *kept_values;  // the same, of dtype
} Case;

static char *kept(float *x, size_t n, DType dtype)
{
    char *halves = malloc(n * dtype_size(dtype));
    floats_to_halves(halves, x, dtype, (int)n);
    halves_to_floats(x, halves, dtype, (int)n);
    return halves;
}

static Case case_of(int HS, DType dtype)
{
    size_t n = (size_t)MOST * (size_t)HS;
    Case c = {
        HS,   dtype, numbers((size_t)(ATTEND_ROWS * HS), 1), numbers(n, 2), numbers(n, 3),
        NULL, NULL
    };
    for (int i = 0; i < ATTEND_ROWS * HS; i++)
        c.q[i] *= 3;
    c.kept_keys = kept(c.keys, n, dtype);
    c.kept_values = kept(c.values, n, dtype);
    return c;
}

static void case_free(Case *c)
{
    free(c->q), free(c->keys), free(c->values), free(c->kept_keys), free(c->kept_values);
}

// `rows` rows from `first` on, of which row r sees seen[r] keys.  What lies behind the last
// key that any of them sees is no number.
static void attend(float *out, const Case *c, int first, int rows, const int *seen)
{
    Attend a;
    size_t chunk = (size_t)(ATTEND_KEYS * c->HS) * dtype_size(c->dtype);
    int most = 0, n[ATTEND_ROWS];
    for (int r = 0; r < rows; r++)
        most = seen[r] > most ? seen[r] : most;
    char *keys = malloc(CHUNKS * chunk), *values = malloc(CHUNKS * chunk);
    memset(keys, 0xff, CHUNKS * chunk);
    memset(values, 0xff, CHUNKS * chunk);
    memcpy(keys, c->kept_keys, chunk / ATTEND_KEYS * (size_t)most);
    memcpy(values, c->kept_values, chunk / ATTEND_KEYS * (size_t)most);
    attend_begin(&a, c->dtype, c->HS, c->q + first * c->HS, (size_t)c->HS, out,
                 (size_t)c->HS, rows);
    for (int j = 0; j < most; j += ATTEND_KEYS) {
        for (int r = 0; r < rows; r++)
            n[r] = seen[r] - j;
        size_t at = (size_t)(j / ATTEND_KEYS) * chunk;
        attend_chunk(&a, keys + at, values + at, n);
    }
    attend_end(&a);
    free(keys), free(values);
}

// The definition, in double precision.
static void expect(const float *out, const Case *c, int row, int seen)
{
    double p[MOST], sum = 0, max = -INFINITY;
    const float *q = c->q + row * c->HS;
    for (int j = 0; j < seen; j++) {
        double dot = 0;
        for (int i = 0; i < c->HS; i++)
            dot += (double)q[i] * (double)c->keys[j * c->HS + i];
        p[j] = dot / sqrt(c->HS);
        max = p[j] > max ? p[j] : max;
    }
    for (int j = 0; j < seen; j++)
        sum += p[j] = exp(p[j] - max);
    for (int i = 0; i < c->HS; i++) {
        double mix = 0;
        for (int j = 0; j < seen; j++)
            mix += p[j] / sum * (double)c->values[j * c->HS + i];
        // q and p may be rounded to the type of the keys.
        cr_assert(fabs(mix - (double)out[i]) <= (c->dtype == BF16 ? 2e-2 : 2e-6),
                  "%s, %d wide, row %d of %d keys: [%d] is %g, should be %g",
                  dtype_name(c->dtype), c->HS, row, seen, i, (double)out[i], mix);
    }
}

// Rows that see `keys` keys, the last of them, and each one fewer than the next.
static void check(const Case *c, int rows, int keys)
{
    float *out = malloc((size_t)(rows * c->HS) * sizeof *out), alone[c->HS];
    int seen[ATTEND_ROWS];
    for (int r = 0; r < rows; r++)
        seen[r] = keys - rows + 1 + r > 1 ? keys - rows + 1 + r : 1;
    attend(out, c, 0, rows, seen);
    for (int r = 0; r < rows; r++) {
        expect(out + r * c->HS, c, r, seen[r]);
        attend(alone, c, r, 1, &seen[r]);
        cr_assert(memcmp(alone, out + r * c->HS, sizeof alone) == 0,
                  "%s, %d wide: row %d of %d, %d keys, is not what it is alone",
                  dtype_name(c->dtype), c->HS, r, rows, seen[r]);
    }
    free(out);
}

static void check_type(DType dtype)
{
    const int wide[] = { 64, 32, 128, 5, 80, 160 };
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        Case c = case_of(wide[i], dtype);
        for (int keys = 1; keys <= MOST; keys += wide[i] == 64 ? 1 : 19)
            for (int rows = 1; rows <= ATTEND_ROWS; rows = rows * 2 + (rows == 4))
                check(&c, rows <= ATTEND_ROWS ? rows : ATTEND_ROWS, keys);
        check(&c, ATTEND_ROWS, MOST);
        case_free(&c);
    }
}

Test(attend, f32)
{
    check_type(F32);
}

Test(attend, f16)
{
    check_type(F16);
}

Test(attend, bf16)
{
    check_type(BF16);
}

// Scores that lie far apart: all but one share are 0, and none is NaN.
Test(attend, of_far_scores)
{
    for (DType dtype = F32; dtype <= BF16; dtype++) {
        Case c = case_of(64, dtype);
        for (int i = 0; i < ATTEND_ROWS * 64; i++)
            c.q[i] *= 1000;
        free(kept(c.q, ATTEND_ROWS * 64, dtype));
        check(&c, ATTEND_ROWS, MOST - 1);
        case_free(&c);
    }
}
