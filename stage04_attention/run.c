// Stage 04: tokens read from those before them.  Chapter: docs/04-attention.md
#include "attention.h"
#include "show.h"

static const char *const examples[] = {
    "stage04/run --head 2 \"The old king went to the forest\"",
    "stage04/run --layer 1 --svg heads.svg",
    "stage04/run --kernel attention=naive",
    "stage04/run --json --ids 464,329",
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
    args_init(&a, "stage04", "computes causal multi-head attention", argv[0]);
    options_prompt(&a, &o);
    options_shared(&a, &o);
    options_compute(&a, &o);
    options_kernels(&a, &o);
    show_options(&a, &so);
    args_examples(&a, examples);
    args_parse(&a, argc, argv);
    kernels_start(&o, kernels);
    options_start(&o);
    input_open(&in, &o, "The old king went to the forest");
    show(&in, &so);
    input_close(&in);
    options_end(&o);
    return 0;
}
