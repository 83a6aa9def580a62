// --bench: what it makes of times, by cases that can be computed by hand.
#include "bandwidth.h"
#include "bench.h"
#include <criterion/criterion.h>
#include <math.h>

static const BenchOptions options = { .on = true, .runs = 2, .born = 1 };
static const Options shared = { .threads = 2 };

static void is(double got, double want, const char *what)
{
    cr_expect(fabs(got - want) <= 1e-12 * fabs(want) || (isnan(got) && isnan(want)),
              "%s is %.17g, should be %.17g", what, got, want);
}

// A run that began at 10 s.
static Bench run(int texts, int lanes, int n, const BenchToken *tokens)
{
    Bench b;
    bench_init(&b, &options, &shared, BF16, texts, lanes, n);
    b.weight_bytes = 100;
    b.kv_token_bytes = 10;
    b.n_ctx = 1000;
    bench_start(&b, NULL);
    b.start = 10;
    memcpy(b.tokens, tokens, (size_t)n * sizeof *tokens);
    b.n_tokens = n;
    return b;
}

Test(bench, median)
{
    double odd[] = { 3, 1, 2 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };
    is(bench_median(odd, 3), 2, "of three");
    is(bench_median(even, 4), 2.5, "of four");
    is(bench_median(one, 1), 7, "of one");
    is(bench_median(one, 0), NAN, "of none");
}

Test(bench, quantile)
{
    double v[100];
    for (int i = 0; i < 100; i++)
        v[i] = (i * 37 + 5) % 100 + 1;  // 1 to 100, in disorder
    is(bench_quantile(v, 100, 0.99), 99, "p99");
    is(bench_quantile(v, 100, 0.5), 50, "p50");
    is(bench_quantile(v, 100, 0), 1, "p0");
    is(bench_quantile(v, 100, 1), 100, "p100");
    is(bench_quantile(v, 3, 0.99), 3, "of three: the largest");
    is(bench_quantile(v, 0, 0.5), NAN, "of none");
}

Test(bench, one_text)
{
    // time, gap, text, place, pass, first: a prompt of 4, first token after 2 s
    BenchToken tokens[] = { { 12, 0, 0, 4, 1, true },
                            { 13, 1, 0, 5, 2, false },
                            { 16, 3, 0, 6, 3, false } };
    Bench b = run(1, 1, 3, tokens);
    bench_stop(&b);
    const BenchRun *r = &b.runs[0];
    is(r->ttft, 2, "TTFT");
    is(r->prefill, 4 / 2.0, "prefill");
    is(r->decode, 2 / 4.0, "decode");
    is(r->weights, 100, "weights a token");
    is(r->kv, 10 * (5 + 6) / 2.0, "keys and values a token");
    is(b.born_ttft, 11, "since the program began");
    cr_assert(b.n_gaps == 2);
    is(b.gaps[0] + b.gaps[1], 4, "gaps");
    bench_free(&b);
}

Test(bench, a_full_context)
{
    BenchToken tokens[] = { { 11, 0, 0, 4, 1, true },
                            { 12, 1, 0, 5, 2, false },
                            { 13, 1, 0, 6, 3, false } };
    Bench b = run(1, 1, 3, tokens);
    b.n_ctx = 5;
    bench_stop(&b);
    is(b.runs[0].kv, 50, "keys and values a token");
    bench_free(&b);
}

// Two lanes, then a third text in the first one's place: steps are shared.
Test(bench, a_batch)
{
    BenchToken tokens[] = {
        { 11, 0, 0, 3, 1, true },  { 12, 1, 0, 4, 2, false }, { 12, 0, 1, 5, 2, true },
        { 14, 2, 0, 5, 3, false }, { 14, 2, 1, 6, 3, false }, { 15, 1, 1, 7, 4, false },
        { 16, 0, 2, 9, 5, true },
    };
    Bench b = run(3, 2, 7, tokens);
    bench_stop(&b);
    const BenchRun *r = &b.runs[0];
    is(r->ttft, 2, "TTFT: both lanes have begun");
    cr_assert(r->prompt_tokens == 8 && r->from == 2);
    is(r->prefill, 4, "prefill");
    is(r->decode, 4 / 4.0, "decode");
    is(r->weights, 100 * 3 / 4.0, "weights a token");
    is(r->kv, 10 * (5 + 6 + 7 + 9) / 4.0, "keys and values a token");
    cr_assert(b.n_gaps == 3, "%d gaps: a first token has none", b.n_gaps);
    bench_free(&b);
}

// Three tokens of one pass: the keys were read once.
Test(bench, speculation)
{
    BenchToken tokens[] = { { 11, 0, 0, 4, 1, true },
                            { 13, 2, 0, 5, 2, false },
                            { 13, 0, 0, 6, 2, false },
                            { 13, 0, 0, 7, 2, false } };
    Bench b = run(1, 1, 4, tokens);
    bench_stop(&b);
    is(b.runs[0].decode, 1.5, "decode");
    is(b.runs[0].weights, 100 / 3.0, "weights a token");
    is(b.runs[0].kv, 50 / 3.0, "keys and values a token");
    bench_free(&b);
}

Test(bench, floor)
{
    BenchToken tokens[] = { { 12, 0, 0, 4, 1, true }, { 14, 2, 0, 5, 2, false } };
    Bench b = run(1, 1, 2, tokens);
    double share;
    bench_stop(&b);
    b.bandwidth = 300;  // 150 bytes a token: 0.5 s; it took 2
    is(bench_floor(&b, &share), 0.5, "the floor");
    is(share, 0.25, "the share");
    b.bandwidth = 50;  // the run has read 75 bytes a second
    is(bench_floor(&b, &share), 2, "a floor that the run has moved");
    is(share, 1, "the share");
    bench_free(&b);
}

Test(bench, a_first_token_alone)
{
    BenchToken tokens[] = { { 12, 0, 0, 4, 1, true } };
    Bench b = run(1, 1, 1, tokens);
    double share;
    bench_stop(&b);
    b.bandwidth = 200;
    is(b.runs[0].decode, NAN, "decode");
    is(bench_floor(&b, &share), 0.5, "the floor of the first token");
    is(share, 0.25, "the share");
    cr_assert(b.n_gaps == 0);
    bench_free(&b);
}

// A text tells of tokens when it has whole characters to show.
Test(bench, tokens_that_come_together)
{
    Bench b;
    int length = 5, passes = 7;
    bench_init(&b, &options, &shared, BF16, 1, 1, 4);
    void *to = bench_text(&b, 0, &length, 5);
    bench_start(&b, &passes);
    bench_token(to, "", 0);
    cr_assert(b.n_tokens == 0);
    length = 6;
    bench_token(to, "x", 1);
    length = 8;
    passes = 9;
    bench_token(to, "y", 1);
    cr_assert(b.n_tokens == 3);
    for (int i = 0; i < 3; i++) {
        const BenchToken *t = &b.tokens[i];
        cr_expect(t->place == 5 + i && t->first == (i == 0) && t->text == 0);
        cr_expect(t->pass == (i ? 9 : 7), "%d", t->pass);
    }
    cr_expect(b.tokens[2].gap >= 0 && b.tokens[2].time == b.tokens[1].time);
    bench_free(&b);
}

Test(bench, warms_up_and_counts)
{
    Bench b;
    int length, runs = 0;
    bool again;
    bench_init(&b, &options, &shared, F32, 1, 1, 2);
    b.weight_bytes = 1 << 20;
    do {
        length = 1;
        void *to = bench_text(&b, 0, &length, 1);
        bench_start(&b, NULL);
        for (length = 2; length <= 3; length++)
            bench_token(to, "x", 1);
        again = bench_again(&b);
        runs++;
    } while (again);
    cr_expect(runs == 3, "%d runs, should be one to warm up and two", runs);
    cr_expect(b.n_runs == 2 && b.n_gaps == 2);
    cr_expect(b.peak_rss > 1e6 && b.peak_rss < 1e12, "%g", b.peak_rss);
    cr_expect(b.bandwidth > 1e7 && b.bandwidth < 1e14, "%g", b.bandwidth);
    bench_free(&b);
}

Test(bench, bandwidth_of_any_size)
{
    for (size_t bytes = 0; bytes < 100e6; bytes = 10 * bytes + 1) {
        double rate = bandwidth_read(bytes);
        cr_expect(rate > 0 && rate < 1e14, "%zu bytes: %g a second", bytes, rate);
    }
}
