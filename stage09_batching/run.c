// Stage 09: many texts at once.  Chapter: docs/09-batching.md
#include "attention.h"
#include "show.h"

static const char *const examples[] = {
    "stage09/run",
    "stage09/run --samples 4 -n 40 \"Once upon a time\"",
    "stage09/run --prompts prompts.txt --batch 8 --schedule static",
    "stage09/run --prompts prompts.txt --cache paged --pages 40 --json",
    "stage09/run --beams 4 -n 20 \"The old king\"",
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
    args_init(&a, "stage09", "goes on with many texts at once", argv[0]);
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
