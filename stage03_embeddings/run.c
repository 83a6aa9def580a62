// Stage 03: each token becomes a vector.  Chapter: docs/03-embeddings.md
#include "show.h"
#include "trace.h"

static const char *const examples[] = {
    "stage03/run \"The king and the queen\"",
    "stage03/run --json --ids 464,329",
    "stage03/run --dump x.safetensors",
    NULL,
};

int main(int argc, char **argv)
{
    Args a;
    Options o = { 0 };
    Input in;
    args_init(&a, "stage03", "looks up and adds token and position embeddings", argv[0]);
    options_prompt(&a, &o);
    options_shared(&a, &o);
    options_compute(&a, &o);
    args_examples(&a, examples);
    args_parse(&a, argc, argv);
    options_start(&o);
    input_open(&in, &o, "The old king went to the forest");
    show(&in);
    input_close(&in);
    trace_end();
    return 0;
}
