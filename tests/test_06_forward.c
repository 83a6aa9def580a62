// Stage 06: the whole model against Hugging Face; the same bits for any rows and threads.
#include "evaluate.h"
#include "ops.h"
#include "reference.h"
#include "room.h"
#include <omp.h>

typedef struct {
    Reference r;
    Model m;
    State s;
} Run;

static void open_run(Run *run, const char *name, DType dtype)
{
    reference_open(&run->r, name);
    run->m = (Model){ 0 };
    model_load(&run->m, &run->r.weights, &run->r.config, dtype);
    room_init(&run->s, &run->r.config, run->r.config.T, run->r.config.T);
}

static void close_run(Run *run)
{
    room_free(&run->s);
    model_free(&run->m);
    reference_close(&run->r);
}

// The first T ids; logits of rows from .. T - 1 to s.logits.
static void forward(Run *run, int T, int from)
{
    state_text(&run->s, run->r.ids, T);
    for (int t = from; t < T; t++)
        state_want(&run->s, t);
    state_upload(&run->s);
    model_forward(&run->m, &run->s);
}

Test(gather, by_hand)
{
    float x[] = { 1, 2, 3, 4, 5, 6 }, want[] = { 5, 6, 1, 2 };
    float *from = to_device(x, sizeof x), *y = device_alloc(sizeof want, "y");
    int *rows = to_device((int[]){ 2, 0 }, 2 * sizeof *rows);
    gather(y, from, rows, 2, 2);
    expect_same_there("by hand", "y", y, want, 4);
    device_free(from), device_free(y), device_free(rows);
}

// The reference has the logits of all rows, or of the last one.
static void check_logits(Run *run, const char *name, double tolerance)
{
    size_t n, V = (size_t)run->r.config.V;
    float *want = reference_tensor(&run->r, "logits", &n);
    int rows = (int)(n / V);
    forward(run, run->r.T, run->r.T - rows);
    expect_close_there(name, "logits", run->s.logits, want, n, tolerance);
    free(want);
}

Test(model, logits_as_hugging_face)
{
    for (int i = 0; reference_models[i]; i++) {
        Run run;
        char last[32];
        size_t n;
        open_run(&run, reference_models[i], F32);
        matmul_set_invariant(false);  // as a program does
        check_logits(&run, reference_models[i], TOLERANCE_LOGITS);
        snprintf(last, sizeof last, "hidden_states.%d", run.r.config.L);
        float *want = reference_tensor(&run.r, last, &n);
        expect_close_there(reference_models[i], last, run.s.x, want, n, TOLERANCE_HIDDEN);
        free(want);
        close_run(&run);
    }
}

Test(model, weights_of_16_bits_are_near)
{
    for (const char *const *name = quick_models(); *name; name++) {
        Run run;
        open_run(&run, *name, F16);
        check_logits(&run, *name, TOLERANCE_F16);
        close_run(&run);
        open_run(&run, *name, BF16);
        check_logits(&run, *name, TOLERANCE_BF16);
        close_run(&run);
    }
}

// Row t of a long pass = the last row of a pass of t + 1 rows, for every dtype and many threads.
static void check_invariance(const char *name, DType dtype)
{
    Run run;
    open_run(&run, name, dtype);
    size_t V = (size_t)run.r.config.V, T = (size_t)run.r.T;
    float *all = malloc(T * V * sizeof *all);
    omp_set_num_threads(1);
    forward(&run, run.r.T, 0);
    device_download(all, run.s.logits, T * V * sizeof *all);
    for (int threads = 1; threads <= threads_to_try(3); threads++) {
        omp_set_num_threads(threads);
        for (int t = 1; t <= run.r.T; t += t < 3 ? 1 : fewer(7, 23)) {
            forward(&run, t, t - 1);
            expect_same_there(name, "the last row", run.s.logits,
                              all + (size_t)(t - 1) * V, V);
        }
    }
    free(all);
    close_run(&run);
}

Test(model, same_bits_for_any_rows_and_threads)
{
    for (const char *const *name = quick_models(); *name; name++)
        for (int dtype = BF16; dtype >= F32; dtype--) {
            quick_kernels();
            if (dtype == F32)
                choose_kernel("matmul", matmul_kernels, matmul_kernels[0]);
            check_invariance(*name, (DType)dtype);
        }
}

Test(evaluate, perplexity_as_hugging_face)
{
    for (const char *const *name = quick_models(); *name; name++) {
        Run run;
        size_t n;
        open_run(&run, *name, F32);
        float *want = reference_tensor(&run.r, "perplexity", &n);
        Perplexity p =
            evaluate_perplexity(&run.m, &run.s, run.r.ids, run.r.T, run.r.config.T / 2);
        cr_expect(p.tokens == run.r.T - 1);
        cr_expect(fabs(p.perplexity / (double)want[0] - 1) < TOLERANCE_PERPLEXITY,
                  "%s: perplexity %.9g, should be %.9g", *name, p.perplexity,
                  (double)want[0]);
        free(want);
        close_run(&run);
    }
}

// Windows: with stride 1 each prediction from token n_ctx on sees n_ctx - 1 tokens before it; with
// the head applied to few rows at a time, nothing changes.
Test(evaluate, windows_with_stride)
{
    Run run;
    enum { N = 80 };
    int ids[N];
    quick_kernels();
    open_run(&run, "chunk33", F32);
    for (int i = 0; i < N; i++)
        ids[i] = (i * 7 + i * i) % run.r.config.V;
    double sum = 0;
    int T = run.r.config.T, V = run.r.config.V;
    for (int next = 1; next < N; next++) {  // by the definition: one pass a prediction
        int begin = next < T ? 0 : next - T + 1;
        state_text(&run.s, ids + begin, next - begin);
        state_want(&run.s, next - begin - 1);
        state_upload(&run.s);
        model_forward(&run.m, &run.s);
        double total = 0;
        float *logits = from_device(run.s.logits, (size_t)V * sizeof *logits);
        for (int i = 0; i < V; i++)
            total += exp((double)logits[i]);
        sum += log(total) - (double)logits[ids[next]];
        free(logits);
    }
    Perplexity p = evaluate_perplexity(&run.m, &run.s, ids, N, 1);
    cr_expect(p.tokens == N - 1);
    cr_expect(fabs(p.nll - sum / (N - 1)) < 1e-5, "nll %.9g, should be %.9g", p.nll,
              sum / (N - 1));
    State few;
    room_init(&few, &run.r.config, T, 3);
    Perplexity again = evaluate_perplexity(&run.m, &few, ids, N, 1);
    cr_expect(again.nll == p.nll);
    room_free(&few);
    close_run(&run);
}

typedef struct {
    int calls, V;
    float *last;
} Seen;

static void see(void *to, int l, const float *logits)
{
    Seen *seen = to;
    cr_expect(l == seen->calls++);
    memcpy(seen->last, logits, (size_t)seen->V * sizeof *logits);
}

// What the lens shows after the last block is what the model says.
Test(evaluate, the_lens_ends_in_the_logits)
{
    Run run;
    open_run(&run, "heads12", F32);
    size_t V = (size_t)run.r.config.V;
    float *want = malloc(V * sizeof *want);
    Seen seen = { 0, run.r.config.V, malloc(V * sizeof(float)) };
    forward(&run, run.r.T, run.r.T - 1);
    device_download(want, run.s.logits, V * sizeof *want);
    evaluate_lens(&run.m, &run.s, see, &seen);
    cr_expect(seen.calls == run.r.config.L + 1);
    expect_same("heads12", "the lens's last", seen.last, want, V);
    free(want), free(seen.last);
    close_run(&run);
}
