// Stage 05: one block of the transformer.  Chapter: docs/05-block.md
#include "attention.h"
#include "show.h"

static const char *const examples[] = {
    "stage05/run --layer 2 \"The old king went to the forest\"",
    "stage05/run --kernel attention=naive",
    "stage05/run --json --ids 464,329",
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
    args_init(&a, "stage05", "runs one transformer block: attention, then the MLP",
              argv[0]);
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
