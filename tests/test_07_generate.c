// Stage 07: the loop: greedy text against Hugging Face, seeds, ends, samples, stop texts.
#include "generate.h"
#include "reference.h"
#include "room.h"
#include "writing.h"
#include <omp.h>

// Fed byte by byte and all at once: the same cut, and never a byte shown that belongs to a stop text.
static void check_stops(const char *text, const char *want, bool found)
{
    static const char *const list[] = { "stop", "tops!", "\n\n" };
    Stops s;
    size_t n = strlen(text), step = 1;
    for (; step <= n; step += step < 3 ? 1 : n) {
        bool stopped = false;
        stops_init(&s, list, 3, n);
        for (size_t i = 0; i < n && !stopped; i += step) {
            stopped = stops_push(&s, text + i, n - i < step ? n - i : step);
            s.shown = stopped ? s.shown : stops_ready(&s);
            cr_expect(s.shown <= strlen(want), "'%s' in steps of %zu: too much was shown",
                      text, step);
        }
        cr_expect(stopped == found, "'%s' in steps of %zu", text, step);
        cr_expect(s.n == strlen(want) && memcmp(s.text, want, s.n) == 0, "'%s': '%.*s'",
                  text, (int)s.n, s.text);
        stops_free(&s);
    }
}

Test(stops, across_borders)
{
    check_stops("no such text", "no such text", false);
    check_stops("a stop here", "a ", true);
    check_stops("a sto stop", "a sto ", true);
    check_stops("ststop", "st", true);
    check_stops("stostop", "sto", true);
    check_stops("a tops!", "a ", true);
    check_stops("one\n\ntwo", "one", true);
    check_stops("sto", "sto", false);
}

typedef struct {
    Reference r;
    Model m;
    State s;
} Run;

static void open_run(Run *run, const char *name)
{
    quick_kernels();
    reference_open(&run->r, name);
    run->m = (Model){ 0 };
    model_load(&run->m, &run->r.weights, &run->r.config, F32);
    room_init(&run->s, &run->r.config, run->r.config.T, 1);
}

static void close_run(Run *run)
{
    room_free(&run->s);
    model_free(&run->m);
    reference_close(&run->r);
}

static Sequence continued(Run *run, const int *ids, int n, int n_new, SamplingParams p)
{
    Sequence q;
    GenerateOptions o = { .n_new = n_new, .sampling = p };
    sequence_init(&q, &o, ids, n, NULL, &run->r.config, 0);
    write_text(&run->m, &run->s, &q);
    return q;
}

static const SamplingParams plain = {
    .temperature = 1, .top_p = 1, .repetition = 1, .seed = 42
};
static const SamplingParams greedy = { .top_p = 1, .repetition = 1 };

static void check_greedy(const char *name, const char *tensor)
{
    Run run;
    int n;
    open_run(&run, name);
    int *want = reference_ints(&run.r, tensor, &n);
    Sequence q = continued(&run, run.r.ids, 5, n, greedy);
    for (int i = 0; i < n; i++)
        cr_expect(q.ids[5 + i] == want[i], "%s: %s[%d] is %d, should be %d", name, tensor,
                  i, q.ids[5 + i], want[i]);
    cr_expect(q.finish == LENGTH);
    sequence_free(&q);
    free(want);
    close_run(&run);
}

Test(generate, greedy_as_hugging_face)
{
    for (const char *const *name = quick_models(); *name; name++)
        check_greedy(*name, "greedy");
}

// Past n_ctx: the last n_ctx ids, at positions from 0.
Test(generate, greedy_beyond_the_window)
{
    check_greedy("chunk33", "greedy_past");
}

Test(generate, same_text_with_any_threads)
{
    Run run;
    SamplingParams p = { .temperature = 1, .top_p = 0.95f, .repetition = 1, .seed = 9 };
    open_run(&run, "shards");
    omp_set_num_threads(1);
    Sequence a = continued(&run, run.r.ids, 5, 60, p);
    omp_set_num_threads(3);
    Sequence b = continued(&run, run.r.ids, 5, 60, p);
    p.seed = 10;
    Sequence c = continued(&run, run.r.ids, 5, 60, p);
    cr_expect(memcmp(a.ids, b.ids, 65 * sizeof(int)) == 0);
    cr_expect(memcmp(a.ids, c.ids, 65 * sizeof(int)) != 0);
    sequence_free(&a);
    sequence_free(&b);
    sequence_free(&c);
    close_run(&run);
}

// A text goes on as it would have: written in one go, or the second half after the first.
Test(generate, can_be_interrupted)
{
    Run run;
    SamplingParams p = { .temperature = 1, .top_p = 1, .repetition = 1, .seed = 3 };
    open_run(&run, "heads12");
    Sequence whole = continued(&run, run.r.ids, 5, 20, p);
    Sequence rest = continued(&run, whole.ids, 15, 10, p);
    cr_expect(memcmp(whole.ids, rest.ids, 25 * sizeof(int)) == 0);
    sequence_free(&whole);
    sequence_free(&rest);
    close_run(&run);
}

static void collect(void *to, const char *text, size_t n)
{
    strncat(to, text, n);
}

// Without a tokenizer the text is the ids as numbers.
Test(generate, ends_at_eos)
{
    Run run;
    int n;
    char told[1000] = "", numbers[1000] = "";
    open_run(&run, "heads12");
    int *want = reference_ints(&run.r, "greedy", &n), third = 2;
    while (third < n - 1 && (want[third] == want[0] || want[third] == want[1]))
        third++;
    for (int i = 0; i < third; i++)
        sprintf(numbers + strlen(numbers), "%d ", want[i]);
    run.r.config.eos = want[third];
    GenerateOptions o = { .n_new = n, .sampling = greedy };
    Sequence q;
    sequence_init(&q, &o, run.r.ids, 5, NULL, &run.r.config, 0);
    q.emit = collect;
    q.to = told;
    write_text(&run.m, &run.s, &q);
    cr_expect(q.finish == EOS && q.n == 5 + third + 1 && q.ids[q.n - 1] == want[third]);
    cr_expect(strcmp(told, numbers) == 0, "EOS is no text: told '%s', not '%s'", told,
              numbers);
    sequence_free(&q);
    o.ignore_eos = true;
    sequence_init(&q, &o, run.r.ids, 5, NULL, &run.r.config, 0);
    write_text(&run.m, &run.s, &q);
    cr_expect(q.finish == LENGTH &&
              memcmp(q.ids + 5, want, (size_t)n * sizeof *want) == 0);
    sequence_free(&q);
    // A prompt that ends in EOS is a prompt like any other.
    int ids[] = { 1, want[third] };
    Sequence after = continued(&run, ids, 2, 4, greedy);
    cr_expect(after.n > 2);
    sequence_free(&after);
    Sequence none = continued(&run, ids, 2, 0, greedy);
    cr_expect(none.n == 2 && none.finish == LENGTH);
    sequence_free(&none);
    free(want);
    close_run(&run);
}

// Several texts of one prompt: each is what it would be alone.
Test(generate, samples_share_the_prompt)
{
    Run run;
    enum { N = 3 };
    Sequence q[N], alone;
    GenerateOptions o = { .n_new = 12, .sampling = plain };
    open_run(&run, "shards");
    for (int i = 0; i < N; i++)
        sequence_init(&q[i], &o, run.r.ids, 5, NULL, &run.r.config, i);
    write_samples(&run.m, &run.s, q, N);
    for (int i = 0; i < N; i++) {
        sequence_init(&alone, &o, run.r.ids, 5, NULL, &run.r.config, i);
        write_text(&run.m, &run.s, &alone);
        cr_expect(alone.n == q[i].n &&
                  memcmp(alone.ids, q[i].ids, 17 * sizeof(int)) == 0);
        sequence_free(&alone);
    }
    cr_expect(memcmp(q[0].ids, q[1].ids, 17 * sizeof(int)) != 0);
    for (int i = 0; i < N; i++)
        sequence_free(&q[i]);
    close_run(&run);
}

// A stop text ends the text before it, wherever the borders of tokens are; the ids stay.
Test(generate, stops_at_a_text)
{
    Run run;
    Tokenizer t;
    Sequence q;
    char told[1000] = "";
    GenerateOptions o = { .n_new = fewer(40, 20), .sampling = greedy };
    open_run(&run, "tales");
    tokenizer_open(&t, run.r.model);
    sequence_init(&q, &o, run.r.ids, 5, &t, &run.r.config, 0);
    write_text(&run.m, &run.s, &q);
    cr_assert(q.finish == LENGTH && q.stops.n > 30);
    char stop[6] = "", before[1000] = "";
    memcpy(stop, q.stops.text + 20, 5);
    memcpy(before, q.stops.text, (size_t)(strstr(q.stops.text, stop) - q.stops.text));
    sequence_free(&q);
    o.stop = (ArgList){ { "never", stop }, 2 };
    sequence_init(&q, &o, run.r.ids, 5, &t, &run.r.config, 0);
    q.emit = collect;
    q.to = told;
    write_text(&run.m, &run.s, &q);
    cr_expect(q.finish == STOP, "it ended by %s", sequence_finish(&q));
    cr_expect(strcmp(told, before) == 0, "told '%s', not '%s'", told, before);
    cr_expect(q.stops.n == strlen(before));
    sequence_free(&q);
    tokenizer_close(&t);
    close_run(&run);
}
