// How --bench prints its figures; see bench.h.
#include "bench.h"
#include "device.h"
#include "jsonout.h"
#include "terminal.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

// All figures, each once: for JSON and for CSV.
typedef struct {
    const char *name;
    double value;
} Figure;

enum {
    TTFT,
    PREFILL,
    DECODE,
    ITL_MEAN,
    ITL_P50,
    ITL_P99,
    RSS,
    WEIGHTS,
    FLOOR,
    SHARE,
    FIGURES
};

static void figures(const Bench *b, Figure list[FIGURES])
{
    static const char *const names[] = {
        "ttft_ms",    "prefill_tok_s", "decode_tok_s", "itl_ms_mean", "itl_ms_p50",
        "itl_ms_p99", "peak_rss_mb",   "weight_bytes", "floor_ms",    "of_floor",
    };
    double sum = 0, share, floor = bench_floor(b, &share);
    for (int i = 0; i < b->n_gaps; i++)
        sum += b->gaps[i];
    double values[] = {
        1e3 * bench_over_runs(b, offsetof(BenchRun, ttft)),
        bench_over_runs(b, offsetof(BenchRun, prefill)),
        bench_decode(b),
        1e3 * sum / b->n_gaps,
        1e3 * bench_median(b->gaps, b->n_gaps),
        1e3 * bench_quantile(b->gaps, b->n_gaps, 0.99),
        1e-6 * b->peak_rss,
        (double)b->weight_bytes,
        1e3 * floor,
        share,
    };
    for (int i = 0; i < FIGURES; i++)
        list[i] = (Figure){ names[i], values[i] };
}

static void print_csv(const Bench *b, const Figure *list)
{
    printf("device,dtype,threads,batch,runs,prompt_tokens");
    for (int i = 0; i < FIGURES; i++)
        printf(",%s", list[i].name);
    printf(",speedup\n%s,%s,%d,%d,%d,%d", device_name(), b->dtype, b->threads, b->lanes,
           b->n_runs, b->runs[0].prompt_tokens);
    for (int i = 0; i < FIGURES; i++)
        if (isnan(list[i].value))
            printf(",");
        else
            printf(",%.9g", list[i].value);
    if (isnan(b->speedup))
        printf(",\n");
    else
        printf(",%.9g\n", b->speedup);
}

static void print_decode(const Bench *b, const Figure *f)
{
    printf("%-16s %s%10.1f%s tokens/s\n", "decode", ink(GREEN), f[DECODE].value,
           ink(PLAIN));
    printf("%-16s %10.3f ms   p50 %.3f, p99 %.3f\n", "between tokens", f[ITL_MEAN].value,
           f[ITL_P50].value, f[ITL_P99].value);
    if (!isnan(b->speedup))
        printf("%-16s %10.2f times as fast as without a draft\n", "speed-up", b->speedup);
}

static void print_table(const Bench *b, const Figure *f)
{
    const BenchRun *r = &b->runs[0];
    double share, floor = bench_floor(b, &share);
    bool decoded = !isnan(f[DECODE].value);
    printf("%s%d run%s%s: %s, %s, %d threads, batch %d\n\n", ink(BOLD), b->n_runs,
           b->n_runs == 1 ? "" : "s, medians", ink(PLAIN), device_name(), b->dtype,
           b->threads, b->lanes);
    printf("%-16s %10.1f ms   after the start of the program %.1f ms\n", "first token",
           f[TTFT].value, 1e3 * b->born_ttft);
    printf("%-16s %10.1f tokens/s   %d tokens\n", "prefill", f[PREFILL].value,
           r->prompt_tokens);
    if (decoded)
        print_decode(b, f);
    printf("%-16s %10.1f MB\n", "peak memory", f[RSS].value);
    printf("%-16s %10.1f MB   weights %.1f, keys and values %.1f\n",
           decoded ? "read a token" : "read in a pass", 1e-6 * (r->weights + r->kv),
           1e-6 * r->weights, 1e-6 * r->kv);
    printf("%-16s %10.3f ms   at %.1f GB/s; %s%.0f %%%s of that speed reached\n", "floor",
           f[FLOOR].value, 1e-9 * (r->weights + r->kv) / floor, ink(GREEN),
           100 * f[SHARE].value, ink(PLAIN));
}

void bench_print(const Bench *b)
{
    Figure list[FIGURES];
    figures(b, list);
    if (b->options->csv)
        print_csv(b, list);
    else
        print_table(b, list);
}

void bench_json(const Bench *b)
{
    Figure f[FIGURES];
    figures(b, f);
    for (int i = 0; i < FIGURES; i++) {
        if (i == ITL_MEAN)
            json_begin("{", "itl_ms");
        bool part = i >= ITL_MEAN && i <= ITL_P99;
        json_float(part ? f[i].name + strlen("itl_ms_") : f[i].name, f[i].value);
        if (i == ITL_P99)
            json_end();
    }
    json_text("device", device_name(), strlen(device_name()));
    json_text("dtype", b->dtype, strlen(b->dtype));
    json_int("threads", b->threads);
    json_int("batch", b->lanes);
    json_int("runs", b->n_runs);
}
