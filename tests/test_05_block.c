// Stage 05: LayerNorm, GELU, the block.
#include "block.h"
#include "embeddings.h"
#include "ops.h"
#include "reference.h"
#include <omp.h>

// y[T, C] = x, normalised on the device; y may be x.
static void normalise(float *y, const float *x, const float *gain, const float *bias,
                      float eps, int T, int C)
{
    size_t bytes = (size_t)(T * C) * sizeof *x;
    float *there = to_device(x, bytes), *G = to_device(gain, (size_t)C * sizeof *gain);
    float *B = to_device(bias, (size_t)C * sizeof *bias);
    Norm n = { G, B, eps };
    layernorm(there, there, &n, T, C);
    device_download(y, there, bytes);
    device_free(there), device_free(G), device_free(B);
}

Test(layernorm, by_hand)
{
    float x[] = { 1, 2, 3, 4, 5, 5, 5, 5 }, gain[] = { 1, 1, 1, 2 },
          bias[] = { 0, 0, 0, 1 };
    float y[8],
        r = 1 / sqrtf(1.25f);  // mean 2.5, variance (2.25 + 0.25 + 0.25 + 2.25) / 4
    float want[] = { -1.5f * r, -0.5f * r, 0.5f * r, 1.5f * r * 2 + 1 };
    normalise(y, x, gain, bias, 0, 1, 4);
    expect_close("by hand", "y", y, want, 4, 1e-6);
    normalise(x, x, gain, bias, 1e-5f, 2, 4);  // equal numbers: no variance to divide by
    expect_close("two rows", "y", x, want, 4, 1e-4);
    cr_expect(x[4] == 0 && x[7] == 1);
}

// Rows that are longer than a block has threads, and no multiple of them.
Test(layernorm, by_the_definition)
{
    enum { T = 3, C = 1037 };
    static float x[T * C], gain[C], bias[C], want[T * C];
    fill(x, T * C, 1);
    fill(gain, C, 2);
    fill(bias, C, 3);
    for (int t = 0; t < T; t++) {
        double mean = 0, squares = 0;
        for (int i = 0; i < C; i++)
            mean += (double)x[t * C + i] / C;
        for (int i = 0; i < C; i++)
            squares += pow((double)x[t * C + i] - mean, 2) / C;
        for (int i = 0; i < C; i++)
            want[t * C + i] = (float)(((double)x[t * C + i] - mean) /
                                          sqrt(squares + 1e-5) * (double)gain[i] +
                                      (double)bias[i]);
    }
    normalise(x, x, gain, bias, 1e-5f, T, C);
    expect_close("by the definition", "y", x, want, T * C, TOLERANCE_SUBLAYER);
}

static void gelu_there(float *x, int n)
{
    float *there = to_device(x, (size_t)n * sizeof *x);
    gelu(there, 1, n);
    device_download(x, there, (size_t)n * sizeof *x);
    device_free(there);
}

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), in double precision; the tail of a row like
// its body.
Test(gelu, by_the_formula)
{
    enum { N = 1003 };
    float x[N], want[N], one[N];
    for (int i = 0; i < N; i++) {
        double v = (i - 500) / 40.0;
        one[i] = x[i] = (float)v;
        v = (double)x[i];
        want[i] = (float)(0.5 * v *
                          (1 + tanh(sqrt(2 / 3.14159265358979323846) *
                                    (v + 0.044715 * v * v * v))));
    }
    gelu_there(x, N);
    for (int i = 0; i < N; i++) {
        cr_expect(fabsf(x[i] - want[i]) < 2e-6f, "gelu(%g) is %.9g, should be %.9g",
                  (i - 500) / 40.0, (double)x[i], (double)want[i]);
        gelu_there(&one[i], 1);
    }
    expect_same("gelu", "one at a time", one, x, N);
    float nan = NAN;
    gelu_there(&nan, 1);
    cr_expect(isnan(nan));
}

typedef struct {
    Reference r;
    Params p;
    Embeddings e;
    Block *blocks;  // [L]
} Stack;

static void load(Stack *st)
{
    params_embeddings(&st->p, &st->e);
    for (int l = 0; l < st->r.config.L; l++)
        params_block(&st->p, &st->blocks[l], l);
}

static void open_stack(Stack *st, const char *name)
{
    reference_open(&st->r, name);
    st->p = (Params){ .weights = &st->r.weights, .config = &st->r.config, .dtype = F32 };
    st->blocks = calloc((size_t)st->r.config.L, sizeof *st->blocks);
    load(st);
    params_allocate(&st->p, "blocks");
    load(st);
}

static void close_stack(Stack *st)
{
    device_free(st->p.block);
    free(st->blocks);
    reference_close(&st->r);
}

// The first T rows through all blocks; x[T, C].
static void run(const Stack *st, int T, int threads, float *x)
{
    State s;
    (void)threads;  // without OpenMP
    state_init(&s, &st->r.config, T);
    for (int t = 0; t < T; t++)
        state_row(&s, st->r.ids[t], t);
    state_upload(&s);
    #pragma omp parallel num_threads(threads)
    {
        embeddings_forward(&st->e, &s);
        for (int l = 0; l < st->r.config.L; l++)
            block_forward(&st->blocks[l], &s);
    }
    device_download(x, s.x, (size_t)T * (size_t)st->r.config.C * sizeof *x);
    state_free(&s);
}

// The reference's tensor in device memory.
static float *tensor_there(const Stack *st, const char *name)
{
    size_t n;
    float *here = reference_tensor(&st->r, name, &n);
    float *there = to_device(here, n * sizeof *here);
    free(here);
    return there;
}

static void check_parts(const Stack *st, const char *name)
{
    const Block *b = &st->blocks[0];
    int T = st->r.T, C = st->r.config.C, n_inner = st->r.config.n_inner;
    size_t n;
    float *x = tensor_there(st, "hidden_states.0");
    float *want = reference_tensor(&st->r, "first_attention.in", &n);
    layernorm(x, x, &b->ln1, T, C);
    expect_close_there(name, "ln_1", x, want, n, TOLERANCE_SUBLAYER);
    device_free(x), free(want);
    float *hidden =
        device_alloc((size_t)T * (size_t)n_inner * sizeof *hidden, "hidden layer");
    x = tensor_there(st, "first_block.mlp_in");
    want = reference_tensor(&st->r, "first_block.mlp_out", &n);
    matmul(hidden, x, &b->fc, b->fc_bias, T);
    gelu(hidden, T, n_inner);
    matmul(x, hidden, &b->proj, b->proj_bias, T);
    expect_close_there(name, "mlp", x, want, n, TOLERANCE_SUBLAYER);
    device_free(x), device_free(hidden), free(want);
}

static void check_model(const char *name)
{
    Stack st;
    char last[32];
    size_t n;
    open_stack(&st, name);
    check_parts(&st, name);
    snprintf(last, sizeof last, "hidden_states.%d", st.r.config.L);
    float *want = reference_tensor(&st.r, last, &n);
    float *all = malloc(n * sizeof *all), *part = malloc(n * sizeof *part);
    run(&st, st.r.T, 1, all);
    expect_close(name, last, all, want, n, TOLERANCE_HIDDEN);
    run(&st, st.r.T, threads_to_try(2), part);
    expect_same(name, "two threads", part, all, n);
    for (int t = 1; t < st.r.T; t += 5) {
        run(&st, t, 1, part);
        expect_same(name, "the first rows", part, all, (size_t)t * (size_t)st.r.config.C);
    }
    free(want), free(all), free(part);
    close_stack(&st);
}

Test(block, as_hugging_face)
{
    for (const char *const *name = quick_models(); *name; name++)
        check_model(*name);
}
