// The exhibit of stage 5: the residual stream's norms through one block, sub-layer by
// sub-layer.
#include "show.h"
#include "attention.h"
#include "block.h"
#include "device.h"
#include "embeddings.h"
#include "error.h"
#include "jsonout.h"
#include "memory.h"
#include "ops.h"
#include "terminal.h"
#include "trace.h"
#include "vec.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 7 };

void show_options(Args *a, ShowOptions *so)
{
    args_group(a, "Stage 05");
    args_int(a, "layer=N", 0, &so->layer, 0, 0, INT_MAX, "which block, from 0");
}

// The norm of each row after each step.
typedef struct {
    const char *names[STEPS];
    float *norms[STEPS];  // [T] each
    bool stream[STEPS];   // is it the residual stream, or beside it?
    int n, T;
} Steps;

static void note_step(Steps *st, const char *name, bool stream, const float *x, int width)
{
    size_t bytes = (size_t)st->T * (size_t)width * sizeof *x;
    float *host = memory_alloc(bytes, 1, name);
    device_download(host, x, bytes);
    st->norms[st->n] = memory_alloc((size_t)st->T, sizeof(float), name);
    for (int t = 0; t < st->T; t++)
        st->norms[st->n][t] = sqrtf(vec_square_sum(host + (size_t)t * width, 0, width));
    st->names[st->n] = name;
    st->stream[st->n++] = stream;
    free(host);
}

// block_forward, step by step.
static void watch_block(const Block *b, State *s, Steps *st)
{
    int C = s->config.C, n_inner = s->config.n_inner;
    note_step(st, "x, as it comes", true, s->x, C);
    layernorm(s->norm, s->x, &b->ln1, s->T, C);
    note_step(st, "ln_1(x)", false, s->norm, C);
    attention_forward(&b->attention, s, s->norm);
    note_step(st, "x + attention", true, s->x, C);
    layernorm(s->norm, s->x, &b->ln2, s->T, C);
    note_step(st, "ln_2(x)", false, s->norm, C);
    matmul(s->hidden, s->norm, &b->fc, b->fc_bias, s->T);
    note_step(st, "fc: wider", false, s->hidden, n_inner);
    gelu(s->hidden, s->T, n_inner);
    note_step(st, "gelu", false, s->hidden, n_inner);
    matmul_add(s->x, s->hidden, &b->proj, b->proj_bias, s->T);
    note_step(st, "x + MLP", true, s->x, C);
}

static float mean(const float *x, int n)
{
    return vec_sum(x, n) / (float)n;
}

static void print_steps(const Input *in, const ShowOptions *so, const Steps *st)
{
    char label[INPUT_LABEL];
    float max = 0;
    int shown = st->T < 6 ? st->T : 6;
    for (int i = 0; i < st->n; i++)
        max = mean(st->norms[i], st->T) > max ? mean(st->norms[i], st->T) : max;
    printf("%sBlock %d%s: %d rows; norm of a row after each step\n\n%-18s%8s  ",
           ink(BOLD), so->layer, ink(PLAIN), st->T, "", "mean");
    for (int t = 0; t < shown; t++) {
        input_label(in, in->ids[t], label);
        printf("%10.10s", label);
    }
    printf("\n");
    for (int i = 0; i < st->n; i++) {
        printf("%s%s%-16s%s%8.2f  ", st->stream[i] ? ink(GREEN) : "  ",
               st->stream[i] ? "| " : "", st->names[i], ink(PLAIN),
               (double)mean(st->norms[i], st->T));
        for (int t = 0; t < shown; t++)
            printf("%10.2f", (double)st->norms[i][t]);
        printf("  %s\n", terminal_bar((double)(mean(st->norms[i], st->T) / max), 20));
    }
    if (!in->options->quiet)
        printf(
            "\n| the residual stream: sub-layers read a normalised copy and add to it\n");
}

static void print_json(const Input *in, const ShowOptions *so, const Steps *st)
{
    json_begin("{", NULL);
    json_ints("ids", in->ids, in->n);
    json_int("layer", so->layer);
    json_begin("[", "steps");
    for (int i = 0; i < st->n; i++) {
        json_begin("{", NULL);
        json_text("name", st->names[i], strlen(st->names[i]));
        json_bool("stream", st->stream[i]);
        json_begin("[", "norms");
        for (int t = 0; t < st->T; t++)
            json_float(NULL, (double)st->norms[i][t]);
        json_end();
        json_end();
    }
    json_end();
    json_end();
}

static void load(Params *p, Embeddings *e, Block *blocks, int n)
{
    params_embeddings(p, e);
    for (int l = 0; l < n; l++)
        params_block(p, &blocks[l], l);
}

// The prompt through the embeddings and the blocks before `layer`, then slowly through
// that one.
static void compute(Input *in, const ShowOptions *so, Steps *st)
{
    Params p = { .weights = &in->weights, .config = &in->config, .dtype = in->dtype };
    Embeddings e;
    Block *blocks =
        memory_alloc((size_t)so->layer + 1, sizeof *blocks, "the list of blocks");
    State s;
    load(&p, &e, blocks, so->layer + 1);  // counts
    params_allocate(&p, "weights");
    load(&p, &e, blocks, so->layer + 1);
    state_init(&s, &in->config, in->n);
    state_text(&s, in->ids, in->n);
    state_upload(&s);
    embeddings_forward(&e, &s);
    trace_dump("hidden_states", 0, s.x, s.T, in->config.C);
    for (int l = 0; l < so->layer; l++) {
        block_forward(&blocks[l], &s);
        trace_dump("hidden_states", l + 1, s.x, s.T, in->config.C);
    }
    watch_block(&blocks[so->layer], &s, st);
    trace_dump("hidden_states", so->layer + 1, s.x, s.T, in->config.C);
    state_free(&s);
    device_free(p.block);
    free(blocks);
}

void show(Input *in, const ShowOptions *so)
{
    if (so->layer >= in->config.L)
        die("--layer %d: this model has layers 0 to %d", so->layer, in->config.L - 1);
    input_crop(in);
    Steps st = { .T = in->n };
    compute(in, so, &st);
    if (in->options->json)
        print_json(in, so, &st);
    else
        print_steps(in, so, &st);
    for (int i = 0; i < st.n; i++)
        free(st.norms[i]);
}
