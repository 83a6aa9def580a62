// What --bench measures; see bench.h.
#include "bench.h"
#include "bandwidth.h"
#include "error.h"
#include "memory.h"
#include "timer.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { RUNS = 5 };
static const double patience =
    8;  // s: without --runs, no run begins that would end later

void bench_options(Args *a, BenchOptions *o)
{
    o->born = timer_now();
    args_group(a, "Measuring");
    args_flag(a, "bench", 0, &o->on,
              "time it: several runs, medians, the memory's floor");
    args_int(a, "runs=N", 0, &o->runs, 0, 0, BENCH_RUNS,
             "of --bench; 0: five, fewer if that takes long");
    args_flag(a, "csv", 0, &o->csv, "--bench as a line of names and a line of values");
}

void bench_check(const Args *a, const BenchOptions *o, const Options *shared)
{
    static const char *const alone[] = { "interactive", "stop",          "beams",
                                         "dump",        "profile",       "dry-run",
                                         "perplexity",  "overflow-cost", NULL };
    if (!o->on && (o->csv || args_given(a, "runs")))
        die("--csv and --runs are about --bench; give that, too");
    for (int i = 0; o->on && alone[i]; i++)
        if (args_given(a, alone[i]))
            die("--bench times plain runs: leave out --%s", alone[i]);
    if (o->csv && shared->json)
        die("--csv and --json exclude each other; give one of them");
}

void bench_init(Bench *b, const BenchOptions *o, const Options *shared, DType dtype,
                int texts, int lanes, int n_new)
{
    if (n_new == 0)
        die("--bench: there is nothing to time; give -n 1 or more");
    *b = (Bench){ .options = o,
                  .dtype = dtype_option(dtype),
                  .threads = shared->threads,
                  .n_texts = texts,
                  .lanes = lanes < texts ? lanes : texts,
                  .room = n_new,
                  .speedup = NAN,
                  .began = -1 };
    b->texts = memory_alloc((size_t)texts, sizeof *b->texts, "the benchmark");
    b->tokens = memory_alloc((size_t)n_new, sizeof *b->tokens, "the benchmark");
}

void bench_free(Bench *b)
{
    free(b->texts);
    free(b->tokens);
    free(b->gaps);
}

void *bench_text(Bench *b, int i, const int *length, int prompt)
{
    b->texts[i] = (BenchText){ b, length, prompt, prompt, 0 };
    return &b->texts[i];
}

// A text may get several tokens before it has a whole character to show.
void bench_token(void *to, const char *text, size_t n)
{
    BenchText *t = to;
    Bench *b = t->bench;
    double now = timer_now();
    (void)text, (void)n;
    for (; t->seen < *t->length; t->seen++) {
        assert(b->n_tokens < b->room);
        b->tokens[b->n_tokens] = (BenchToken){
            .time = now,
            .gap = now - t->last,
            .text = (int)(t - b->texts),
            .place = t->seen,
            .first = t->seen == t->prompt,
            .pass = b->passes ? *b->passes : b->n_tokens + 1,
        };
        b->n_tokens++;
        t->last = now;
    }
}

void bench_start(Bench *b, const int *passes)
{
    b->n_tokens = 0;
    b->passes = passes;
    b->start = timer_now();
    if (b->began < 0)
        b->began = b->start;
}

// Up to the token with which all lanes have begun.
static void sum_prefill(const Bench *b, BenchRun *r)
{
    int begun = 0;
    for (int i = 0; i < b->n_tokens && begun < b->lanes; i++)
        if (b->tokens[i].first) {
            begun++;
            r->prompt_tokens += b->tokens[i].place;
            r->from = i;
        }
    r->ttft = b->tokens[r->from].time - b->start;
    r->prefill = r->prompt_tokens / r->ttft;
}

// All after it.  Tokens that a text gets in one pass share its reading of the keys.
static void sum_decode(const Bench *b, BenchRun *r)
{
    const BenchToken *t = &b->tokens[r->from], *end = &b->tokens[b->n_tokens - 1];
    double keys = 0, passes = end->pass - t->pass;
    int n = (int)(end - t);
    r->decode = n > 0 ? n / (end->time - t->time) : NAN;
    r->weights = (double)b->weight_bytes * (n > 0 ? passes / n : 1);
    for (t++; t <= end; t++)
        if (t[-1].text != t->text || t[-1].pass != t->pass)
            keys += t->place < b->n_ctx ? t->place : b->n_ctx;
    r->kv = n > 0 ? (double)b->kv_token_bytes * keys / n : 0;
}

void bench_stop(Bench *b)
{
    BenchRun *r = &b->runs[b->n_runs++];
    *r = (BenchRun){ 0 };
    if (b->n_tokens == 0)
        die("--bench: the texts have no new tokens; give -n 1 or more");
    sum_prefill(b, r);
    sum_decode(b, r);
    if (b->born_ttft == 0)
        b->born_ttft = b->start + r->ttft - b->options->born;
    b->gaps = memory_grow(b->gaps, (size_t)(b->n_gaps + b->n_tokens), sizeof *b->gaps,
                          "the benchmark");
    for (int i = r->from + 1; i < b->n_tokens; i++)
        if (!b->tokens[i].first)
            b->gaps[b->n_gaps++] = b->tokens[i].gap;
}

static void probe(Bench *b)
{
    double rate = bandwidth_read(b->weight_bytes);
    b->bandwidth = rate > b->bandwidth ? rate : b->bandwidth;
}

// After the first run: whatever later runs use has been used.
static bool end_warm_up(Bench *b)
{
    struct rusage used;
    double took = timer_now() - b->began;
    bool once = b->options->runs == 0 && 2 * took > patience;
    getrusage(RUSAGE_SELF, &used);
#ifdef __APPLE__
    b->peak_rss = (double)used.ru_maxrss;
#else
    b->peak_rss = 1024.0 * (double)used.ru_maxrss;
#endif
    probe(b);
    if (!once)
        b->n_runs = b->n_gaps = 0;
    return !once;
}

bool bench_again(Bench *b)
{
    int runs = b->options->runs;
    bench_stop(b);
    double now = timer_now();
    bool more = b->peak_rss == 0 ? end_warm_up(b)
                : runs > 0
                    ? b->n_runs < runs
                    : b->n_runs < RUNS && now - b->began + (now - b->start) < patience;
    if (!more)
        probe(b);
    return more;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_quantile(double *values, int n, double p)
{
    int i = (int)ceil(p * n) - 1;
    qsort(values, (size_t)n, sizeof *values, by_value);
    return n > 0 ? values[i < 0 ? 0 : i] : NAN;
}

double bench_median(double *values, int n)
{
    double low = bench_quantile(values, n, 0.5);
    return n > 0 && n % 2 == 0 ? (low + values[n / 2]) / 2 : low;
}

double bench_over_runs(const Bench *b, size_t offset)
{
    double values[BENCH_RUNS];
    for (int i = 0; i < b->n_runs; i++)
        memcpy(&values[i], (const char *)&b->runs[i] + offset, sizeof *values);
    return bench_median(values, b->n_runs);
}

double bench_decode(const Bench *b)
{
    return bench_over_runs(b, offsetof(BenchRun, decode));
}

double bench_floor(const Bench *b, double *share)
{
    const BenchRun *r = &b->runs[0];
    double rate = bench_decode(b), bytes = r->weights + r->kv, bandwidth = b->bandwidth;
    if (isnan(rate))
        rate = 1 / bench_over_runs(b, offsetof(BenchRun, ttft));
    if (bandwidth < bytes * rate)  // a run has seen more than the probes
        bandwidth = bytes * rate;
    *share = bytes * rate / bandwidth;
    return bytes / bandwidth;
}
