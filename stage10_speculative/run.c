// Stage 10: guess, then verify.  Chapter: docs/10-speculative.md
#include "attention.h"
#include "show.h"

static const char *const examples[] = {
    "stage10/run",
    "stage10/run --gamma 6 --temperature 0.7 \"Once upon a time\"",
    "stage10/run --draft ngram --accept rejection \"The old king\"",
    "stage10/run --draft layers:2 --samples 4 -n 40 \"Once upon a time\"",
    "stage10/run --draft none --json \"The old king\"",
    NULL,
};

static const KernelTable kernels[] = { { "attention", attention_kernels },
                                       { NULL, NULL } };

int main(int argc, char **argv)
{
    Args a;
    Options o = { 0 };
    ShowOptions so;
    Input in;
    args_init(&a, "stage10",
              "lets a draft guess several tokens, and verifies them in one pass",
              argv[0]);
    options_prompt(&a, &o);
    options_shared(&a, &o);
    options_compute(&a, &o);
    options_kernels(&a, &o);
    options_seed(&a, &o);
    options_graph(&a, &o);
    show_options(&a, &so);
    args_examples(&a, examples);
    args_parse(&a, argc, argv);
    bench_check(&a, &so.bench, &o);
    kernels_start(&o, kernels);
    options_start(&o);
    so.generate.sampling.seed = o.seed;
    o.keep_stdin = so.interactive || so.prompts;
    input_open(&in, &o, o.keep_stdin ? "" : "Once upon a time there was a");
    show(&in, &so);
    input_close(&in);
    options_end(&o);
    return 0;
}
