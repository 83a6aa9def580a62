// The exhibit of stage 7: a text, streamed as the model writes it.
#include "show.h"
#include "device.h"
#include "generate.h"
#include "jsonout.h"
#include "terminal.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void show_options(Args *a, ShowOptions *so)
{
    args_group(a, "Stage 07");
    args_int(a, "tokens=N", 'n', &so->n_new, 100, 0, 1 << 24, "new tokens at most");
    args_int(a, "samples=N", 0, &so->samples, 1, 1, 1 << 20,
             "so many continuations of one prompt");
    sampling_options(a, &so->sampling);
}

// Where new tokens go as they come: to the terminal, a whole character at a time.
typedef struct {
    const Input *in;
    TextStream stream;
} Printer;

static void print_token(void *to, int id)
{
    Printer *p = to;
    size_t n;
    if (!p->in->has_text) {
        printf("%d ", id);
    } else {
        const char *text = textstream_push(&p->stream, id, &n);
        fwrite(text, 1, n, stdout);
    }
    fflush(stdout);
}

static void print_prompt(const Input *in)
{
    size_t n;
    if (in->has_text) {
        char *text = tokenizer_decode(&in->tokenizer, in->ids, in->n, &n);
        printf("%s", ink(BOLD));
        fwrite(text, 1, n, stdout);
        printf("%s", ink(PLAIN));
        free(text);
    }
    fflush(stdout);
}

// New tokens a second, the first one apart: what it took to come also depends on the
// prompt.
static double decode_rate(const Sequence *q)
{
    int n = q->n - q->n_prompt - 1;
    return n > 0 ? n / (q->t_last - q->t_first) : 0;
}

static void print_json(const Input *in, const Sequence *q)
{
    int n_new = q->n - q->n_prompt, n_text = n_new - (q->finish == EOS);
    json_begin("{", NULL);
    json_ints("prompt_ids", q->ids, q->n_prompt);
    json_ints("ids", q->ids + q->n_prompt, n_new);
    if (in->has_text) {
        size_t n;
        char *text = tokenizer_decode(&in->tokenizer, q->ids + q->n_prompt, n_text, &n);
        json_text("text", text, n);
        free(text);
    } else {
        json_null("text");
    }
    json_text("finish", sequence_finish(q), strlen(sequence_finish(q)));
    json_float("ttft_ms", 1e3 * (q->t_first - q->t_start));
    json_float("prefill_tok_s", q->n_prompt / (q->t_first - q->t_start));
    json_float("decode_tok_s", decode_rate(q));
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

// A text that goes to the terminal as it grows.
static void print_stream(const Model *m, State *s, const Input *in, Sequence *q)
{
    Printer p = { .in = in };
    size_t n = 0;
    if (in->has_text)
        textstream_init(&p.stream, &in->tokenizer);
    q->emit = print_token;
    q->to = &p;
    generate(m, s, q);
    if (in->has_text) {
        const char *rest = textstream_end(&p.stream, &n);
        fwrite(rest, 1, n, stdout);
        textstream_free(&p.stream);
    }
}

static void show_sample(const Model *m, State *s, const Input *in, const ShowOptions *so,
                        int sample)
{
    const Options *o = in->options;
    Sequence q;
    sequence_init(&q, in->ids, in->n, so->n_new, &so->sampling, &in->config, sample);
    if (o->json) {
        generate(m, s, &q);
        print_json(in, &q);
    } else {
        if (so->samples > 1 && !o->quiet)
            printf("%s%s--- sample %d%s\n", sample ? "\n" : "", ink(CYAN), sample,
                   ink(PLAIN));
        if (!o->quiet)
            print_prompt(in);
        print_stream(m, s, in, &q);
        if (!o->quiet)
            print_summary(in, &q);
        else
            printf("\n");
    }
    sequence_free(&q);
}

void show(Input *in, const ShowOptions *so)
{
    Model m = { 0 };
    State s;
    int longest = in->n + so->n_new;
    model_load(&m, &in->weights, &in->config, in->dtype);
    state_init(&s, &in->config, longest < in->config.T ? longest : in->config.T, 1);
    for (int i = 0; i < so->samples; i++)
        show_sample(&m, &s, in, so, i);
    state_free(&s);
    model_free(&m);
}
