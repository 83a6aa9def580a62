// Stage 01, weights: what is in a model's file.  Chapter: docs/01-weights.md
#include "error.h"
#include "show.h"

typedef struct {
    const char *tensor;
    bool header;
} Own;

static void read_options(Options *o, Own *own, int argc, char **argv)
{
    static const char *const examples[] = {
        "stage01/run                          every tensor of models/tales",
        "stage01/run --tensor wpe.weight      one of them",
        "stage01/run --header                 the bytes of the file, explained",
        "stage01/run -m models/gpt2 --json    for programs",
        NULL,
    };
    Args a;
    args_init(&a, "stage01", "shows the weights of a model.", argv[0]);
    args_group(&a, "Stage 01");
    args_text(&a, "tensor=NAME", 0, &own->tensor, NULL,
              "values and histogram of one tensor");
    args_flag(&a, "header", 0, &own->header, "the file's first bytes, explained");
    options_shared(&a, o);
    args_examples(&a, examples);
    args_parse(&a, argc, argv);
    if (!!own->tensor + own->header + o->json > 1)
        die("--tensor, --header and --json are three different outputs; give one");
}

int main(int argc, char **argv)
{
    Options o = { 0 };
    Own own = { 0 };
    Weights w;
    read_options(&o, &own, argc, argv);
    options_start(&o);
    weights_open(&w, o.model);
    if (o.json)
        show_json(&w);
    else if (own.tensor)
        show_tensor(&w, own.tensor);
    else if (own.header)
        show_header(&w, o.verbose);
    else
        show_model(&w, &o);
    weights_close(&w);
    options_end(&o);
    return 0;
}
