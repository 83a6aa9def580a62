// Stage 06: each kernel of attention against the definition in double precision, with more keys than
// fit into a tile; gather.
#include "attention.h"
#include "kernels.h"
#include "ops.h"
#include "options.h"
#include "room.h"

Test(kernels, gather)
{
    enum { C = 300, N = 3 };
    float *x = some_numbers(4 * C, 1, 1), want[N * C];
    int rows[N] = { 3, 0, 3 };
    for (int i = 0; i < N; i++)
        memcpy(want + i * C, x + rows[i] * C, C * sizeof *x);
    float *from = to_device(x, 4 * C * sizeof *x), *y = to_device(x, sizeof want);
    int *device_rows = to_device(rows, sizeof rows);
    gather(y, from, device_rows, N, C);
    expect_close_there("kernel", "gather", y, want, N * C, 0);
    device_free(from), device_free(y), device_free(device_rows), free(x);
}

typedef struct {
    int T, NH, HS;
    float *in, *qkv, *proj, *qkv_bias, *proj_bias;  // [T, C], [C, 3C], [C, C], [3C], [C]
    float *want;                                    // [T, C]
} Layer;

// y[T, out] = x w + bias
static float *product(const float *x, const float *w, const float *bias, int T, int in,
                      int out)
{
    float *y = malloc((size_t)T * (size_t)out * sizeof *y);
    for (int i = 0; i < T * out; i++) {
        double sum = (double)bias[i % out];
        for (int k = 0; k < in; k++)
            sum += (double)x[i / out * in + k] * (double)w[k * out + i % out];
        y[i] = (float)sum;
    }
    return y;
}

// One head of row t: mix[HS] from qkv [T, 3C].
static void define_head(const Layer *l, const float *qkv, int t, int h, float *mix)
{
    int C = l->NH * l->HS;
    double p[1024], sum = 0;
    for (int j = 0; j <= t; j++) {
        double score = 0;
        for (int i = h * l->HS; i < (h + 1) * l->HS; i++)
            score += (double)qkv[t * 3 * C + i] * (double)qkv[j * 3 * C + C + i];
        sum += p[j] = exp(score / sqrt(l->HS));
    }
    for (int i = 0; i < l->HS; i++) {
        double out = 0;
        for (int j = 0; j <= t; j++)
            out += p[j] / sum * (double)qkv[j * 3 * C + 2 * C + h * l->HS + i];
        mix[i] = (float)out;
    }
}

static void layer_define(Layer *l)
{
    int C = l->NH * l->HS;
    size_t n = (size_t)l->T * (size_t)C, square = (size_t)C * (size_t)C;
    l->in = some_numbers(n, 1, 1);
    l->qkv = some_numbers(3 * square, 0.5f, 2);
    l->proj = some_numbers(square, 0.5f, 3);
    l->qkv_bias = some_numbers(3 * (size_t)C, 1, 4);
    l->proj_bias = some_numbers((size_t)C, 1, 5);
    float *qkv = product(l->in, l->qkv, l->qkv_bias, l->T, C, 3 * C);
    float *mix = malloc(n * sizeof *mix);
    for (int t = 0; t < l->T; t++)
        for (int h = 0; h < l->NH; h++)
            define_head(l, qkv, t, h, mix + t * C + h * l->HS);
    l->want = product(mix, l->proj, l->proj_bias, l->T, C, C);
    free(qkv), free(mix);
}

// All rows in one pass, by every kernel.
static void check_attention(int T, int NH, int HS)
{
    int C = NH * HS, *ids = calloc((size_t)T, sizeof *ids);
    size_t bytes = (size_t)T * (size_t)C * sizeof(float), row = (size_t)C * sizeof(float);
    Config c = { .V = 1, .T = T, .C = C, .L = 1, .NH = NH, .n_inner = 8 };
    Layer l = { .T = T, .NH = NH, .HS = HS };
    State s;
    layer_define(&l);
    room_init(&s, &c, T, 1);
    state_text(&s, ids, T);
    state_upload(&s);
    Attention a = { 0, packed(l.qkv, F32, C, 3 * C, MATRIX_IN_OUT),
                    packed(l.proj, F32, C, C, MATRIX_IN_OUT),
                    to_device(l.qkv_bias, 3 * row), to_device(l.proj_bias, row) };
    float *in = to_device(l.in, bytes), *none = calloc(1, bytes);
    for (int i = 0; attention_kernels[i]; i++) {
        KernelTable tables[] = { { "attention", attention_kernels }, { NULL, NULL } };
        char name[32];
        snprintf(name, sizeof name, "attention=%s", attention_kernels[i]);
        kernels_start(&(Options){ .kernel = { { name }, 1 } }, tables);
        device_upload(s.x, none, bytes);
        attention_forward(&a, &s, in);
        expect_close_there("kernel", name, s.x, l.want, (size_t)T * (size_t)C,
                           TOLERANCE_MATMUL);
    }
    device_free(a.qkv.panels), device_free(a.proj.panels), device_free(in);
    device_free(a.qkv_bias), device_free(a.proj_bias), room_free(&s);
    free(ids), free(none), free(l.in), free(l.qkv), free(l.proj), free(l.want);
    free(l.qkv_bias), free(l.proj_bias);
}

Test(kernels, attention_of_four_chunks)
{
    check_attention(100, 2, 70);
}

// From stage 08 on a warp has 256 keys.
Test(kernels, attention_of_three_parts)
{
    check_attention(600, 1, 8);
}
