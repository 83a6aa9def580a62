// The exhibit of stage 3: the sum of two rows, and what lies near what.
#include "show.h"
#include "device.h"
#include "embeddings.h"
#include "error.h"
#include "jsonout.h"
#include "memory.h"
#include "terminal.h"
#include "trace.h"
#include "vec.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NEAR = 5, WORDS = 4, PLACES = 10 };

// The tables as floats on the host, and the rows of the pass.
typedef struct {
    float *wte;  // [V, C]
    float *wpe;  // [n_ctx, C]
    float *x;    // [T, C]
} Tables;

static float *read_tensor(const Input *in, const char *name, int rows)
{
    size_t n = (size_t)rows * (size_t)in->config.C;
    float *values = memory_alloc(n, sizeof *values, name);
    tensor_floats(values, weights_find(&in->weights, name), 0, n);
    return values;
}

static float dot(const float *a, const float *b, int n)
{
    float result;
    vec_dots(&result, a, b, F32, n, 1, n);
    return result;
}

static float norm(const float *a, int n)
{
    return sqrtf(dot(a, a, n));
}

static float cosine(const float *a, const float *b, int n)
{
    return dot(a, b, n) / (norm(a, n) * norm(b, n));
}

static void print_rows(const Input *in, const Tables *t)
{
    char label[INPUT_LABEL];
    int C = in->config.C;
    printf("%sx[t] = wte[id] + wpe[t]%s: %d rows of %d numbers\n\n", ink(BOLD),
           ink(PLAIN), in->n, C);
    printf("%4s %-14s %6s %9s %9s %9s   first numbers of x\n", "t", "token", "id",
           "|wte|", "|wpe|", "|x|");
    for (int i = 0; i < in->n; i++) {
        const float *x = t->x + (size_t)i * C;
        input_label(in, in->ids[i], label);
        printf("%4d %s%-14s%s %6d %9.3f %9.3f %9.3f  ", i, paper(i), label, ink(PLAIN),
               in->ids[i], (double)norm(t->wte + (size_t)in->ids[i] * C, C),
               (double)norm(t->wpe + (size_t)i * C, C), (double)norm(x, C));
        for (int k = 0; k < 4 && k < C; k++)
            printf(" %7.3f", (double)x[k]);
        printf("\n");
    }
}

// The NEAR tokens whose rows point most nearly the same way as that of `id`.
static void nearest(const Input *in, const Tables *t, int id, int *ids, float *cosines)
{
    int C = in->config.C;
    for (int i = 0; i < NEAR; i++)
        cosines[i] = -INFINITY;
    for (int other = 0; other < in->config.V; other++) {
        float c = cosine(t->wte + (size_t)id * C, t->wte + (size_t)other * C, C);
        int place = NEAR;
        while (place > 0 && c > cosines[place - 1])
            place--;
        if (other == id || place == NEAR)
            continue;
        for (int i = NEAR - 1; i > place; i--) {
            cosines[i] = cosines[i - 1];
            ids[i] = ids[i - 1];
        }
        cosines[place] = c;
        ids[place] = other;
    }
}

static void print_neighbours(const Input *in, const Tables *t)
{
    char label[INPUT_LABEL];
    printf("\n%sNeighbours%s: tokens whose rows of wte point the same way (cosine)\n\n",
           ink(BOLD), ink(PLAIN));
    for (int i = in->n > WORDS ? in->n - WORDS : 0; i < in->n; i++) {
        int ids[NEAR] = { 0 };
        float cosines[NEAR];
        nearest(in, t, in->ids[i], ids, cosines);
        input_label(in, in->ids[i], label);
        printf("  %s%-12s%s", paper(i), label, ink(PLAIN));
        for (int k = 0; k < NEAR && k < in->config.V - 1; k++) {
            input_label(in, ids[k], label);
            printf("  %s %.2f", label, (double)cosines[k]);
        }
        printf("\n");
    }
}

static void print_positions(const Input *in, const Tables *t)
{
    float cosines[PLACES * PLACES];
    char text[PLACES][12];
    const char *labels[PLACES];
    int C = in->config.C, n = 0, places[PLACES];
    for (int p = 0; n < PLACES && p < in->config.T; p = p < 4 ? p + 1 : 2 * p)
        places[n++] = p;
    for (int i = 0; i < n; i++) {
        snprintf(text[i], sizeof text[i], "%d", places[i]);
        labels[i] = text[i];
        for (int j = 0; j < n; j++)
            cosines[i * n + j] =
                cosine(t->wpe + (size_t)places[i] * C, t->wpe + (size_t)places[j] * C, C);
    }
    printf("\n%sPositions%s: cosine of rows of wpe, from -1 to 1\n\n", ink(BOLD),
           ink(PLAIN));
    terminal_heatmap(cosines, n, n, labels, -1, 1);
}

static void print_json(const Input *in, const Tables *t)
{
    int C = in->config.C;
    json_begin("{", NULL);
    json_ints("ids", in->ids, in->n);
    json_begin("[", "rows");
    for (int i = 0; i < in->n; i++) {
        int ids[NEAR] = { 0 };
        float cosines[NEAR];
        nearest(in, t, in->ids[i], ids, cosines);
        json_begin("{", NULL);
        json_int("position", i);
        json_int("id", in->ids[i]);
        input_json_token(in, "token", in->ids[i]);
        json_float("wte_norm", (double)norm(t->wte + (size_t)in->ids[i] * C, C));
        json_float("wpe_norm", (double)norm(t->wpe + (size_t)i * C, C));
        json_float("norm", (double)norm(t->x + (size_t)i * C, C));
        json_begin("[", "near");
        for (int k = 0; k < NEAR && k < in->config.V - 1; k++) {
            json_begin("{", NULL);
            json_int("id", ids[k]);
            input_json_token(in, "token", ids[k]);
            json_float("cosine", (double)cosines[k]);
            json_end();
        }
        json_end();
        json_end();
    }
    json_end();
    json_end();
}

// The pass: the prompt's rows through embeddings_forward, and back to the host.
static void compute(Input *in, const Embeddings *e, float *x)
{
    State s;
    state_init(&s, &in->config, in->n);
    for (int i = 0; i < in->n; i++)
        state_row(&s, in->ids[i], i);
    state_upload(&s);
    embeddings_forward(e, &s);
    trace_dump("hidden_states", 0, s.x, s.T, in->config.C);
    device_download(x, s.x, (size_t)in->n * (size_t)in->config.C * sizeof *x);
    state_free(&s);
}

void show(Input *in)
{
    Params p = { .weights = &in->weights, .config = &in->config, .dtype = in->dtype };
    Embeddings e;
    Tables t;
    input_crop(in);
    params_embeddings(&p, &e);  // counts
    params_allocate(&p, "embeddings");
    params_embeddings(&p, &e);
    t.wte = read_tensor(in, "wte.weight", in->config.V);
    t.wpe = read_tensor(in, "wpe.weight", in->config.T);
    t.x = memory_alloc((size_t)in->n * (size_t)in->config.C, sizeof *t.x, "rows");
    compute(in, &e, t.x);
    if (in->options->json) {
        print_json(in, &t);
    } else {
        print_rows(in, &t);
        if (!in->options->quiet) {
            print_neighbours(in, &t);
            print_positions(in, &t);
        }
    }
    free(t.wte);
    free(t.wpe);
    free(t.x);
    device_free(p.block);
}
