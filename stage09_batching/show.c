// The exhibit of stage 9: texts that are written together, their schedule as a picture,
// and what each way to schedule them costs.
#include "show.h"
#include "chat.h"
#include "device.h"
#include "error.h"
#include "jsonout.h"
#include "measure.h"
#include "memory.h"
#include "nbest.h"
#include "picture.h"
#include "terminal.h"
#include "texts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MAX = 1024 };

void show_options(Args *a, ShowOptions *so)
{
    generate_options(a, &so->generate);
    kvcache_options(a, &so->kv);
    scheduler_options(a, &so->scheduler);
    beam_options(a, &so->beam);
    args_group(a, "Stage 09");
    args_text(a, "prompts=FILE", 0, &so->prompts, NULL,
              "one a line: a text, or a JSON object with options of its own");
    args_int(a, "samples=N", 0, &so->samples, 1, 1, SAMPLES_MAX,
             "so many continuations of each prompt");
    args_flag(a, "interactive", 'i', &so->interactive, "write in turns with the model");
    bench_options(a, &so->bench);
}

static bool is_bare(const Input *in, const ShowOptions *so)
{
    return !prompt_given(in->options) && !so->prompts && !so->interactive &&
           !so->beam.beams && so->samples == 1 && !so->bench.on;
}

static void print_text(void *to, const char *text, size_t n)
{
    (void)to;
    fwrite(text, 1, n, stdout);
    fflush(stdout);
}

// New tokens a second, the first one apart: what it took to come also depends on the
// prompt.
static double decode_rate(const Sequence *q)
{
    int n = q->n - q->n_prompt - 1;
    return n > 0 ? n / (q->t_last - q->t_first) : 0;
}

static void json_new_text(const Sequence *q)
{
    if (q->tokenizer)
        json_text("text", q->stops.text, q->stops.n);
    else
        json_null("text");
    json_text("finish", sequence_finish(q), strlen(sequence_finish(q)));
}

// With what was measured, if that is not NULL.
static void print_json(const Sequence *q, size_t kv_bytes, const Bench *b)
{
    json_begin("{", NULL);
    json_ints("prompt_ids", q->ids, q->n_prompt);
    json_ints("ids", q->ids + q->n_prompt, q->n - q->n_prompt);
    json_new_text(q);
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

// Tokens that were written, and how long it took from the first call to the last token.
static int new_tokens(const Texts *t, double *seconds)
{
    int n = 0;
    *seconds = 0;
    for (int i = 0; i < t->n; i++) {
        double took = t->list[i].t_last - t->list[i].t_start;
        *seconds = took > *seconds ? took : *seconds;
        n += t->list[i].n - t->list[i].n_prompt;
    }
    return n;
}

static void print_summary(const Input *in, const Texts *t, const Scheduler *sc,
                          const KVCache *k)
{
    double seconds;
    int n = new_tokens(t, &seconds);
    if (t->n == 1)
        printf("\n\n%s%d + %d tokens (%s)", ink(DIM), t->list->n_prompt, n,
               sequence_finish(t->list));
    else
        printf("\n\n%s%d tokens of %d texts", ink(DIM), n, t->n);
    printf(" in %d passes: %.1f tokens/s; %s, %s, %d threads; %.0f rows, %.0f of them "
           "padding; cache %.1f MB (%s)",
           sc->steps, n > 0 ? n / seconds : 0, device_name(), dtype_option(in->dtype),
           in->options->threads, sc->row_sum, sc->pad_sum, 1e-6 * (double)k->bytes,
           dtype_option(k->view.dtype));
    if (sc->preempted)
        printf("; %d times a text had to wait again", sc->preempted);
    printf("%s\n", ink(PLAIN));
}

static void print_new_text(const Sequence *q)
{
    fwrite(q->stops.text, 1, q->stops.n, stdout);
    printf("\n");
}

static void print_texts(const Input *in, const ShowOptions *so, const Texts *t,
                        const KVCache *k)
{
    for (int i = 0; i < t->n; i++) {
        const Sequence *q = &t->list[i];
        if (in->options->json) {
            print_json(q, k->bytes, NULL);
        } else if (in->options->quiet) {
            print_new_text(q);
        } else {
            printf("%s--- %s %d: %d + %d tokens (%s)%s\n", ink(CYAN),
                   so->samples > 1 ? "sample" : "prompt",
                   so->samples > 1 ? q->sample : i + 1, q->n_prompt, q->n - q->n_prompt,
                   sequence_finish(q), ink(PLAIN));
            texts_print_prompt(in, q->ids, q->n_prompt);
            print_new_text(q);
        }
    }
}

static void write_texts(const Model *m, State *s, const Input *in, const ShowOptions *so,
                        Texts *t)
{
    Scheduler sc;
    Picture picture = { 0 };
    const Options *o = in->options;
    bool plain = !o->json && !o->quiet, alone = t->n == 1;
    texts_begin(t, in);
    if (alone && plain)
        texts_print_prompt(in, t->list->ids, t->list->n);
    if (alone && !o->json)
        t->list->emit = print_text;
    scheduler_init(&sc, &so->scheduler, t->list, t->n, &in->config);
    if (!alone && plain) {
        sc.watch = picture_add;
        sc.to = &picture;
    }
    generate(m, s, &sc);
    if (!alone || o->json)
        print_texts(in, so, t, s->cache);
    else if (o->quiet)
        printf("\n");
    if (!alone && plain)
        picture_print(&picture);
    if (plain)
        print_summary(in, t, &sc, s->cache);
    picture_free(&picture);
    scheduler_free(&sc);
    texts_end(t);
}

// The same texts by every schedule, and one after the other.
static void show_table(const Model *m, State *s, const Input *in, const ShowOptions *so,
                       Texts *t)
{
    int *first = NULL;
    printf(
        "\n%sEvery schedule gives the same texts%s\n\n%-12s %8s %8s %9s %9s %10s  %s\n",
        ink(BOLD), ink(PLAIN), "schedule", "passes", "rows", "padding", "seconds",
        "tokens/s", "same texts");
    for (int i = 0; i < 4; i++) {
        Scheduler sc;
        SchedulerOptions o = so->scheduler;
        double seconds;
        bool same = true;
        int at = 0;
        o.kind = i == 0 ? CONTINUOUS : i == 1 ? CONTINUOUS : i == 2 ? GROUPED : STATIC;
        o.batch = i == 0 ? 1 : o.batch;
        texts_begin(t, in);
        scheduler_init(&sc, &o, t->list, t->n, &in->config);
        generate(m, s, &sc);
        int n = new_tokens(t, &seconds);
        if (!first)
            first = memory_alloc((size_t)(t->n * t->longest), sizeof *first, "texts");
        for (int j = 0; j < t->n; at += t->list[j++].max) {
            size_t bytes = (size_t)t->list[j].n * sizeof *first;
            if (i == 0)
                memcpy(first + at, t->list[j].ids, bytes);
            same = same && memcmp(first + at, t->list[j].ids, bytes) == 0;
        }
        printf("%-12s %8d %8.0f %9.0f %9.3f %s%10.1f%s  %s\n",
               i == 0 ? "one by one" : scheduler_kind_name((ScheduleKind)o.kind),
               sc.steps, sc.row_sum, sc.pad_sum, seconds, ink(GREEN), n / seconds,
               ink(PLAIN), same ? "yes" : "NO");
        scheduler_free(&sc);
        texts_end(t);
    }
    free(first);
}

static void show_bench(const Model *m, State *s, const Input *in, const ShowOptions *so,
                       Texts *t)
{
    Bench b;
    measure_texts(&b, m, s, in, so, t);
    if (in->options->json)
        print_json(t->list, s->cache->bytes, &b);
    else
        bench_print(&b);
    texts_end(t);
    bench_free(&b);
}

typedef struct {
    const Model *m;
    State *s;
    const SchedulerOptions *o;
} Machine;

static void write_on(void *to, Sequence *q)
{
    const Machine *machine = to;
    Scheduler sc;
    scheduler_init(&sc, machine->o, q, 1, &machine->s->config);
    generate(machine->m, machine->s, &sc);
    scheduler_free(&sc);
}

static void check(const Input *in, const ShowOptions *so)
{
    const Options *o = in->options;
    if (!in->has_text && (so->generate.stop.n > 0 || so->interactive))
        die("--stop and --interactive need vocab.json and merges.txt beside the weights");
    for (int i = 0; i < so->generate.stop.n; i++)
        if (!*so->generate.stop.items[i])
            die("--stop: an empty text would end every text at once");
    if (so->interactive && (o->json || so->samples > 1 || o->ids || so->prompts))
        die("--interactive is one text: leave out --json, --samples, --prompts, --ids");
    if (so->prompts && prompt_given(o))
        die("a prompt and --prompts exclude each other; give one of them");
    if (so->kv.pages > 0 && so->kv.kind != CACHE_PAGED)
        die("--pages belongs to --cache paged");
    const SamplingParams *p = &so->generate.sampling;
    if (so->beam.beams && (p->temperature != 1 || p->top_k > 0 || p->top_p < 1 ||
                           p->min_p > 0 || p->presence != 0 || p->frequency != 0 ||
                           p->repetition != 1 || p->no_repeat_ngram > 0))
        die("--beams searches, it does not draw: leave out the options of sampling");
    if (so->beam.beams && (so->samples > 1 || so->interactive || so->generate.stop.n > 0))
        die("--beams searches, it does not draw: leave out --samples, --interactive and "
            "--stop");
}

// The options of the cache and the lanes that they are for.
static int lanes_for(const Input *in, const ShowOptions *so, const Texts *t,
                     KVOptions *kv)
{
    int batch = so->scheduler.batch;
    if (!so->beam.beams)
        return t->n < batch && !so->interactive ? t->n : batch;
    if (t->longest > in->config.T)
        die("--beams: the prompt and -n make %d tokens, n_ctx is %d", t->longest,
            in->config.T);
    kv->kind = CACHE_PAGED;
    kv->pages = so->beam.beams * ((t->longest + KV_CHUNK - 1) / KV_CHUNK + 1);
    return 2 * so->beam.beams;
}

void show(Input *in, const ShowOptions *given)
{
    Model m = { 0 };
    State s;
    KVCache k;
    Texts t;
    ShowOptions so = *given;
    check(in, &so);
    if (so.bench.on && !so.prompts && so.samples == 1)
        so.samples = so.scheduler.batch;
    so.generate.ignore_eos = so.generate.ignore_eos || so.bench.on;
    texts_open(&t, so.prompts, is_bare(in, &so), so.samples, in, &so.generate);
    int lanes = lanes_for(in, &so, &t, &so.kv);
    int longest = so.interactive ? in->config.T : t.longest;
    so.scheduler.batch = so.beam.beams ? so.beam.beams : so.interactive ? 1 : lanes;
    int rows = scheduler_max_rows(&so.scheduler);
    model_load(&m, &in->weights, &in->config, in->dtype);
    kvcache_init(&k, &so.kv, &in->config, rows, lanes, longest);
    state_init(&s, &in->config, &k, rows, so.scheduler.batch);
    s.graphs = options_graphs(in->options);
    if (so.interactive)
        chat(in, &so.generate, write_on, &(Machine){ &m, &s, &so.scheduler });
    else if (so.beam.beams)
        nbest_show(&m, &s, in, &so.beam, &t.prompts);
    else if (so.bench.on)
        show_bench(&m, &s, in, &so, &t);
    else
        write_texts(&m, &s, in, &so, &t);
    if (is_bare(in, &so) && !in->options->json && !in->options->quiet &&
        !in->options->dry_run)
        show_table(&m, &s, in, &so, &t);
    state_free(&s);
    kvcache_free(&k);
    model_free(&m);
    texts_close(&t);
}
