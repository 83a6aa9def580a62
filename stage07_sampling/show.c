// The exhibit of stage 7: a text, streamed as the model writes it.
#include "show.h"
#include "chat.h"
#include "device.h"
#include "error.h"
#include "jsonout.h"
#include "measure.h"
#include "memory.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MAX = 1024 };

void show_options(Args *a, ShowOptions *so)
{
    generate_options(a, &so->generate);
    args_group(a, "Stage 07");
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
static void print_json(const Sequence *q, const Bench *b)
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
    json_end();
}

static void print_summary(const Input *in, const Sequence *q)
{
    printf("\n\n%s%d + %d tokens (%s), first after %.1f ms, then %.1f tokens/s; "
           "%s, %s, %d threads%s\n",
           ink(DIM), q->n_prompt, q->n - q->n_prompt, sequence_finish(q),
           1e3 * (q->t_first - q->t_start), decode_rate(q), device_name(),
           dtype_option(in->dtype), in->options->threads, ink(PLAIN));
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
        print_json(q, NULL);
    else if (o->quiet)
        printf("\n");
    else
        print_summary(in, q);
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
        print_json(&q, &b);
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

static void check(const Input *in, const ShowOptions *so)
{
    if (!in->has_text && (so->generate.stop.n > 0 || so->interactive))
        die("--stop and --interactive need vocab.json and merges.txt beside the weights");
    for (int i = 0; i < so->generate.stop.n; i++)
        if (!*so->generate.stop.items[i])
            die("--stop: an empty text would end every text at once");
    if (so->interactive && (in->options->json || so->samples > 1 || in->options->ids))
        die("--interactive is one text: leave out --json, --samples and --ids");
    if (so->bench.on && so->samples > 1)
        die("--bench times one text: leave out --samples");
}

void show(Input *in, const ShowOptions *so)
{
    Model m = { 0 };
    State s;
    int longest = in->n + so->generate.n_new;
    check(in, so);
    model_load(&m, &in->weights, &in->config, in->dtype);
    state_init(&s, &in->config,
               so->interactive || longest > in->config.T ? in->config.T : longest, 1);
    if (so->interactive)
        chat(in, &so->generate, write_on, &(Machine){ &m, &s });
    else if (so->bench.on)
        show_bench(&m, &s, in, so);
    else
        show_texts(&m, &s, in, so);
    state_free(&s);
    model_free(&m);
}
