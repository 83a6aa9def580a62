// What a program works on; see input.h.
#include "input.h"
#include "error.h"
#include "jsonout.h"
#include "memory.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void encode_prompt(Input *in, const char *builtin)
{
    Prompt prompt = prompt_read(in->options);
    if (prompt.text)
        in->ids = tokenizer_encode(&in->tokenizer, prompt.text, prompt.n, &in->n);
    else
        in->ids = tokenizer_encode(&in->tokenizer, builtin, strlen(builtin), &in->n);
    prompt_free(&prompt);
}

void input_open(Input *in, const Options *o, const char *builtin)
{
    *in = (Input){ .options = o };
    weights_open(&in->weights, o->model);
    config_read(&in->config, o->model);
    in->dtype = o->dtype < 0 ? weights_dtype(&in->weights) : (DType)o->dtype;
    in->has_text = (!o->ids && *builtin) || tokenizer_there(o->model);
    if (in->has_text)
        tokenizer_open(&in->tokenizer, o->model);
    if (in->has_text && in->tokenizer.n > in->config.V)
        die("vocab.json has %d tokens, config.json a vocabulary of %d; do the two belong "
            "together?",
            in->tokenizer.n, in->config.V);
    if (o->ids)
        in->ids = ids_read(o->ids, in->config.V, &in->n);
    else if (in->has_text)
        encode_prompt(in, builtin);
    if (o->verbose)
        note("%s: %d blocks of width %d, %d heads, n_ctx %d, weights as %s; %d threads; "
             "%d tokens of prompt",
             o->model, in->config.L, in->config.C, in->config.NH, in->config.T,
             dtype_option(in->dtype), o->threads, in->n);
}

void input_close(Input *in)
{
    free(in->ids);
    if (in->has_text)
        tokenizer_close(&in->tokenizer);
    weights_close(&in->weights);
}

void input_crop(Input *in)
{
    int over = in->n - in->config.T;
    if (over <= 0)
        return;
    note("the text has %d tokens, the model sees %d: the first %d are left out", in->n,
         in->config.T, over);
    memmove(in->ids, in->ids + over, (size_t)in->config.T * sizeof *in->ids);
    in->n = in->config.T;
}

void input_label(const Input *in, int id, char label[INPUT_LABEL])
{
    char text[INPUT_LABEL - 2];
    size_t n;
    if (!in->has_text || id >= in->tokenizer.n) {
        snprintf(label, INPUT_LABEL, "#%d", id);
        return;
    }
    const char *bytes = tokenizer_bytes(&in->tokenizer, id, &n);
    terminal_escape(text, sizeof text, bytes, n);
    snprintf(label, INPUT_LABEL, "'%s'", text);
}

void input_json_token(const Input *in, const char *key, int id)
{
    size_t n;
    if (!in->has_text || id >= in->tokenizer.n) {
        json_null(key);
        return;
    }
    const char *bytes = tokenizer_bytes(&in->tokenizer, id, &n);
    json_text(key, bytes, n);
}
