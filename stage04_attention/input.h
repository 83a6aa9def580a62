// What a program works on: the model's files, and the prompt as token ids.
//
//     Input in;
//     input_open(&in, &options, "Once upon a time");
//     ... in.ids[0 .. in.n), in.config ...
//     input_close(&in);
#ifndef INPUT_H
#define INPUT_H

#include "config.h"
#include "options.h"
#include "tokenizer.h"
#include "weights.h"

enum { INPUT_LABEL = 48 };  // room for a label

typedef struct {
    const Options *options;
    Weights weights;
    Config config;
    DType dtype;    // --dtype, or the file's own
    bool has_text;  // is there a tokenizer?  With --ids a model needs none
    Tokenizer tokenizer;
    int *ids;  // [n]
    int n;
} Input;

// Opens the model and reads the prompt; `builtin` is used if there is none, and if that
// is "", neither a prompt nor a vocabulary is needed.
void input_open(Input *in, const Options *o, const char *builtin);
void input_close(Input *in);
// Keeps the last n_ctx ids, with a note, if there are more.
void input_crop(Input *in);
// A token as a short text for tables: in quotes, escaped; "#464" without a tokenizer.
void input_label(const Input *in, int id, char label[INPUT_LABEL]);
// "token": its text, or null without a tokenizer.
void input_json_token(const Input *in, const char *key, int id);

#endif
