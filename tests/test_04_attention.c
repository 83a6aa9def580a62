// Stage 04: matmul's definition, softmax, attention.
#include "attention.h"
#include "definition.h"
#include "ops.h"
#include "reference.h"
#include <omp.h>

static void softmax_there(float *x, int n)
{
    float *there = to_device(x, (size_t)n * sizeof *x);
    softmax(there, n);
    device_download(x, there, (size_t)n * sizeof *x);
    device_free(there);
}

Test(softmax, by_hand)
{
    float x[] = { 0, logf(2), logf(5) }, want[] = { 0.125f, 0.25f, 0.625f };
    softmax_there(x, 3);
    expect_close("by hand", "softmax", x, want, 3, 1e-6);
    float far[] = { 1000, 0, -INFINITY };  // e^1000 would overflow
    softmax_there(far, 3);
    cr_expect(far[0] == 1 && far[1] == 0 && far[2] == 0);
}

// The naive product, on the device.
static void multiply(float *y, const float *x, const float *w, const float *bias, int T,
                     int in, int out)
{
    float *X = to_device(x, (size_t)(T * in) * sizeof *x);
    float *W = to_device(w, (size_t)(in * out) * sizeof *w);
    float *B = to_device(bias, (size_t)out * sizeof *bias);
    float *Y = device_alloc((size_t)(T * out) * sizeof *Y, "y");
    matmul_naive(Y, X, W, B, T, in, out);
    device_download(y, Y, (size_t)(T * out) * sizeof *y);
    device_free(X), device_free(W), device_free(B), device_free(Y);
}

Test(matmul_naive, by_hand)
{
    float x[] = { 1, 2, 3, 4 }, w[] = { 1, 0, 2, 0, 1, 3 }, bias[] = { 10, 20, 30 }, y[6];
    float want[] = {
        11, 22, 38, 13, 24, 48
    };  // [[1, 2], [3, 4]] x [[1, 0, 2], [0, 1, 3]] + bias
    multiply(y, x, w, bias, 2, 2, 3);
    expect_same("by hand", "y", y, want, 6);
}

Test(matmul, agrees_with_the_naive_one)
{
    enum { T = 11, IN = 70, OUT = 145 };
    static float x[T * IN], w[IN * OUT], bias[OUT], want[T * OUT];
    fill(x, T * IN, 1);
    fill(w, IN * OUT, 2);
    fill(bias, OUT, 3);
    Matrix m = packed(w, F32, IN, OUT, MATRIX_IN_OUT);
    multiply(want, x, w, bias, T, IN, OUT);
    float *X = to_device(x, sizeof x), *B = to_device(bias, sizeof bias);
    float *got = device_alloc(sizeof want, "y");
    matmul(got, X, &m, B, T);
    expect_close_there("matmul", "y", got, want, T * OUT, TOLERANCE_MATMUL);
    device_free(m.panels), device_free(X), device_free(B), device_free(got);
}

// One head of 2 dims, huge queries: softmax picks one row, so the result is that row's value.  C is
// 2: weights that pass x on as query, key (times `sign`) and value.  The rows get longer, so each
// finds itself best; with sign -1 the first, by scores that are all far below 0.
static void pick_rows(const char *kernel, float sign)
{
    enum { T = 100, C = 2 };
    Config c = { .V = 1, .T = T, .C = C, .L = 1, .NH = 1, .n_inner = 8 };
    State s;
    choose_kernel("attention", attention_kernels, kernel);
    state_init(&s, &c, T);
    float qkv[C * 3 * C] = { 0 }, proj[C * C] = { 1, 0, 0, 1 };
    qkv[0 * 6 + 0] = 1000;  // query = 1000 (x0, x1)
    qkv[1 * 6 + 1] = 1000;
    qkv[0 * 6 + 2] = sign;  // key = (x0, x1)
    qkv[1 * 6 + 3] = sign;
    qkv[0 * 6 + 4] = 7;  // value = (7 x0, 7 x1)
    qkv[1 * 6 + 5] = 7;
    Attention a = { 0, packed(qkv, F32, C, 3 * C, MATRIX_IN_OUT),
                    packed(proj, F32, C, C, MATRIX_IN_OUT), NULL, NULL };
    float in[T * C];
    for (int t = 0; t < T; t++) {
        in[t * C] = 1 + 0.05f * (float)t;
        in[t * C + 1] = 0.5f * in[t * C];
        state_row(&s, 0, t);
    }
    float *there = to_device(in, sizeof in);
    attention_forward(&a, &s, there);
    float *x = from_device(s.x, sizeof in);
    for (int i = 0; i < T * C; i++) {
        float want = 7 * in[sign > 0 ? i : i % C];
        cr_expect(fabsf(x[i] - want) < 1e-4f, "%s: x[%d] is %g, should be %g", kernel, i,
                  (double)x[i], (double)want);
    }
    free(x);
    device_free(there), device_free(a.qkv.panels), device_free(a.proj.panels);
    state_free(&s);
}

Test(attention, picks_a_row)
{
    for (int i = 0; attention_kernels[i]; i++)
        pick_rows(attention_kernels[i], 1);
}

Test(attention, scores_far_below_zero)
{
    for (int i = 0; attention_kernels[i]; i++)
        pick_rows(attention_kernels[i], -1);
}

// Two heads of 40, more than a warp has lanes, over four chunks of keys: the projection passes the mix
// on as it is.
Test(attention, by_the_definition)
{
    enum { T = 100, NH = 2, HS = 40, C = NH * HS };
    static float in[T * C], weights[C * 3 * C], proj[C * C], want[T * C];
    Config c = { .V = 1, .T = T, .C = C, .L = 1, .NH = NH, .n_inner = 8 };
    State s;
    fill(in, T * C, 1);
    fill(weights, C * 3 * C, 2);
    for (int i = 0; i < C; i++)
        proj[i * C + i] = 1;
    Attention a = { 0, packed(weights, F32, C, 3 * C, MATRIX_IN_OUT),
                    packed(proj, F32, C, C, MATRIX_IN_OUT), NULL, NULL };
    float *there = to_device(in, sizeof in);
    for (int k = 0; attention_kernels[k]; k++) {
        choose_kernel("attention", attention_kernels, attention_kernels[k]);
        state_init(&s, &c, T);
        for (int t = 0; t < T; t++)
            state_row(&s, 0, t);
        attention_forward(&a, &s, there);
        float *qkv = from_device(s.qkv, T * 3 * C * sizeof *qkv);
        for (int i = 0; i < T * NH; i++) {
            const float *head = qkv + i % NH * HS;
            attend_by_definition(want + i * HS, head + i / NH * 3 * C, head + C,
                                 head + 2 * C, 3 * C, i / NH + 1, HS);
        }
        expect_close_there("by the definition", attention_kernels[k], s.x, want, T * C,
                           TOLERANCE_SUBLAYER);
        free(qkv);
        state_free(&s);
    }
    device_free(there), device_free(a.qkv.panels), device_free(a.proj.panels);
}

// One layer of a reference model.
typedef struct {
    Reference r;
    Params p;
    Attention a;
    float *in, *want;  // [T, C]; in: device
    size_t n;
} Layer;

static void open_layer(Layer *l, const char *name)
{
    reference_open(&l->r, name);
    l->p = (Params){ .weights = &l->r.weights, .config = &l->r.config, .dtype = F32 };
    params_attention(&l->p, &l->a, 0);
    params_allocate(&l->p, "attention");
    params_attention(&l->p, &l->a, 0);
    float *in = reference_tensor(&l->r, "first_attention.in", &l->n);
    l->in = to_device(in, l->n * sizeof *in);
    free(in);
    l->want = reference_tensor(&l->r, "first_attention.out", &l->n);
}

static void close_layer(Layer *l)
{
    device_free(l->in);
    free(l->want);
    device_free(l->p.block);
    reference_close(&l->r);
}

// out[T, C] = what attention adds for the first T rows.
static void run_layer(const Layer *l, int T, float *out, int threads)
{
    State s;
    (void)threads;  // without OpenMP
    state_init(&s, &l->r.config, T);
    for (int t = 0; t < T; t++)
        state_row(&s, 0, t);
    #pragma omp parallel num_threads(threads)
    attention_forward(&l->a, &s, l->in);
    device_download(out, s.x, (size_t)T * (size_t)l->r.config.C * sizeof *out);
    state_free(&s);
}

static void check_layer(const char *name, const char *kernel)
{
    Layer l;
    open_layer(&l, name);
    choose_kernel("attention", attention_kernels, kernel);
    int T = l.r.T, C = l.r.config.C;
    float *all = malloc(l.n * sizeof *all), *part = malloc(l.n * sizeof *part);
    run_layer(&l, T, all, 1);
    expect_close(name, kernel, all, l.want, l.n, TOLERANCE_SUBLAYER);
    for (int t = 1; t < T; t += fewer(1, 9)) {  // causal: fewer rows, the same rows
        run_layer(&l, t, part, 1);
        expect_same(name, "the first rows", part, all, (size_t)t * (size_t)C);
    }
    for (int threads = 2; threads <= threads_to_try(3); threads++) {
        run_layer(&l, T, part, threads);
        expect_same(name, "more threads", part, all, l.n);
    }
    free(all);
    free(part);
    close_layer(&l);
}

Test(attention, as_hugging_face)
{
    for (const char *const *name = quick_models(); *name; name++)
        for (int i = 0; attention_kernels[i]; i++)
            check_layer(*name, attention_kernels[i]);
}
