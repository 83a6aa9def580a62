// The generation loop: a text grows by one token at a time.
//
//     GenerateOptions o = { .n_new = 100, .sampling = params };
//     Sequence q;
//     sequence_init(&q, &o, ids, n, &tokenizer, &config, 0);
//     q.emit = print;                      // told new text as it comes
//     generate(&model, &state, &q);
//     ... q.ids[0 .. q.n), q.stops.text, q.finish ...
//     sequence_free(&q);
#ifndef GENERATE_H
#define GENERATE_H

#include "model.h"
#include "sampling.h"
#include "stops.h"
#include "tokenizer.h"
#include <signal.h>

typedef enum { RUNNING, LENGTH, EOS, STOP, INTERRUPT } Finish;

typedef struct {
    int n_new;  // tokens at most
    ArgList stop;
    bool ignore_eos;
    SamplingParams sampling;
} GenerateOptions;

typedef struct {
    int *ids;              // [max] the prompt, then the new tokens
    int n, n_prompt, max;  // tokens so far; of these, the prompt's; at most
    int eos;               // the token that ends a text; -1: none
    int computed;          // rows so far: at least one a token, but for the last
    bool drawn;            // generate_first has put the first new token at ids[n]
    Finish finish;         // why it ended; after EOS, that token is the last of ids
    Sampler sampler;
    Stops stops;                                         // the new text
    TextStream stream;                                   // whole characters
    const Tokenizer *tokenizer;                          // NULL: no text, only ids
    void (*emit)(void *to, const char *text, size_t n);  // told new text; may be NULL
    void *to;
    const volatile sig_atomic_t *interrupt;  // ends the text when it is set; may be NULL
    double t_start, t_first, t_last;  // s: generate was called, first and last new token
} Sequence;

// -n, --stop, --ignore-eos, and sampling's.
void generate_options(Args *a, GenerateOptions *o);
// A text of n tokens that is to get o->n_new more; `sample`: its number among several of
// one prompt.  Copies ids; keeps the tokenizer and the stop texts.  Release with
// sequence_free.
void sequence_init(Sequence *q, const GenerateOptions *o, const int *ids, int n,
                   const Tokenizer *t, const Config *c, int sample);
void sequence_free(Sequence *q);
// Appends a token; the only place that ends a text.
void sequence_push(Sequence *q, int id);
// "length", "eos", "stop": as in --json.
const char *sequence_finish(const Sequence *q);

// Writes on until the text ends, with what the cache of the state holds.  The state's
// max_rows is what a prompt is cut into.
void generate(const Model *m, State *s, Sequence *q);
// One step: s->logits for the token that follows the text.  Computes the rows that the
// cache lacks: many of a new text (its prefill), one when a token has been added
// (decoding).
void generate_logits(const Model *m, State *s, Sequence *q);
// Before generate, for several texts of one prompt: computes it once and draws the first
// token of each of the n texts (n_new at least 1).
void generate_first(const Model *m, State *s, Sequence *q, int n);

#endif
