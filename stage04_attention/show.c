// The exhibit of stage 4: one head's scores and what softmax makes of them.
#include "show.h"
#include "attention.h"
#include "device.h"
#include "embeddings.h"
#include "error.h"
#include "jsonout.h"
#include "memory.h"
#include "output.h"
#include "terminal.h"
#include "trace.h"
#include "vec.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Tokens in a picture at most; pixels of --svg.
enum { LABELS = 64, CELL = 16, LETTER = 7, HEADER = 80 };

void show_options(Args *a, ShowOptions *so)
{
    args_group(a, "Stage 04");
    args_int(a, "layer=N", 0, &so->layer, 0, 0, INT_MAX, "whose attention, from 0");
    args_int(a, "head=N", 0, &so->head, 0, 0, INT_MAX, "which of its heads, from 0");
    args_text(a, "svg=FILE", 0, &so->svg, NULL, "draw all heads of the layer");
}

// What was computed, on the host.
typedef struct {
    int T, C, HS;
    float *qkv;         // [T, 3C]
    float *out;         // [T, C] what attention adds to the residual stream
    float *scores;      // [T, T] of one head; the future is -INFINITY
    float *weights;     // [T, T] their softmax by rows
    double difference;  // between kernels; -1: not known
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

// What attention adds to rows of zeros.
static void attend(const Attention *a, State *s, const float *input, const Result *r,
                   float *out)
{
    size_t bytes = (size_t)r->T * (size_t)r->C * sizeof *out;
    memset(out, 0, bytes);
    device_upload(s->x, out, bytes);
    attention_forward(a, s, input);
    device_download(out, s->x, bytes);
}

// The largest difference between what any kernel computes and r->out.
static double compare_kernels(const Input *in, const Attention *a, State *s,
                              const float *input, const Result *r)
{
    static const KernelTable kernels[] = { { "attention", attention_kernels }, { 0 } };
    size_t n = (size_t)r->T * (size_t)r->C;
    float *out = memory_alloc(n, sizeof *out, "rows"), difference = 0;
    for (int k = 0; attention_kernels[k]; k++) {
        char name[64];
        Options o = { .kernel = { { name }, 1 } };
        snprintf(name, sizeof name, "attention=%s", attention_kernels[k]);
        kernels_start(&o, kernels);
        attend(a, s, input, r, out);
        for (size_t i = 0; i < n; i++) {
            float d = fabsf(out[i] - r->out[i]);
            difference = d > difference || isnan(d) ? d : difference;
        }
    }
    kernels_start(in->options, kernels);
    free(out);
    return (double)difference;
}

// The prompt through embeddings and one attention sub-layer.
static void compute(Input *in, const Embeddings *e, const Attention *a, Result *r)
{
    State s;
    size_t bytes = (size_t)r->T * (size_t)r->C * sizeof(float);
    float *x = memory_alloc(bytes, 1, "rows"), *input = device_alloc(bytes, "rows");
    state_init(&s, &in->config, r->T);
    for (int i = 0; i < in->n; i++)
        state_row(&s, in->ids[i], i);
    state_upload(&s);
    embeddings_forward(e, &s);
    device_download(x, s.x, bytes);
    normalise(in, a->layer, x, r->T);
    device_upload(input, x, bytes);
    attend(a, &s, input, r, r->out);
    device_download(r->qkv, s.qkv, 3 * bytes);
    trace_dump("attention.in", a->layer, input, r->T, r->C);
    trace_dump("attention.qkv", a->layer, s.qkv, r->T, 3 * r->C);
    trace_dump("attention.out", a->layer, s.x, r->T, r->C);
    if (!in->options->json && !in->options->dry_run && !in->options->profile)
        r->difference = compare_kernels(in, a, &s, input, r);
    device_free(input);
    state_free(&s);
    free(x);
}

static void print_map(const Input *in, const float *values, int T, float low, float high)
{
    static char text[LABELS][INPUT_LABEL];
    static float shown[LABELS * LABELS];  // the future is blank
    const char *labels[LABELS];
    for (int i = 0; i < T; i++) {
        input_label(in, in->ids[i], text[i]);
        labels[i] = text[i];
    }
    for (int i = 0; i < T * T; i++)
        shown[i] = i % T > i / T ? -INFINITY : values[i];
    terminal_heatmap(shown, T, T, labels, low, high);
}

static void svg_label(FILE *file, const Input *in, int t)
{
    char label[INPUT_LABEL];
    input_label(in, in->ids[t], label);
    for (const char *c = label; *c; c++)
        fprintf(file, strchr("&<>", *c) ? "&#%d;" : "%c", *c);
}

// Transparent for 0.  Small weights matter most, so the shade grows as the square root.
static void svg_cell(FILE *file, int x, int y, double weight)
{
    fprintf(file,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#3b82f6\" "
            "fill-opacity=\"%.3f\" data-weight=\"%.9g\"/>\n",
            x, y, CELL, CELL, sqrt(weight), weight);
}

// A head's map, and a frame around what is not the future.
static void svg_map(FILE *file, const Input *in, const Result *r)
{
    for (int t = 0; t < r->T; t++) {
        int y = t * CELL, middle = y + CELL - 4;
        fprintf(file, "<text x=\"-4\" y=\"%d\" text-anchor=\"end\">", middle);
        svg_label(file, in, t);
        fprintf(file, "</text><text transform=\"translate(%d -4) rotate(-90)\">", middle);
        svg_label(file, in, t);
        fprintf(file, "</text>\n");
        for (int j = 0; j < r->T; j++)
            svg_cell(file, j * CELL, y, (double)r->weights[(size_t)t * r->T + j]);
    }
    fprintf(file, "<path fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.4\" "
                  "d=\"M0 0");
    for (int t = 0; t < r->T; t++)
        fprintf(file, "h%dv%d", CELL, CELL);
    fprintf(file, "H0z\"/>\n");
}

static void svg_header(FILE *file, int layer, int NH, int width, int height)
{
    fprintf(
        file,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
        "viewBox=\"-10 0 %d %d\" font-family=\"monospace\" font-size=\"11\" "
        "fill=\"currentColor\" style=\"color-scheme: light dark\" "
        "xml:space=\"preserve\">\n"
        "<text y=\"20\" font-size=\"15\">Layer %d: attention of %d heads</text>\n"
        "<text y=\"40\">A row is a token that reads, a column one that it reads from. "
        "A row's weights sum to 1.</text>\n"
        "<text y=\"64\">weight 0</text><text x=\"250\" y=\"64\">1, by tenths</text>\n",
        width, height, width, height, layer, NH);
    for (int i = 0; i <= 10; i++)
        svg_cell(file, 64 + CELL * i, 52, i / 10.0);
}

static void svg_write(FILE *file, const Input *in, int layer, Result *r)
{
    char label[INPUT_LABEL];
    int letters = 6, NH = in->config.NH, columns = (int)ceil(sqrt(NH));
    for (int t = 0; t < r->T; t++) {
        input_label(in, in->ids[t], label);
        letters = (int)fmax(letters, (double)strlen(label));
    }
    int margin = LETTER * letters + 8, side = margin + (r->T + 2) * CELL;
    svg_header(file, layer, NH, columns * side > 620 ? columns * side + 20 : 640,
               HEADER + (NH + columns - 1) / columns * side);
    for (int h = 0; h < NH; h++) {
        fprintf(file,
                "<g class=\"head\" transform=\"translate(%d %d)\">\n"
                "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">head %d</text>\n",
                h % columns * side + margin, HEADER + h / columns * side + margin,
                -margin, 12 - margin, h);
        head_weights(r, h);
        svg_map(file, in, r);
        fprintf(file, "</g>\n");
    }
    fprintf(file, "</svg>\n");
}

static void svg_save(const Input *in, const ShowOptions *so, Result *r)
{
    if (r->T > LABELS)
        die("--svg: %d tokens are too many for a picture; %d is the most", r->T, LABELS);
    Output *o = output_open(so->svg);
    svg_write(output_file(o), in, so->layer, r);
    output_close(o);
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
    if (r->difference >= 0)
        printf("attention, fused = naive within %.1e\n", r->difference);
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
    } else {
        printf("\n%sHead %d: scores q.k / sqrt(%d)%s, from %.2f to %.2f; "
               "the future is masked\n\n",
               ink(BOLD), so->head, r->HS, ink(PLAIN), (double)low, (double)high);
        print_map(in, r->scores, r->T, low, high);
        printf("\n%sHead %d: weights = softmax of each row%s, from 0 to 1\n\n", ink(BOLD),
               so->head, ink(PLAIN));
        print_map(in, r->weights, r->T, 0, 1);
    }
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
    Result r = { .T = in->n, .C = c->C, .HS = c->C / c->NH, .difference = -1 };
    MemoryPart parts[] = { { &r.qkv, T * 3 * C, sizeof(float) },
                           { &r.out, T * C, sizeof(float) },
                           { &r.scores, T * T, sizeof(float) },
                           { &r.weights, T * T, sizeof(float) },
                           { NULL, 0, 0 } };
    void *block = memory_block(parts, "results");
    compute(in, &e, &a, &r);
    if (so->svg && !in->options->dry_run)
        svg_save(in, so, &r);
    head_weights(&r, so->head);
    if (in->options->json)
        print_json(in, so, &r);
    else if (in->options->quiet && r.T <= LABELS)
        print_map(in, r.weights, r.T, 0, 1);
    else
        print_all(in, so, &r);
    free(block);
    device_free(p.block);
}
