// The generation loop: texts grow by one token at a time.
//
//     GenerateOptions o = { .n_new = 100, .sampling = params };
//     Sequence q[2];
//     sequence_init(&q[0], &o, ids, n, &tokenizer, &config, 0);
//     q[0].emit = print;                   // told new text as it comes
//     ...
//     scheduler_init(&sc, &scheduler_options, q, 2, &config);
//     generate(&model, &state, &sc, &draft);
//     ... q[0].ids[0 .. q[0].n), q[0].stops.text, q[0].finish ...
//     scheduler_free(&sc);
//     sequence_free(&q[0]);
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

typedef enum { PLAIN_TOKEN, ACCEPTED, REPLACED, BONUS } TokenMark;

// A round of speculation.
typedef struct {
    short proposed, kept;
} Round;

typedef struct Sequence {
    int *ids;              // [max] the prompt, then the new tokens
    int n, n_prompt, max;  // tokens so far; of these, the prompt's; at most
    int n_draft;           // proposals at ids[n ...], not verified yet
    void *block;           // of ids, marks and rounds
    char *marks;           // [max] TokenMark: how each token came
    Round *rounds;         // [max] the passes that gave at least one new token
    int n_rounds;
    int eos;        // the token that ends a text; -1: none
    int computed;   // rows so far: at least one a token, but for the last
    Finish finish;  // why it ended; after EOS, that token is the last of ids
    SamplingParams sampling;
    int sample;                     // its number among several of one prompt
    const struct Sequence *leader;  // one of the same prompt, or NULL: shares its keys
    int lane;                       // while it is being written; -1: it waits
    Sampler *sampler;               // the lane's
    Stops stops;                    // the new text
    TextStream stream;              // whole characters
    const Tokenizer *tokenizer;     // NULL: no text, only ids
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

// Writes on until all texts of the scheduler (scheduler.h) have ended.  With a draft
// (draft.h; NULL: none) a pass may add several tokens to a text.
struct Scheduler;
struct Draft;
void generate(const Model *m, State *s, struct Scheduler *sc, struct Draft *d);
// Its parts, for who has something to do while a pass is under way (overlap.h): the clock
// starts; proposals, and the pass that verifies them begins (false: all texts have
// ended); its end, and what is kept.
void generate_start(struct Scheduler *sc, struct Draft *d);
bool generate_guess(const Model *m, State *s, struct Scheduler *sc, struct Draft *d);
void generate_keep(State *s, struct Scheduler *sc, const struct Draft *d);

#endif
