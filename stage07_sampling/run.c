// Stage 07: the model writes.  Chapter: docs/07-sampling.md
#include "attention.h"
#include "show.h"

static const char *const examples[] = {
    "stage07/run \"Once upon a time\"",
    "stage07/run -n 200 --temperature 0.8 --top-k 40 --seed 7 \"The old king\"",
    "echo \"Once upon a time\" | stage07/run --temperature 0 --json",
    "stage07/run --interactive -n 40 --stop .",
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
    args_init(&a, "stage07", "goes on with a text, token by token", argv[0]);
    options_prompt(&a, &o);
    options_shared(&a, &o);
    options_compute(&a, &o);
    options_kernels(&a, &o);
    options_seed(&a, &o);
    show_options(&a, &so);
    args_examples(&a, examples);
    args_parse(&a, argc, argv);
    bench_check(&a, &so.bench, &o);
    kernels_start(&o, kernels);
    options_start(&o);
    so.generate.sampling.seed = o.seed;
    o.keep_stdin = so.interactive;
    input_open(&in, &o, so.interactive ? "" : "Once upon a time there was a");
    show(&in, &so);
    input_close(&in);
    options_end(&o);
    return 0;
}
