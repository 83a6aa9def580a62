// The exhibit of stage 4: one head's scores and what softmax makes of them.
#include "show.h"
#include "attention.h"
#include "device.h"
#include "embeddings.h"
#include "error.h"
#include "jsonout.h"
#include "memory.h"
#include "terminal.h"
#include "trace.h"
#include "vec.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LABELS = 64 };  // rows and columns of a heat map at most

void show_options(Args *a, ShowOptions *so)
{
    args_group(a, "Stage 04");
    args_int(a, "layer=N", 0, &so->layer, 0, 0, INT_MAX, "whose attention, from 0");
    args_int(a, "head=N", 0, &so->head, 0, 0, INT_MAX, "which of its heads, from 0");
}

// What was computed, on the host.
typedef struct {
    int T, C, HS;
    float *qkv;      // [T, 3C]
    float *out;      // [T, C] what attention adds to the residual stream
    float *scores;   // [T, T] of one head; the future is -INFINITY
    float *weights;  // [T, T] their softmax by rows
} Result;

// The rows as the model normalises them before attention: mean 0, variance 1, times
// ln_1's gain, plus its bias.  Chapter 5 builds that; without it the scores would not be
// the model's.
static void normalise(const Input *in, int layer, float *x, int T)
{
    char name[64];
    int C = in->config.C;
    float *gain = memory_alloc(2 * (size_t)C, sizeof *gain, "ln_1"), *bias = gain + C;
    snprintf(name, sizeof name, "h.%d.ln_1.weight", layer);
    tensor_floats(gain, weights_find(&in->weights, name), 0, (size_t)C);
    snprintf(name, sizeof name, "h.%d.ln_1.bias", layer);
    tensor_floats(bias, weights_find(&in->weights, name), 0, (size_t)C);
    for (int t = 0; t < T; t++, x += C) {
        float mean = vec_sum(x, C) / (float)C;
        float scale = 1 / sqrtf(vec_square_sum(x, mean, C) / (float)C + in->config.eps);
        for (int i = 0; i < C; i++)
            x[i] = (x[i] - mean) * scale * gain[i] + bias[i];
    }
    free(gain);
}

// One head's scores and weights, written out once more in plain loops.
static void head_weights(Result *r, int head)
{
    for (int t = 0; t < r->T; t++) {
        float *scores = r->scores + (size_t)t * r->T,
              *weights = r->weights + (size_t)t * r->T;
        const float *q = r->qkv + (size_t)t * 3 * r->C + head * r->HS;
        for (int j = 0; j < r->T; j++) {
            const float *k = r->qkv + (size_t)j * 3 * r->C + r->C + head * r->HS;
            vec_dots(&scores[j], q, k, F32, r->HS, 1, r->HS);
            scores[j] = j <= t ? scores[j] / sqrtf((float)r->HS) : -INFINITY;
            weights[j] = scores[j];
        }
        float sum = vec_exp_sum(weights, vec_max(weights, r->T), r->T);
        for (int j = 0; j < r->T; j++)
            weights[j] /= sum;
    }
}

// The prompt through embeddings and one attention sub-layer.
static void compute(Input *in, const Embeddings *e, const Attention *a, Result *r)
{
    State s;
    size_t bytes = (size_t)r->T * (size_t)r->C * sizeof(float);
    float *x = memory_alloc(bytes, 1, "rows"), *input = device_alloc(bytes, "rows");
    state_init(&s, &in->config, r->T);
    for (int i = 0; i < r->T; i++)
        state_row(&s, in->ids[i], i);
    state_upload(&s);
    embeddings_forward(e, &s);
    device_download(x, s.x, bytes);
    normalise(in, a->layer, x, r->T);
    device_upload(input, x, bytes);
    device_upload(s.x, r->out, bytes);  // zeros: attention_forward adds
    attention_forward(a, &s, input);
    device_download(r->qkv, s.qkv, 3 * bytes);
    device_download(r->out, s.x, bytes);
    trace_dump("attention.in", a->layer, input, r->T, r->C);
    trace_dump("attention.qkv", a->layer, s.qkv, r->T, 3 * r->C);
    trace_dump("attention.out", a->layer, s.x, r->T, r->C);
    device_free(input);
    state_free(&s);
    free(x);
}

static void print_map(const Input *in, const float *values, int T, float low, float high)
{
    static char text[LABELS][INPUT_LABEL];
    const char *labels[LABELS];
    for (int i = 0; i < T; i++) {
        input_label(in, in->ids[i], text[i]);
        labels[i] = text[i];
    }
    terminal_heatmap(values, T, T, labels, low, high);
}

static void print_checks(const Result *r)
{
    double worst = 0, future = 0;
    for (int t = 0; t < r->T; t++) {
        double sum = 0;
        for (int j = 0; j < r->T; j++) {
            sum += (double)r->weights[(size_t)t * r->T + j];
            future += j > t ? (double)r->weights[(size_t)t * r->T + j] : 0;
        }
        worst = fabs(sum - 1) > worst ? fabs(sum - 1) : worst;
    }
    printf("\nrows sum to 1 within %.1e; weight on the future: %g\n", worst, future);
}

static void print_all(const Input *in, const ShowOptions *so, const Result *r)
{
    float low = INFINITY, high = -INFINITY;
    for (int i = 0; i < r->T * r->T; i++) {
        high = r->scores[i] > high ? r->scores[i] : high;
        low = r->scores[i] < low && r->scores[i] > -INFINITY ? r->scores[i] : low;
    }
    printf("%sLayer %d%s: x [%d, %d] -> queries, keys, values [%d, 3 x %d], "
           "%d heads of %d\n",
           ink(BOLD), so->layer, ink(PLAIN), r->T, r->C, r->T, r->C, in->config.NH,
           r->HS);
    if (so->layer > 0)
        printf("(on the embeddings: the blocks before it come with chapters 5 and 6)\n");
    if (r->T > LABELS) {
        printf("(%d tokens are too many for a picture; see --json)\n", r->T);
        return;
    }
    printf("\n%sHead %d: scores q.k / sqrt(%d)%s, from %.2f to %.2f; "
           "the future is masked\n\n",
           ink(BOLD), so->head, r->HS, ink(PLAIN), (double)low, (double)high);
    print_map(in, r->scores, r->T, low, high);
    printf("\n%sHead %d: weights = softmax of each row%s, from 0 to 1\n\n", ink(BOLD),
           so->head, ink(PLAIN));
    print_map(in, r->weights, r->T, 0, 1);
    print_checks(r);
}

static void print_json(const Input *in, const ShowOptions *so, const Result *r)
{
    json_begin("{", NULL);
    json_ints("ids", in->ids, in->n);
    json_int("layer", so->layer);
    json_int("head", so->head);
    json_begin("[", "attention");
    for (int t = 0; t < r->T; t++) {
        json_begin("[", NULL);
        for (int j = 0; j < r->T; j++)
            json_float(NULL, (double)r->weights[(size_t)t * r->T + j]);
        json_end();
    }
    json_end();
    json_end();
}

void show(Input *in, const ShowOptions *so)
{
    const Config *c = &in->config;
    Params p = { .weights = &in->weights, .config = c, .dtype = in->dtype };
    Embeddings e;
    Attention a;
    if (so->layer >= c->L || so->head >= c->NH)
        die("--layer %d --head %d: this model has layers 0 to %d and heads 0 to %d",
            so->layer, so->head, c->L - 1, c->NH - 1);
    input_crop(in);
    params_embeddings(&p, &e);  // counts
    params_attention(&p, &a, so->layer);
    params_allocate(&p, "one layer's weights");
    params_embeddings(&p, &e);
    params_attention(&p, &a, so->layer);
    size_t T = (size_t)in->n, C = (size_t)c->C;
    Result r = { .T = in->n, .C = c->C, .HS = c->C / c->NH };
    MemoryPart parts[] = { { &r.qkv, T * 3 * C, sizeof(float) },
                           { &r.out, T * C, sizeof(float) },
                           { &r.scores, T * T, sizeof(float) },
                           { &r.weights, T * T, sizeof(float) },
                           { NULL, 0, 0 } };
    void *block = memory_block(parts, "results");
    compute(in, &e, &a, &r);
    head_weights(&r, so->head);
    if (in->options->json)
        print_json(in, so, &r);
    else
        print_all(in, so, &r);
    free(block);
    device_free(p.block);
}
