// Stage 03: each token becomes a vector.  Chapter: docs/03-embeddings.md
#include "device.h"
#include "embeddings.h"
#include "error.h"
#include "jsonout.h"
#include "memory.h"
#include "show.h"
#include "trace.h"
#include "vec.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const examples[] = {
    "stage03/run \"The king and the queen\"",
    "stage03/run --near forest",
    "stage03/run --analogy man:woman::king",
    "stage03/run --positions",
    "stage03/run --json --ids 464,329",
    "stage03/run --dump x.safetensors",
    NULL,
};

// What is shown instead of a prompt; NULL and false: not asked for.
typedef struct {
    const char *near, *analogy, *words[3];
    bool positions;
} Asked;

static void options(Args *a, Options *o, Asked *asked)
{
    options_prompt(a, o);
    options_shared(a, o);
    options_compute(a, o);
    args_group(a, "Stage 03, instead of a prompt");
    args_text(a, "near=WORD", 0, &asked->near, NULL, "the tokens nearest to a word");
    args_text(a, "analogy=A:B::C", 0, &asked->analogy, NULL,
              "A is to B as C is to what? The tokens nearest to B - A + C");
    args_flag(a, "positions", 0, &asked->positions, "how alike positions are");
    args_examples(a, examples);
}

// Cuts "A:B::C" into its words; returns the memory that they are in.
static char *cut(const char *analogy, const char *words[3])
{
    char *a = strdup(analogy), *b = strchr(a, ':'), *c = b ? strstr(b + 1, "::") : NULL;
    if (!c || b == a || c == b + 1 || !c[2] || strchr(c + 2, ':') ||
        memchr(b + 1, ':', (size_t)(c - b - 1)))
        die("--analogy: '%s' is not three words A:B::C; try man:woman::king", analogy);
    *b = *c = '\0';
    words[0] = a;
    words[1] = b + 1;
    words[2] = c + 2;
    return a;
}

// What is shown instead of a prompt needs none, and --positions no vocabulary either.
static char *check(Asked *asked, Options *o)
{
    if (!asked->near && !asked->analogy && !asked->positions)
        return NULL;
    if (!!asked->near + !!asked->analogy + asked->positions > 1)
        die("one of --near, --analogy and --positions at a time");
    if (o->argument || o->prompt_file || o->ids || o->dump)
        die("--near, --analogy and --positions go without a prompt, --ids and --dump");
    if (asked->near && !*asked->near)
        die("--near: the word is empty; try --near forest");
    o->ids = "0";
    return asked->analogy ? cut(asked->analogy, asked->words) : NULL;
}

// The pass: the prompt's rows through embeddings_forward, and back to the host.
static void compute(const Input *in, const Embeddings *e, float *x)
{
    State s;
    state_init(&s, &in->config, in->n);
    state_text(&s, in->ids, in->n);
    state_upload(&s);
    embeddings_forward(e, &s);
    trace_dump("hidden_states", 0, s.x, s.T, in->config.C);
    device_download(x, s.x, (size_t)in->n * (size_t)in->config.C * sizeof *x);
    state_free(&s);
}

static void tables_open(Tables *t, Input *in)
{
    Params p = { .weights = &in->weights, .config = &in->config, .dtype = in->dtype };
    Embeddings e;
    size_t V = (size_t)in->config.V, C = (size_t)in->config.C, T = (size_t)in->config.T;
    *t = (Tables){ .in = in, .C = in->config.C, .n_ctx = in->config.T };
    MemoryPart parts[] = { { &t->wte, V * C, sizeof(float) },
                           { &t->wpe, T * C, sizeof(float) },
                           { &t->norms, V, sizeof(float) },
                           { &t->x, (size_t)in->n * C, sizeof(float) },
                           { NULL, 0, 0 } };
    params_embeddings(&p, &e);  // counts
    params_allocate(&p, "embeddings");
    params_embeddings(&p, &e);
    t->block = memory_block(parts, "the tables");
    tensor_floats(t->wte, weights_find(&in->weights, "wte.weight"), 0, V * C);
    tensor_floats(t->wpe, weights_find(&in->weights, "wpe.weight"), 0, T * C);
    for (size_t i = 0; i < V; i++)
        t->norms[i] = sqrtf(vec_square_sum(t->wte + i * C, 0, t->C));
    compute(in, &e, t->x);
    device_free(p.block);
}

static void show(const Tables *t, const Asked *asked)
{
    const Input *in = t->in;
    bool words = asked->near || asked->analogy;
    if (words && !in->has_text)
        die("--near and --analogy need vocab.json and merges.txt of this model");
    if (in->options->json)
        json_begin("{", NULL);
    if (asked->near)
        show_words(t, "near", &asked->near, 1);
    else if (asked->analogy)
        show_words(t, "analogy", asked->words, 3);
    else if (asked->positions)
        show_positions(t);
    else
        show_prompt(t);
    if (in->options->json)
        json_end();
}

int main(int argc, char **argv)
{
    Args a;
    Options o = { 0 };
    Asked asked;
    Input in;
    Tables t;
    args_init(&a, "stage03", "looks up and adds token and position embeddings", argv[0]);
    options(&a, &o, &asked);
    args_parse(&a, argc, argv);
    char *words = check(&asked, &o);
    options_start(&o);
    input_open(&in, &o, "The old king went to the forest");
    input_crop(&in);
    tables_open(&t, &in);
    show(&t, &asked);
    free(t.block);
    free(words);
    input_close(&in);
    options_end(&o);
    return 0;
}
