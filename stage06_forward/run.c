// Stage 06: from a text to the probabilities of its next token.  Chapter:
// docs/06-forward.md
#include "attention.h"
#include "error.h"
#include "show.h"

static const char *const examples[] = {
    "stage06/run \"Once upon a time there was a\"",
    "stage06/run --top 3 --json --ids 464,329",
    "stage06/run --perplexity README.md",
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
    args_init(&a, "stage06", "predicts the next token of a text", argv[0]);
    options_prompt(&a, &o);
    options_shared(&a, &o);
    options_compute(&a, &o);
    options_kernels(&a, &o);
    show_options(&a, &so);
    args_examples(&a, examples);
    args_parse(&a, argc, argv);
    bench_check(&a, &so.bench, &o);
    o.keep_stdin = so.perplexity != NULL;
    if (args_given(&a, "stride") && !so.perplexity)
        die("--stride is about --perplexity; give that, too");
    kernels_start(&o, kernels);
    options_start(&o);
    input_open(&in, &o, "Once upon a time there was a");
    show(&in, &so);
    input_close(&in);
    options_end(&o);
    return 0;
}
