// Stage 04: matmul's definition, softmax, attention.
#include "attention.h"
#include "device.h"
#include "ops.h"
#include "options.h"
#include "reference.h"
#include <omp.h>

Test(softmax, by_hand)
{
    float x[] = { 0, logf(2), logf(5) }, want[] = { 0.125f, 0.25f, 0.625f };
    softmax(x, 3);
    expect_close("by hand", "softmax", x, want, 3, 1e-6);
    float far[] = { 1000, 0, -INFINITY };  // e^1000 would overflow
    softmax(far, 3);
    cr_expect(far[0] == 1 && far[1] == 0 && far[2] == 0);
}

Test(matmul_naive, by_hand)
{
    float x[] = { 1, 2, 3, 4 }, w[] = { 1, 0, 2, 0, 1, 3 }, bias[] = { 10, 20, 30 }, y[6];
    float want[] = {
        11, 22, 38, 13, 24, 48
    };  // [[1, 2], [3, 4]] x [[1, 0, 2], [0, 1, 3]] + bias
    matmul_naive(y, x, w, bias, 2, 2, 3);
    expect_same("by hand", "y", y, want, 6);
}

Test(matmul, agrees_with_the_naive_one)
{
    enum { T = 11, IN = 70, OUT = 45 };
    static float x[T * IN], w[IN * OUT], bias[OUT], want[T * OUT], got[T * OUT];
    fill(x, T * IN, 1);
    fill(w, IN * OUT, 2);
    fill(bias, OUT, 3);
    Matrix m = { "m", F32, IN, OUT, device_alloc(matrix_bytes(F32, IN, OUT), "m") };
    matrix_pack(&m, w, F32, MATRIX_IN_OUT);
    matmul_naive(want, x, w, bias, T, IN, OUT);
    matmul(got, x, &m, bias, T);
    expect_close("matmul", "y", got, want, T * OUT, TOLERANCE_MATMUL);
    device_free(m.panels);
}

static void choose(const char *kernel)
{
    KernelTable tables[] = { { "attention", attention_kernels }, { NULL, NULL } };
    Options o = { .kernel = { { kernel }, 1 } };
    kernels_start(&o, tables);
}

// One head of 2 dims, huge queries: softmax picks one row, so the result is that row's value.  C is
// 2: weights that pass x on as query, key (times `sign`) and value.  The rows get longer, so each
// finds itself best; with sign -1 the first, by scores that are all far below 0.
static void pick_rows(const char *kernel, float sign)
{
    enum { T = 40, C = 2 };
    Config c = { .V = 1, .T = T, .C = C, .L = 1, .NH = 1, .n_inner = 8 };
    State s;
    choose(kernel);
    state_init(&s, &c, T);
    static float qkv_panels[C * 16 * 2], proj_panels[C * 16];
    float qkv[C * 3 * C] = { 0 }, proj[C * C] = { 1, 0, 0, 1 };
    Attention a = { 0,
                    { "qkv", F32, C, 3 * C, qkv_panels },
                    { "proj", F32, C, C, proj_panels },
                    NULL,
                    NULL };
    qkv[0 * 6 + 0] = 1000;  // query = 1000 (x0, x1)
    qkv[1 * 6 + 1] = 1000;
    qkv[0 * 6 + 2] = sign;  // key = (x0, x1)
    qkv[1 * 6 + 3] = sign;
    qkv[0 * 6 + 4] = 7;  // value = (7 x0, 7 x1)
    qkv[1 * 6 + 5] = 7;
    matrix_pack(&a.qkv, qkv, F32, MATRIX_IN_OUT);
    matrix_pack(&a.proj, proj, F32, MATRIX_IN_OUT);
    float in[T * C];
    for (int t = 0; t < T; t++) {
        in[t * C] = 1 + 0.1f * (float)t;
        in[t * C + 1] = 0.5f * in[t * C];
        state_row(&s, 0, t);
    }
    attention_forward(&a, &s, in);
    for (int i = 0; i < T * C; i++) {
        float want = 7 * in[sign > 0 ? i : i % C];
        cr_expect(fabsf(s.x[i] - want) < 1e-4f, "%s: x[%d] is %g, should be %g", kernel,
                  i, (double)s.x[i], (double)want);
    }
    state_free(&s);
}

Test(attention, picks_a_row)
{
    pick_rows("attention=fused", 1);
    pick_rows("attention=naive", 1);
}

Test(attention, scores_far_below_zero)
{
    pick_rows("attention=fused", -1);
    pick_rows("attention=naive", -1);
}

// One layer of a reference model.
typedef struct {
    Reference r;
    Params p;
    Attention a;
    float *in, *want;  // [T, C]
    size_t n;
} Layer;

static void open_layer(Layer *l, const char *name)
{
    reference_open(&l->r, name);
    l->p = (Params){ .weights = &l->r.weights, .config = &l->r.config, .dtype = F32 };
    params_attention(&l->p, &l->a, 0);
    params_allocate(&l->p, "attention");
    params_attention(&l->p, &l->a, 0);
    l->in = reference_tensor(&l->r, "first_attention.in", &l->n);
    l->want = reference_tensor(&l->r, "first_attention.out", &l->n);
}

static void close_layer(Layer *l)
{
    free(l->in);
    free(l->want);
    device_free(l->p.block);
    reference_close(&l->r);
}

// out[T, C] = what attention adds for the first T rows.
static void run_layer(const Layer *l, int T, float *out, int threads)
{
    State s;
    state_init(&s, &l->r.config, T);
    for (int t = 0; t < T; t++)
        state_row(&s, 0, t);
    #pragma omp parallel num_threads(threads)
    attention_forward(&l->a, &s, l->in);
    memcpy(out, s.x, (size_t)T * (size_t)l->r.config.C * sizeof *out);
    state_free(&s);
}

static void check_layer(const char *name, const char *kernel)
{
    Layer l;
    open_layer(&l, name);
    choose(kernel);
    int T = l.r.T, C = l.r.config.C;
    float *all = malloc(l.n * sizeof *all), *part = malloc(l.n * sizeof *part);
    run_layer(&l, T, all, 1);
    expect_close(name, kernel, all, l.want, l.n, TOLERANCE_SUBLAYER);
    for (int t = 1; t < T; t++) {  // causal: fewer rows, the same rows
        run_layer(&l, t, part, 1);
        expect_same(name, "the first rows", part, all, (size_t)t * (size_t)C);
    }
    for (int threads = 2; threads <= 3; threads++) {
        run_layer(&l, T, part, threads);
        expect_same(name, "more threads", part, all, l.n);
    }
    free(all);
    free(part);
    close_layer(&l);
}

Test(attention, as_hugging_face)
{
    for (int i = 0; reference_models[i]; i++) {
        check_layer(reference_models[i], "attention=fused");
        check_layer(reference_models[i], "attention=naive");
    }
}
