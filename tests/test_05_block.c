// Stage 05: LayerNorm, GELU, the block.
#include "block.h"
#include "device.h"
#include "embeddings.h"
#include "ops.h"
#include "reference.h"
#include <omp.h>

Test(layernorm, by_hand)
{
    float x[] = { 1, 2, 3, 4, 5, 5, 5, 5 }, gain[] = { 1, 1, 1, 2 },
          bias[] = { 0, 0, 0, 1 };
    Norm n = { gain, bias, 0 };
    float y[8],
        r = 1 / sqrtf(1.25f);  // mean 2.5, variance (2.25 + 0.25 + 0.25 + 2.25) / 4
    float want[] = { -1.5f * r, -0.5f * r, 0.5f * r, 1.5f * r * 2 + 1 };
    layernorm(y, x, &n, 1, 4);
    expect_close("by hand", "y", y, want, 4, 1e-6);
    n.eps = 1e-5f;  // a row of equal numbers has no variance to divide by
    layernorm(x, x, &n, 2, 4);
    expect_close("in place", "y", x, want, 4, 1e-4);
    cr_expect(x[4] == 0 && x[7] == 1);
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
    gelu(x, 1, N);
    for (int i = 0; i < N; i++) {
        cr_expect(fabsf(x[i] - want[i]) < 2e-6f, "gelu(%g) is %.9g, should be %.9g",
                  (i - 500) / 40.0, (double)x[i], (double)want[i]);
        gelu(&one[i], 1, 1);
    }
    expect_same("gelu", "one at a time", one, x, N);
    float nan = NAN;
    gelu(&nan, 1, 1);
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
    memcpy(x, s.x, (size_t)T * (size_t)st->r.config.C * sizeof *x);
    state_free(&s);
}

static void check_parts(const Stack *st, const char *name)
{
    const Block *b = &st->blocks[0];
    int T = st->r.T, C = st->r.config.C, n_inner = st->r.config.n_inner;
    size_t n;
    float *x = reference_tensor(&st->r, "hidden_states.0", &n);
    float *want = reference_tensor(&st->r, "first_attention.in", &n);
    float *hidden = malloc((size_t)T * (size_t)n_inner * sizeof *hidden);
    layernorm(x, x, &b->ln1, T, C);
    expect_close(name, "ln_1", x, want, n, TOLERANCE_SUBLAYER);
    free(x), free(want);
    x = reference_tensor(&st->r, "first_block.mlp_in", &n);
    want = reference_tensor(&st->r, "first_block.mlp_out", &n);
    matmul(hidden, x, &b->fc, b->fc_bias, T);
    gelu(hidden, T, n_inner);
    matmul(x, hidden, &b->proj, b->proj_bias, T);
    expect_close(name, "mlp", x, want, n, TOLERANCE_SUBLAYER);
    free(x), free(want), free(hidden);
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
    run(&st, st.r.T, 2, part);
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
    for (int i = 0; reference_models[i]; i++)
        check_model(reference_models[i]);
}
