// The exhibit of stage 6: logits, the likeliest next tokens, the logit lens, perplexity.
#include "show.h"
#include "device.h"
#include "error.h"
#include "evaluate.h"
#include "file.h"
#include "jsonout.h"
#include "measure.h"
#include "memory.h"
#include "terminal.h"
#include "timer.h"
#include "trace.h"
#include "vec.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WANTED = 64 };  // rows whose logits fit at once, for perplexity

void show_options(Args *a, ShowOptions *so)
{
    args_group(a, "Stage 06");
    args_int(a, "top=N", 0, &so->top, 10, 1, INT_MAX, "how many next tokens");
    args_text(a, "perplexity=FILE", 0, &so->perplexity, NULL,
              "measure how well a text is predicted");
    args_int(a, "stride=N", 0, &so->stride, 0, 0, INT_MAX,
             "tokens between windows of --perplexity; 0: half of n_ctx");
    bench_options(a, &so->bench);
}

typedef struct {
    float prob, logit;
    int id;
} Ranked;

static int by_prob(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

// All tokens, likeliest first, to list[V].
static void rank(Ranked *list, const float *logits, int V)
{
    float max = vec_max(logits, V);
    float *probs = memory_alloc((size_t)V, sizeof *probs, "probabilities");
    memcpy(probs, logits, (size_t)V * sizeof *probs);
    if (isnan(max))
        die("a logit is not a number; are the weights damaged?");
    float sum = vec_exp_sum(probs, max, V);
    for (int i = 0; i < V; i++)
        list[i] = (Ranked){ probs[i] / sum, logits[i], i };
    qsort(list, (size_t)V, sizeof *list, by_prob);
    free(probs);
}

static void print_top(const Input *in, const Ranked *list, int top)
{
    char label[INPUT_LABEL];
    printf("\n%sThe next token%s\n\n", ink(BOLD), ink(PLAIN));
    printf("%4s  %-16s %6s %9s %8s\n", "", "token", "id", "logit", "prob");
    for (int i = 0; i < top; i++) {
        input_label(in, list[i].id, label);
        printf("%4d  %-16s %6d %9.3f %7.2f%%  %s%s%s\n", i + 1, label, list[i].id,
               (double)list[i].logit, 100.0 * (double)list[i].prob, ink(GREEN),
               terminal_bar((double)list[i].prob, 30), ink(PLAIN));
    }
}

static void print_json(const Input *in, const Ranked *list, int top, const Bench *b)
{
    json_begin("{", NULL);
    json_ints("ids", in->ids, in->n);
    json_begin("[", "top");
    for (int i = 0; i < top; i++) {
        json_begin("{", NULL);
        json_int("id", list[i].id);
        input_json_token(in, "token", list[i].id);
        json_float("logit", (double)list[i].logit);
        json_float("prob", (double)list[i].prob);
        json_end();
    }
    json_end();
    if (b)
        bench_json(b);
    json_end();
}

typedef struct {
    const Input *in;
    Ranked *list;  // [V]
} Lens;

static void print_lens(void *to, int l, const float *logits)
{
    const Lens *lens = to;
    char label[INPUT_LABEL];
    rank(lens->list, logits, lens->in->config.V);
    if (l == 0)
        printf("  %-10s", "embeddings");
    else
        printf("  block %-4d", l - 1);
    for (int i = 0; i < 4; i++) {
        input_label(lens->in, lens->list[i].id, label);
        printf("  %5.1f%% %-12s", 100.0 * (double)lens->list[i].prob, label);
    }
    printf("\n");
}

static void show_prompt(const Input *in)
{
    char label[INPUT_LABEL];
    printf("%sThe prompt%s: %d tokens\n\n ", ink(BOLD), ink(PLAIN), in->n);
    for (int i = 0; i < in->n; i++) {
        input_label(in, in->ids[i], label);
        printf(" %s%s%s", paper(i), label, ink(PLAIN));
    }
    printf("\n");
}

static void show_lens(const Model *m, State *s, const Input *in, Ranked *list)
{
    printf("\n%sThe logit lens%s: what the head says after each block\n\n", ink(BOLD),
           ink(PLAIN));
    s->W = 0;
    state_want(s, in->n - 1);
    state_upload(s);
    evaluate_lens(m, s, print_lens, &(Lens){ in, list });
}

static void show_next(const Model *m, State *s, const Input *in, const ShowOptions *so)
{
    Bench bench, *b = so->bench.on ? &bench : NULL;
    int V = in->config.V, top = so->top < V ? so->top : V;
    float *logits = memory_alloc((size_t)V, sizeof *logits, "logits");
    Ranked *list = memory_alloc((size_t)V, sizeof *list, "the ranking");
    state_text(s, in->ids, in->n);
    for (int t = in->options->dump ? 0 : in->n - 1; t < in->n; t++)
        state_want(s, t);  // the last row's logits; all rows' for a dump
    state_upload(s);
    if (b)
        measure_pass(b, &so->bench, m, s, in);
    else
        model_forward(m, s);
    device_download(logits, s->logits + (size_t)(s->W - 1) * (size_t)V,
                    (size_t)V * sizeof *logits);
    rank(list, logits, V);
    if (in->options->json) {
        print_json(in, list, top, b);
    } else if (b) {
        bench_print(b);
    } else {
        if (!in->options->quiet)
            show_prompt(in);
        print_top(in, list, top);
        if (!in->options->quiet && !in->options->dry_run)
            show_lens(m, s, in, list);
    }
    if (b)
        bench_free(b);
    free(list);
    free(logits);
}

static void show_perplexity(const Model *m, State *s, const Input *in,
                            const ShowOptions *so)
{
    size_t bytes;
    int n;
    char *text = file_read(so->perplexity, &bytes);
    int *ids = tokenizer_encode(&in->tokenizer, text, bytes, &n);
    int stride = so->stride ? so->stride : (in->config.T + 1) / 2;
    double start = timer_now();
    if (n < 2)
        die("%s: %d tokens are too few to predict one from another", so->perplexity, n);
    if (stride > in->config.T)
        die("--stride: %d is more than the %d tokens that the model sees", stride,
            in->config.T);
    Perplexity p = evaluate_perplexity(m, s, ids, n, stride);
    double seconds = timer_now() - start;
    if (!isfinite(p.perplexity))
        die("%s: the perplexity is not a number; are the weights damaged?",
            so->perplexity);
    if (in->options->json) {
        json_begin("{", NULL);
        json_float("perplexity", p.perplexity);
        json_float("nll", p.nll);
        json_int("tokens", p.tokens);
        json_end();
    } else {
        printf("%s: %d predictions, windows of %d tokens, stride %d\n", so->perplexity,
               p.tokens, in->config.T, stride);
        printf("perplexity %s%.3f%s = e^%.4f nats a token (%.3f bits a byte), "
               "%.0f tokens/s\n",
               ink(BOLD), p.perplexity, ink(PLAIN), p.nll,
               p.nll * p.tokens / 0.693147180559945 / (double)bytes, p.tokens / seconds);
    }
    free(ids);
    free(text);
}

void show(Input *in, const ShowOptions *so)
{
    Model m = { 0 };
    State s;
    if (so->perplexity && !in->has_text)
        die("--perplexity needs vocab.json and merges.txt beside the weights");
    input_crop(in);
    model_load(&m, &in->weights, &in->config, in->dtype);
    state_init(&s, &in->config, so->perplexity ? in->config.T : in->n,
               in->options->dump ? in->n : WANTED);
    if (so->perplexity)
        show_perplexity(&m, &s, in, so);
    else
        show_next(&m, &s, in, so);
    state_free(&s);
    model_free(&m);
}
