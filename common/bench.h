// --bench: how fast is the program, and how fast would the memory let it be?
//
//     Bench b;
//     bench_init(&b, &bench_options, &options, texts, lanes, new_tokens);
//     b.weight_bytes = ...;                               // and the other sizes
//     do {
//         ... a text, from its beginning ...
//         q.emit = bench_token;                           // told of each new token
//         q.to = bench_text(&b, 0, &q.n, q.n_prompt);
//         bench_start(&b, NULL);
//         generate(&model, &state, &q);
//     } while (bench_again(&b));
//     bench_print(&b);                                    // or bench_json(&b)
//     bench_free(&b);
//
// The first run warms up and is not counted, unless it takes so long that it is the only
// one.  Figures are medians of the runs; times between tokens are of all runs together.
//
// Decoding begins when each lane has its first token.  A step of it must read all weights
// once, and the keys and values of each text; the floor is the time that takes at the
// memory's bandwidth, which is measured before and after the runs by reading a buffer as
// large as the weights.  (A cache that holds the weights holds the buffer, too.)
#ifndef BENCH_H
#define BENCH_H

#include "options.h"

enum { BENCH_RUNS = 100 };  // at most

typedef struct {
    bool on, csv;
    int runs;     // 0: five, or as many as take a few seconds
    double born;  // s: when the program began
} BenchOptions;

typedef struct {
    double time, gap;  // s: when it came; since the same text's token before
    int text, place;   // which text; how many tokens were before it
    int pass;          // the step that gave it; several texts share one
    bool first;        // of its text's new tokens
} BenchToken;

struct Bench;
typedef struct {
    struct Bench *bench;
    const int *length;  // of the text, now
    int prompt, seen;   // length of the prompt; tokens recorded so far, the prompt's too
    double last;
} BenchText;

typedef struct {
    double ttft;              // s, until each lane has its first token
    double prefill, decode;   // tokens a second; decode is NAN if nothing was decoded
    double weights, kv;       // bytes that were read for a token, on average
    int prompt_tokens, from;  // of these lanes; decoding begins after tokens[from]
} BenchRun;

typedef struct Bench {
    const BenchOptions *options;
    const char *dtype;
    int threads, lanes, n_texts;
    size_t weight_bytes;    // that one step reads, whatever the number of texts
    size_t kv_token_bytes;  // keys and values of one token
    int n_ctx;              // tokens that a step sees at most
    double speedup;         // NAN: there is nothing to compare with

    BenchText *texts;    // [n_texts]
    BenchToken *tokens;  // [room] of this run
    int n_tokens, room;
    const int *passes;  // counter of steps; NULL: each token is one
    double start;

    BenchRun runs[BENCH_RUNS];
    int n_runs;
    double *gaps;  // [n_gaps] of all runs
    int n_gaps;
    double began;                // s: the first run; -1: not yet
    double born_ttft;            // s: from the beginning of the program
    double peak_rss, bandwidth;  // bytes, bytes a second; 0: not measured yet
} Bench;

// --bench --csv --runs.
void bench_options(Args *a, BenchOptions *o);
// After args_parse: dies if options contradict --bench.
void bench_check(const Args *a, const BenchOptions *o, const Options *shared);

// `texts` texts get n_new tokens altogether, `lanes` of them at a time.  Release with
// bench_free.
void bench_init(Bench *b, const BenchOptions *o, const Options *shared, DType dtype,
                int texts, int lanes, int n_new);
void bench_free(Bench *b);
// What bench_token needs as its `to`: text i, whose length is kept up to date at *length.
void *bench_text(Bench *b, int i, const int *length, int prompt);
void bench_token(void *to, const char *text, size_t n);
// Right before a run; right after one.
void bench_start(Bench *b, const int *passes);
void bench_stop(Bench *b);
// bench_stop, and whether there is to be another run.
bool bench_again(Bench *b);

// The median of n values, which get sorted; the smallest one that a share p of all does
// not exceed.  NAN if n is 0.
double bench_median(double *values, int n);
double bench_quantile(double *values, int n, double p);
// The median over the runs of one number of BenchRun, which stands `offset` bytes from its
// beginning; of decode.
double bench_over_runs(const Bench *b, size_t offset);
double bench_decode(const Bench *b);
// The seconds a token that the bandwidth allows, and the share of that speed which the
// runs reach, 0 to 1.
double bench_floor(const Bench *b, double *share);

// As a table, or with --csv as a line of names and one of values.
void bench_print(const Bench *b);
// "ttft_ms" to "runs", within an object.
void bench_json(const Bench *b);

#endif
