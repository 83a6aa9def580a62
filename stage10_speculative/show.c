// The exhibit of stage 10: a text in the colours of speculation, and what it gains.
#include "show.h"
#include "chat.h"
#include "device.h"
#include "error.h"
#include "file.h"
#include "jsonout.h"
#include "measure.h"
#include "memory.h"
#include "nbest.h"
#include "overlap.h"
#include "picture.h"
#include "rounds.h"
#include "terminal.h"
#include "texts.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MAX = 1024 };

void show_options(Args *a, ShowOptions *so)
{
    generate_options(a, &so->generate);
    kvcache_options(a, &so->kv);
    scheduler_options(a, &so->scheduler);
    draft_options(a, &so->draft);
    overlap_options(a, &so->overlap);
    beam_options(a, &so->beam);
    args_group(a, "Stage 10");
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

static void json_new_text(const Sequence *q)
{
    if (q->tokenizer)
        json_text("text", q->stops.text, q->stops.n);
    else
        json_null("text");
    json_text("finish", sequence_finish(q), strlen(sequence_finish(q)));
}

// With what was measured, if that is not NULL.
static void print_json(const Sequence *q, size_t kv_bytes, double speedup, const Bench *b)
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
        json_float("decode_tok_s", measure_rate(q));
    }
    json_int("kv_bytes", (int64_t)kv_bytes);
    json_int("kv_appended_tokens", q->computed);
    rounds_json(q, speedup);
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
                        const KVCache *k, double speedup)
{
    for (int i = 0; i < t->n; i++) {
        const Sequence *q = &t->list[i];
        if (in->options->json) {
            print_json(q, k->bytes, speedup, NULL);
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
                        Texts *t, Draft *d)
{
    Scheduler sc;
    Picture picture = { 0 };
    const Options *o = in->options;
    bool plain = !o->json && !o->quiet, alone = t->n == 1;
    bool compare = d && is_bare(in, so) && !o->quiet && !o->dry_run;
    texts_begin(t, in);
    if (alone && plain) {
        if (d)
            rounds_print_legend();
        texts_print_prompt(in, t->list->ids, t->list->n);
    }
    if (alone && !o->json) {
        t->list->emit = plain && d ? rounds_emit : print_text;
        t->list->to = t->list;
    }
    scheduler_init(&sc, &so->scheduler, t->list, t->n, &in->config);
    bool halves = so->overlap, pictured = !alone && plain && !halves;
    if (pictured) {
        sc.watch = picture_add;
        sc.to = &picture;
    }
    if (halves)
        overlap_generate(m, s, &sc, d);
    else
        generate(m, s, &sc, d);
    compare = compare && measure_rate(t->list) > 0;
    if (o->json)
        print_texts(in, so, t, s->cache,
                    compare ? measure_plain(m, s, in, so, t->list) : NAN);
    else if (!alone)
        print_texts(in, so, t, s->cache, NAN);
    else if (o->quiet)
        printf("\n");
    if (pictured)
        picture_print(&picture);
    if (plain)
        print_summary(in, t, &sc, s->cache);
    if (plain && d)
        rounds_print(t->list, t->n, d, &sc);
    if (plain && halves)
        overlap_print(m, s, &sc, d, t, in);
    if (compare && plain)
        measure_plain(m, s, in, so, t->list);
    picture_free(&picture);
    scheduler_free(&sc);
    texts_end(t);
}

static void show_bench(const Model *m, State *s, const Input *in, const ShowOptions *so,
                       Texts *t, Draft *d)
{
    Bench b;
    measure_texts(&b, m, s, in, so, t, d);
    if (in->options->json)
        print_json(t->list, s->cache->bytes, b.speedup, &b);
    else
        bench_print(&b);
    texts_end(t);
    bench_free(&b);
}

typedef struct {
    const Model *m;
    State *s;
    const SchedulerOptions *o;
    Draft *d;
} Machine;

static void write_on(void *to, Sequence *q)
{
    const Machine *machine = to;
    Scheduler sc;
    scheduler_init(&sc, machine->o, q, 1, &machine->s->config);
    generate(machine->m, machine->s, &sc, machine->d);
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
    if (so->draft.who && strcmp(so->draft.who, "none") != 0 &&
        (so->beam.beams || so->kv.kind == CACHE_NONE))
        die("--draft %s needs a cache, and no --beams", so->draft.who);
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

// Who guesses, if --draft does not say: the model's name with -draft, or the text itself.
// NULL: nobody.  Release with free().
static char *draft_name(const Input *in, const ShowOptions *so)
{
    const char *who = so->draft.who;
    size_t room = strlen(in->options->model) + sizeof "-draft";
    if (who)
        return strcmp(who, "none") == 0 ? NULL : strdup(who);
    if (so->beam.beams || so->kv.kind == CACHE_NONE)
        return NULL;
    char *name = memory_alloc(room, 1, "a name");
    size_t n = strlen(in->options->model);
    while (n > 1 && in->options->model[n - 1] == '/')
        n--;
    snprintf(name, room, "%.*s-draft", (int)n, in->options->model);
    if (!file_is_directory(name))
        snprintf(name, room, "ngram");
    return name;
}

static void show_model(const Model *m, State *s, Input *in, ShowOptions *so, Texts *t)
{
    Draft draft, *d = so->draft.who ? &draft : NULL;
    if (d)
        draft_open(d, &so->draft, m, s, in->dtype, &so->scheduler,
                   so->interactive ? in->config.T : t->longest);
    if (so->interactive)
        chat(in, &so->generate, write_on, &(Machine){ m, s, &so->scheduler, d });
    else if (so->beam.beams)
        nbest_show(m, s, in, &so->beam, &t->prompts);
    else if (so->bench.on)
        show_bench(m, s, in, so, t, d);
    else
        write_texts(m, s, in, so, t, d);
    if (d)
        draft_close(d);
}

void show(Input *in, const ShowOptions *given)
{
    Model m = { 0 };
    State s;
    KVCache k;
    Texts t;
    ShowOptions so = *given;
    check(in, &so);
    char *who = draft_name(in, &so);
    so.draft.who = who;
    so.scheduler.gamma = who ? so.draft.gamma : 0;
    if (so.draft.accept == GREEDY)
        so.generate.sampling.temperature = 0;
    so.generate.ignore_eos = so.generate.ignore_eos || so.bench.on;
    texts_open(&t, so.prompts, false, so.samples, in, &so.generate);
    int lanes = lanes_for(in, &so, &t, &so.kv);
    int longest = so.interactive ? in->config.T : t.longest;
    so.scheduler.batch = so.beam.beams ? so.beam.beams : so.interactive ? 1 : lanes;
    if (so.overlap && (!who || so.scheduler.batch < 2))
        die("--overlap needs a draft and two texts at once; try --samples 4");
    int rows = scheduler_max_rows(&so.scheduler);
    model_load(&m, &in->weights, &in->config, in->dtype);
    kvcache_init(&k, &so.kv, &in->config, rows, lanes, longest);
    state_init(&s, &in->config, &k, rows, scheduler_max_wanted(&so.scheduler));
    s.graphs = options_graphs(in->options);
    show_model(&m, &s, in, &so, &t);
    state_free(&s);
    kvcache_free(&k);
    model_free(&m);
    texts_close(&t);
    free(who);
}
