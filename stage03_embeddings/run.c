// Stage 03: each token becomes a vector.  Chapter: docs/03-embeddings.md
#include "error.h"
#include "show.h"
#include "trace.h"
#include <stdlib.h>
#include <string.h>

static const char *const examples[] = {
    "stage03/run \"The king and the queen\"",
    "stage03/run --near forest",
    "stage03/run --analogy man:woman::king",
    "stage03/run --positions",
    "stage03/run --json --ids 464,329",
    "stage03/run --dump x.safetensors",
    NULL,
};

// Cuts a copy of "A:B::C" into its three words; returns the copy.
static char *cut(const char *analogy, const char *words[3])
{
    char *a = strdup(analogy), *b = strchr(a, ':'), *c = b ? strstr(b + 1, "::") : NULL;
    if (!c || strchr(c + 2, ':') || memchr(b + 1, ':', (size_t)(c - b - 1)))
        die("--analogy: '%s' is not of the form A:B::C; try man:woman::king", analogy);
    *b = *c = '\0';
    words[0] = a;
    words[1] = b + 1;
    words[2] = c + 2;
    for (int i = 0; i < 3; i++)
        if (!*words[i])
            die("--analogy: '%s' lacks the word %c of A:B::C; try man:woman::king",
                analogy, "ABC"[i]);
    return a;
}

// What --near, --analogy and --positions show needs no prompt, and --positions no
// vocabulary either.
static void check(const ShowOptions *so, Options *o)
{
    if (!so->near && !so->analogy[0] && !so->positions)
        return;
    if (so->near && !*so->near)
        die("--near: the word is empty; try --near forest");
    if (o->argument || o->prompt_file || o->ids || o->dump)
        die("--near, --analogy and --positions look at the tables alone; they go "
            "without a prompt, --ids and --dump");
    o->ids = "0";
}

int main(int argc, char **argv)
{
    Args a;
    Options o = { 0 };
    ShowOptions so = { 0 };
    Input in;
    const char *analogy;
    args_init(&a, "stage03", "looks up and adds token and position embeddings", argv[0]);
    options_prompt(&a, &o);
    options_shared(&a, &o);
    options_compute(&a, &o);
    args_group(&a, "Stage 03");
    args_text(&a, "near=WORD", 0, &so.near, NULL, "the tokens nearest to a word");
    args_text(&a, "analogy=A:B::C", 0, &analogy, NULL, "the tokens nearest to B - A + C");
    args_flag(&a, "positions", 0, &so.positions, "how alike positions are");
    args_examples(&a, examples);
    args_parse(&a, argc, argv);
    char *words = analogy ? cut(analogy, so.analogy) : NULL;
    check(&so, &o);
    options_start(&o);
    input_open(&in, &o, "The old king went to the forest");
    show(&in, &so);
    input_close(&in);
    free(words);
    trace_end();
    return 0;
}
