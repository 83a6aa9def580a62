// Stage 08: nothing is computed twice.  Chapter: docs/08-kvcache.md
#include "attention.h"
#include "show.h"

static const char *const examples[] = {
    "stage08/run",
    "stage08/run -n 200 --kv-dtype bf16 --cache dynamic \"The old king\"",
    "echo \"Once upon a time\" | stage08/run --cache none --json",
    "stage08/run -n 600 --overflow ring \"Once upon a time\"",
    "stage08/run --overflow-cost README.md",
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
    args_init(&a, "stage08",
              "goes on with a text and keeps the keys and values of its tokens", argv[0]);
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
    o.keep_stdin = so.interactive;
    input_open(&in, &o, so.interactive ? "" : "Once upon a time there was a");
    show(&in, &so);
    input_close(&in);
    options_end(&o);
    return 0;
}
