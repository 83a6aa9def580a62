// Times parts of the program by themselves: make bench.  Medians of several runs, of the
// thread's CPU time: a busy neighbour takes away little.
//
//     components TEXT VOCABULARY...     MB/s of the tokenizer on a text, for each vocabulary,
//                                       and the sampler's microseconds for 50,257 logits
#include "file.h"
#include "memory.h"
#include "random.h"
#include "sampling.h"
#include "tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 9, V = 50257 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times)
{
    qsort(times, RUNS, sizeof *times, by_value);
    return times[RUNS / 2];
}

static void time_tokenizer(const char *path, const char *model)
{
    double times[RUNS];
    size_t bytes;
    int n = 0;
    char *text = file_read(path, &bytes);
    Tokenizer t;
    tokenizer_open(&t, model);
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        free(tokenizer_encode(&t, text, bytes, &n));
        times[i] = now() - start;
    }
    printf("tokenizer  %-28s %8.1f MB/s  (%.2f MB, %d tokens)\n", model,
           (double)bytes / 1e6 / median(times), (double)bytes / 1e6, n);
    tokenizer_close(&t);
    free(text);
}

static void time_sampler(const char *what, SamplingParams p, const float *logits)
{
    double times[RUNS];
    int next, index = 0;
    Sampler sp;
    sampler_init(&sp, &p, V, 1, 0);
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        for (int k = 0; k < 10; k++) {
            sp.params.seed = (uint64_t)(10 * i + k);
            sampling_next(&sp, logits, &index, &next);
        }
        times[i] = (now() - start) / 10;
    }
    printf("sampler    %-28s %8.0f us\n", what, 1e6 * median(times));
    sampler_free(&sp);
}

int main(int argc, char **argv)
{
    float *logits = memory_alloc(V, sizeof *logits, "logits");
    SamplingParams p = { .temperature = 1, .top_p = 1, .repetition = 1 };
    for (uint32_t i = 0; i < V; i++)  // spread as a language model's: a few stand out
        logits[i] = 2 * random_gumbel(random_four((RandomKey){ 1, 0, 0, 0 }, i).v[0]);
    for (int i = 2; i < argc; i++)
        time_tokenizer(argv[1], argv[i]);
    static const char *const names[] = { "gumbel", "sort", "pivot" };
    for (p.kind = GUMBEL; p.kind <= PIVOT; p.kind++) {
        char what[64];
        SamplingParams k = p, top = p, both = p;
        k.top_k = 40;
        top.top_p = 0.9f;
        both.top_k = 40;
        both.top_p = 0.9f;
        time_sampler(names[p.kind], p, logits);
        snprintf(what, sizeof what, "%s, top-k 40", names[p.kind]);
        time_sampler(what, k, logits);
        snprintf(what, sizeof what, "%s, top-p 0.9", names[p.kind]);
        time_sampler(what, top, logits);
        snprintf(what, sizeof what, "%s, top-k 40, top-p 0.9", names[p.kind]);
        time_sampler(what, both, logits);
    }
    p.temperature = 0;
    time_sampler("greedy", p, logits);
    free(logits);
    return 0;
}
