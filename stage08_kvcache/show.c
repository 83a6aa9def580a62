// The exhibit of stage 8: a text, streamed as the model writes it; what the cache saves,
// and what each way past n_ctx costs.
#include "show.h"
#include "chat.h"
#include "device.h"
#include "error.h"
#include "evaluate.h"
#include "file.h"
#include "jsonout.h"
#include "measure.h"
#include "memory.h"
#include "terminal.h"
#include "timer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MAX = 1024 };

void show_options(Args *a, ShowOptions *so)
{
    generate_options(a, &so->generate);
    kvcache_options(a, &so->kv);
    args_group(a, "Stage 08");
    args_int(a, "prefill-chunk=N", 0, &so->chunk, 256, 1, 1 << 24,
             "tokens of a prompt in one pass, at most");
    args_text(a, "overflow-cost=FILE", 0, &so->overflow_cost, NULL,
              "what each --overflow costs on this text, for -n tokens past n_ctx");
    args_int(a, "samples=N", 0, &so->samples, 1, 1, SAMPLES_MAX, "so many continuations");
    args_flag(a, "interactive", 'i', &so->interactive, "write in turns with the model");
    bench_options(a, &so->bench);
}

static void print_text(void *to, const char *text, size_t n)
{
    (void)to;
    fwrite(text, 1, n, stdout);
    fflush(stdout);
}

static void print_prompt(const Input *in)
{
    size_t n;
    if (!in->has_text)
        return;
    char *text = tokenizer_decode(&in->tokenizer, in->ids, in->n, &n);
    printf("%s", ink(BOLD));
    fwrite(text, 1, n, stdout);
    printf("%s", ink(PLAIN));
    fflush(stdout);
    free(text);
}

// New tokens a second, the first one apart: what it took to come also depends on the
// prompt.
static double decode_rate(const Sequence *q)
{
    int n = q->n - q->n_prompt - 1;
    return n > 0 ? n / (q->t_last - q->t_first) : 0;
}

// With what was measured, if that is not NULL.
static void print_json(const Sequence *q, size_t kv_bytes, const Bench *b)
{
    json_begin("{", NULL);
    json_ints("prompt_ids", q->ids, q->n_prompt);
    json_ints("ids", q->ids + q->n_prompt, q->n - q->n_prompt);
    if (q->tokenizer)
        json_text("text", q->stops.text, q->stops.n);
    else
        json_null("text");
    json_text("finish", sequence_finish(q), strlen(sequence_finish(q)));
    if (b) {
        bench_json(b);
    } else {
        json_float("ttft_ms", 1e3 * (q->t_first - q->t_start));
        json_float("prefill_tok_s", q->n_prompt / (q->t_first - q->t_start));
        json_float("decode_tok_s", decode_rate(q));
    }
    json_int("kv_bytes", (int64_t)kv_bytes);
    json_int("kv_appended_tokens", q->computed);
    json_end();
}

static void print_summary(const Input *in, const Sequence *q, const KVCache *k)
{
    printf("\n\n%s%d + %d tokens (%s), first after %.1f ms, then %.1f tokens/s; "
           "%s, %s, %d threads; %d rows computed, cache %.1f MB (%s)%s\n",
           ink(DIM), q->n_prompt, q->n - q->n_prompt, sequence_finish(q),
           1e3 * (q->t_first - q->t_start), decode_rate(q), device_name(),
           dtype_option(in->dtype), in->options->threads, q->computed,
           1e-6 * (double)k->bytes, dtype_option(k->view.dtype), ink(PLAIN));
}

static void show_text(const Model *m, State *s, const Input *in, const ShowOptions *so,
                      Sequence *q)
{
    const Options *o = in->options;
    if (!o->json) {
        if (so->samples > 1 && !o->quiet)
            printf("%s--- sample %d%s\n", ink(CYAN), q->sampler.sample, ink(PLAIN));
        if (!o->quiet)
            print_prompt(in);
        q->emit = print_text;
    }
    generate(m, s, q);
    if (o->json)
        print_json(q, s->cache->bytes, NULL);
    else if (o->quiet)
        printf("\n");
    else
        print_summary(in, q, s->cache);
}

static void show_texts(const Model *m, State *s, const Input *in, const ShowOptions *so)
{
    Sequence *q = memory_alloc((size_t)so->samples, sizeof *q, "samples");
    for (int i = 0; i < so->samples; i++)
        sequence_init(&q[i], &so->generate, in->ids, in->n,
                      in->has_text ? &in->tokenizer : NULL, &in->config, i);
    if (so->generate.n_new > 0)
        generate_first(m, s, q, so->samples);
    for (int i = 0; i < so->samples; i++) {
        show_text(m, s, in, so, &q[i]);
        sequence_free(&q[i]);
    }
    free(q);
}

static void show_bench(const Model *m, State *s, const Input *in, const ShowOptions *so)
{
    Bench b;
    Sequence q;
    measure_text(&b, &q, m, s, in, so);
    if (in->options->json)
        print_json(&q, s->cache->bytes, &b);
    else
        bench_print(&b);
    sequence_free(&q);
    bench_free(&b);
}

typedef struct {
    const Model *m;
    State *s;
} Machine;

static void write_on(void *to, Sequence *q)
{
    const Machine *machine = to;
    generate(machine->m, machine->s, q);
}

// One text of n_new tokens, whatever it says.
static Sequence timed(const Model *m, State *s, const Input *in, const ShowOptions *so,
                      int n_new)
{
    Sequence q;
    GenerateOptions o = so->generate;
    o.n_new = n_new;
    o.stop.n = 0;
    o.ignore_eos = true;
    sequence_init(&q, &o, in->ids, in->n, NULL, &in->config, 0);
    generate(m, s, &q);
    return q;
}

// The same text without and with the cache.
static void show_table(const Model *m, State *s, const Input *in, const ShowOptions *so)
{
    static const int lengths[] = { 50, 100, 200 };
    State without;
    KVCache none;
    KVOptions o = so->kv;
    o.kind = CACHE_NONE;
    o.overflow = CROP;
    kvcache_init(&none, &o, &in->config, s->max_rows, in->n + lengths[2]);
    state_init(&without, &in->config, &none, s->max_rows, 1);
    printf("\n%sThe same without a cache%s\n\n%8s %20s %20s %10s  %s\n", ink(BOLD),
           ink(PLAIN), "tokens", "without: s (rows)", "with: s (rows)", "speed-up",
           "same text");
    for (int i = 0; i < 3; i++) {
        Sequence a = timed(m, &without, in, so, lengths[i]);
        Sequence b = timed(m, s, in, so, lengths[i]);
        double slow = a.t_last - a.t_start, fast = b.t_last - b.t_start;
        bool same = memcmp(a.ids, b.ids, (size_t)a.n * sizeof *a.ids) == 0;
        printf("%8d %10.3f %9d %10.3f %9d %s%9.1fx%s  %s\n", lengths[i], slow, a.computed,
               fast, b.computed, ink(GREEN), slow / fast, ink(PLAIN),
               same ? "yes" : "NO");
        sequence_free(&a);
        sequence_free(&b);
    }
    state_free(&without);
    kvcache_free(&none);
}

// Reads ids[n] through the cache, token by token past n_ctx; prints how well the tokens
// after that were predicted, what was computed for each, and how long it took.
static void measure(const Model *m, State *s, Sequence *q, const int *ids, int n)
{
    int V = s->config.V, first = s->config.T + 1, before = 0, count = n - first;
    float *logits = memory_alloc((size_t)V, sizeof *logits, "logits");
    double sum = 0, start = 0;
    memcpy(q->ids, ids, (size_t)n * sizeof *ids);
    for (q->n = first - 1; q->n < n; q->n++) {
        generate_logits(m, s, q);  // the first time: the whole window
        if (q->n == first - 1) {
            start = timer_now();
            before = q->computed;
            continue;
        }
        device_download(logits, s->logits, (size_t)V * sizeof *logits);
        sum += evaluate_surprise(logits, V, ids[q->n]);
    }
    printf("%-10s %10.2f %15.1f %14.2f\n",
           kvcache_overflow_name((Overflow)s->cache->options.overflow), exp(sum / count),
           (double)(q->computed - before) / count, 1e3 * (timer_now() - start) / count);
    fflush(stdout);
    free(logits);
}

// Each way to go on past n_ctx, on the text of a file.
static void show_overflow(const Model *m, const Input *in, const ShowOptions *so)
{
    size_t size;
    int n, T = in->config.T, rows = so->chunk < T ? so->chunk : T;
    char *text = file_read(so->overflow_cost, &size);
    int *ids = tokenizer_encode(&in->tokenizer, text, size, &n);
    if (n < T + 2)
        die("%s has %d tokens; --overflow-cost needs more than n_ctx, which is %d",
            so->overflow_cost, n, T);
    int end = so->generate.n_new < n - T - 1 ? T + 1 + so->generate.n_new : n;
    printf("%sTokens %d to %d of %s%s\n\n%-10s %10s %15s %14s\n", ink(BOLD), T + 1,
           end - 1, so->overflow_cost, ink(PLAIN), "overflow", "perplexity",
           "rows a token", "ms a token");
    for (Overflow overflow = CROP; overflow <= SINKS; overflow++) {
        State s;
        KVCache k;
        Sequence q;
        KVOptions o = so->kv;
        o.overflow = (int)overflow;
        kvcache_init(&k, &o, &in->config, rows, T);
        state_init(&s, &in->config, &k, rows, 1);
        s.graphs = options_graphs(in->options);
        sequence_init(&q, &so->generate, ids, n, NULL, &in->config, 0);
        measure(m, &s, &q, ids, end);
        sequence_free(&q);
        state_free(&s);
        kvcache_free(&k);
    }
    free(ids);
    free(text);
}

static void check(const Input *in, const ShowOptions *so)
{
    if (!in->has_text &&
        (so->generate.stop.n > 0 || so->interactive || so->overflow_cost))
        die("--stop, --interactive and --overflow-cost need vocab.json and merges.txt "
            "beside the weights");
    for (int i = 0; i < so->generate.stop.n; i++)
        if (!*so->generate.stop.items[i])
            die("--stop: an empty text would end every text at once");
    if (so->interactive && (in->options->json || so->samples > 1 || in->options->ids))
        die("--interactive is one text: leave out --json, --samples and --ids");
    if (so->bench.on && so->samples > 1)
        die("--bench times one text: leave out --samples");
    if (so->overflow_cost && so->generate.n_new == 0)
        die("--overflow-cost measures -n tokens past n_ctx: -n 0 leaves none");
    if (so->overflow_cost && (in->options->json || so->kv.kind == CACHE_NONE))
        die("--overflow-cost is a table of ways to use a cache: leave out --json and "
            "--cache none");
}

static void show_model(const Model *m, Input *in, const ShowOptions *so)
{
    State s;
    KVCache k;
    const Options *o = in->options;
    bool bare =
        !prompt_given(o) && !so->interactive && !o->json && !o->quiet && !so->bench.on;
    int longest = so->interactive || bare ? in->config.T : in->n + so->generate.n_new;
    int rows = longest < in->config.T ? longest : in->config.T;
    kvcache_init(&k, &so->kv, &in->config, so->chunk < rows ? so->chunk : rows, longest);
    state_init(&s, &in->config, &k, so->chunk < rows ? so->chunk : rows, 1);
    s.graphs = options_graphs(o);
    if (so->interactive)
        chat(in, &so->generate, write_on, &(Machine){ m, &s });
    else if (so->bench.on)
        show_bench(m, &s, in, so);
    else
        show_texts(m, &s, in, so);
    if (bare && !o->dry_run && so->generate.n_new > 0)
        show_table(m, &s, in, so);
    state_free(&s);
    kvcache_free(&k);
}

void show(Input *in, const ShowOptions *so)
{
    Model m = { 0 };
    check(in, so);
    model_load(&m, &in->weights, &in->config, in->dtype);
    if (so->overflow_cost)
        show_overflow(&m, in, so);
    else
        show_model(&m, in, so);
    model_free(&m);
}
