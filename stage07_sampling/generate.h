// The generation loop: a text grows by one token at a time.
//
//     Sequence q;
//     sequence_init(&q, ids, n, 100, &params, &config, 0);
//     q.emit = print;                      // called for each new token
//     generate(&model, &state, &q);
//     ... q.ids[0 .. q.n), q.finish ...
//     sequence_free(&q);
#ifndef GENERATE_H
#define GENERATE_H

#include "model.h"
#include "sampling.h"

typedef enum { RUNNING, LENGTH, EOS } Finish;

typedef struct {
    int *ids;         // [max] the prompt, then the new tokens
    int n, n_prompt;  // tokens so far; of these, the prompt's
    int max;          // tokens at most
    int eos;          // the token that ends a text; -1: none
    Finish finish;    // why it ended; EOS is the last of ids then
    Sampler sampler;
    void (*emit)(void *to, int id);  // told each new token but EOS; may be NULL
    void *to;
    double t_start, t_first, t_last;  // s: generate was called, first and last new token
} Sequence;

// A text of n tokens that is to get `n_new` more.  Copies ids.  Release with
// sequence_free.
void sequence_init(Sequence *q, const int *ids, int n, int n_new, const SamplingParams *p,
                   const Config *config, int sample);
void sequence_free(Sequence *q);
// Appends a token; the only place that ends a text.
void sequence_push(Sequence *q, int id);
// "length", "eos": as in --json.
const char *sequence_finish(const Sequence *q);

// Until the text ends.  The state needs room for the whole text, or for n_ctx rows: past
// that the model sees the last n_ctx tokens.
void generate(const Model *m, State *s, Sequence *q);

#endif
