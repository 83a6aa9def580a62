// Stage 07: the sampler's distribution, its filters, the loop.
#include "generate.h"
#include "reference.h"
#include <omp.h>

enum { V = 12 };

// Twelve logits with two equal ones (ids 3 and 7).
static const float logits[V] = { 0.5f,  -1,   2,     1.5f, 0,  -3,
                                 0.25f, 1.5f, -0.5f, 1,    -2, 0.75f };

static Sampler sampler(float temperature, int top_k, float top_p)
{
    Sampler sp;
    SamplingParams p = {
        .temperature = temperature, .top_k = top_k, .top_p = top_p, .seed = 42
    };
    sampling_init(&sp, &p, V, 0);
    return sp;
}

static int draw(const Sampler *sp, const float *from, int index)
{
    int next = -1;
    sampling_next(sp, from, &index, &next);
    return next;
}

// The distribution by its definition, in double precision, with nothing shared with sampling.c:
// a token is kept by top-k if fewer than k come before it, by top-p if those before it have less
// than p of what top-k left.
static void define(double *probs, float temperature, int top_k, float top_p)
{
    double e[V], kept[V], total = 0, sum = 0;
    for (int i = 0; i < V; i++)
        e[i] = exp((double)(logits[i] / temperature));
    for (int i = 0; i < V; i++) {
        int before = 0;
        for (int j = 0; j < V; j++)
            before += e[j] > e[i] || (e[j] == e[i] && j < i);
        kept[i] = top_k && before >= top_k ? 0 : e[i];
        total += kept[i];
    }
    for (int i = 0; i < V; i++) {
        double mass = 0;
        for (int j = 0; j < V; j++)
            if (kept[j] > kept[i] || (kept[j] == kept[i] && j < i))
                mass += kept[j] / total;
        probs[i] = mass < (double)top_p ? kept[i] : 0;
        sum += probs[i];
    }
    for (int i = 0; i < V; i++)
        probs[i] /= sum;
}

// Pearson's chi-square of 20,000 draws.  The limit is the 99.99 % point for up to 11 degrees of
// freedom; the draws are keyed, so the test gives the same result every time.
static void check_distribution(float temperature, int top_k, float top_p)
{
    enum { DRAWS = 20000 };
    Sampler sp = sampler(temperature, top_k, top_p);
    double probs[V], chi = 0;
    float ours[V];
    int count[V] = { 0 };
    define(probs, temperature, top_k, top_p);
    sampling_probs(&sp, logits, ours);
    for (int i = 0; i < DRAWS; i++)
        count[draw(&sp, logits, i)]++;
    for (int i = 0; i < V; i++) {
        cr_expect(fabs((double)ours[i] - probs[i]) < 1e-6,
                  "T %g k %d p %g: probs[%d] is %g, not %g", (double)temperature, top_k,
                  (double)top_p, i, (double)ours[i], probs[i]);
        if (probs[i] == 0)
            cr_expect(count[i] == 0, "T %g k %d p %g: token %d was drawn",
                      (double)temperature, top_k, (double)top_p, i);
        else
            chi += (count[i] - probs[i] * DRAWS) * (count[i] - probs[i] * DRAWS) /
                   (probs[i] * DRAWS);
    }
    cr_expect(chi < 37.4, "T %g k %d p %g: chi-square %g", (double)temperature, top_k,
              (double)top_p, chi);
    sampling_free(&sp);
}

Test(sampling, draws_from_its_distribution)
{
    float temperatures[] = { 0.5f, 1, 2 }, ps[] = { 1, 0.9f, 0.5f, 0.05f };
    int ks[] = { 0, 1, 3, 4, 100 };
    for (int t = 0; t < 3; t++)
        for (int k = 0; k < 5; k++)
            for (int p = 0; p < 4; p++)
                check_distribution(temperatures[t], ks[k], ps[p]);
}

Test(sampling, greedy_takes_the_greatest)
{
    Sampler sp = sampler(0, 0, 1), one = sampler(1, 1, 1);
    float equal[V] = { 0 };
    equal[5] = equal[9] = 1;  // of equal ones the lower id
    for (int i = 0; i < 100; i++) {
        cr_expect(draw(&sp, logits, i) == 2);
        cr_expect(draw(&one, logits, i) == 2);
        cr_expect(draw(&sp, equal, i) == 5);
        cr_expect(draw(&one, equal, i) == 5);
    }
    sampling_free(&sp);
    sampling_free(&one);
}

// The token that crosses p is kept (the trap of several programs).
Test(sampling, top_p_keeps_the_token_that_crosses)
{
    float two[V], probs[V];
    for (int i = 0; i < V; i++)
        two[i] = -100;
    two[4] = logf(0.6f);
    two[8] = logf(0.4f);
    Sampler sp = sampler(1, 0, 0.7f);
    sampling_probs(&sp, two, probs);
    cr_expect(fabsf(probs[4] - 0.6f) < 1e-5f && fabsf(probs[8] - 0.4f) < 1e-5f);
    sp.params.top_p = 0.5f;
    sampling_probs(&sp, two, probs);
    cr_expect(probs[4] == 1 && probs[8] == 0);
    sampling_free(&sp);
}

Test(sampling, top_k_is_exactly_k)
{
    float equal[V] = { 0 }, probs[V];
    Sampler sp = sampler(1, 3, 1);
    sampling_probs(&sp, equal, probs);
    for (int i = 0; i < V; i++)
        cr_expect(i < 3 ? fabsf(probs[i] - 1.0f / 3) < 1e-6f : probs[i] == 0);
    sampling_free(&sp);
}

// The noise belongs to (seed, sample, place, id): a filter that drops other tokens, or a call in
// between, changes nothing.
Test(sampling, a_function_not_a_state)
{
    Sampler a = sampler(1, 0, 1), b = sampler(1, V - 1, 1), other = sampler(1, 0, 1);
    other.sample = 1;
    int same = 0, changed = 0;
    for (int i = 0; i < 500; i++) {
        int first = draw(&a, logits, i), filtered = draw(&b, logits, i);
        cr_expect(first == draw(&a, logits, i));
        cr_expect(first == 5 || first == filtered);  // id 5 is what top-k 11 drops
        same += first == filtered;
        changed += first != draw(&other, logits, i);
    }
    cr_expect(same > 450 && changed > 200, "same %d, changed %d", same, changed);
    sampling_free(&a);
    sampling_free(&b);
    sampling_free(&other);
}

Test(sampling, a_nan_ends_the_program, .exit_code = 1)
{
    Sampler sp = sampler(1, 0, 1);
    float bad[V] = { 0 };
    bad[3] = NAN;
    draw(&sp, bad, 0);
}

typedef struct {
    Reference r;
    Model m;
    State s;
} Run;

static void open_run(Run *run, const char *name)
{
    reference_open(&run->r, name);
    run->m = (Model){ 0 };
    model_load(&run->m, &run->r.weights, &run->r.config, F32);
    state_init(&run->s, &run->r.config, run->r.config.T, 1);
}

static void close_run(Run *run)
{
    state_free(&run->s);
    model_free(&run->m);
    reference_close(&run->r);
}

static Sequence continued(Run *run, const int *ids, int n, int n_new, SamplingParams p)
{
    Sequence q;
    sequence_init(&q, ids, n, n_new, &p, &run->r.config, 0);
    generate(&run->m, &run->s, &q);
    return q;
}

static const SamplingParams greedy = { .top_p = 1 };

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
    for (int i = 0; reference_models[i]; i++)
        check_greedy(reference_models[i], "greedy");
}

// Past n_ctx: the last n_ctx ids, at positions from 0.
Test(generate, greedy_beyond_the_window)
{
    check_greedy("chunk33", "greedy_past");
}

Test(generate, same_text_with_any_threads)
{
    Run run;
    SamplingParams p = { .temperature = 1, .top_p = 0.95f, .seed = 9 };
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
    SamplingParams p = { .temperature = 1, .top_p = 1, .seed = 3 };
    open_run(&run, "heads12");
    Sequence whole = continued(&run, run.r.ids, 5, 20, p);
    Sequence rest = continued(&run, whole.ids, 15, 10, p);
    cr_expect(memcmp(whole.ids, rest.ids, 25 * sizeof(int)) == 0);
    sequence_free(&whole);
    sequence_free(&rest);
    close_run(&run);
}

static void count(void *to, int id)
{
    (void)id;
    ++*(int *)to;
}

Test(generate, ends_at_eos)
{
    Run run;
    int n, told = 0;
    open_run(&run, "heads12");
    int *want = reference_ints(&run.r, "greedy", &n), third = 2;
    while (third < n - 1 && (want[third] == want[0] || want[third] == want[1]))
        third++;
    run.r.config.eos = want[third];
    Sequence q;
    sequence_init(&q, run.r.ids, 5, n, &greedy, &run.r.config, 0);
    q.emit = count;
    q.to = &told;
    generate(&run.m, &run.s, &q);
    cr_expect(q.finish == EOS && q.n == 5 + third + 1 && q.ids[q.n - 1] == want[third]);
    cr_expect(told == third, "EOS is no text");
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
