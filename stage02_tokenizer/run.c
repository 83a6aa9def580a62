// Stage 02, tokenizer: text to token ids and back.  Chapter: docs/02-tokenizer.md
#include "error.h"
#include "file.h"
#include "memory.h"
#include "options.h"
#include "show.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char built_in[] = "Once upon a time the king's daughter couldn't sleep: "
                               "100 frogs sang “Königskinder!” all night, unaccompanied.";

typedef struct {
    bool encode, trace;
    const char *decode;
} Own;

static void read_options(Options *o, Own *own, int argc, char **argv)
{
    static const char *const examples[] = {
        "stage02/run \"Hello, world!\"            its tokens, in colour",
        "stage02/run --encode < text.txt          ids; every byte counts",
        "stage02/run -q --decode 72,105,33        the bytes of these tokens",
        "stage02/run --trace \"unbelievable\"      merge after merge",
        NULL,
    };
    Args a;
    args_init(&a, "stage02", "turns text into tokens and back.", argv[0]);
    options_prompt(&a, o);
    args_group(&a, "Stage 02");
    args_flag(&a, "encode", 0, &own->encode,
              "print the ids alone; reads stdin without PROMPT");
    args_text(&a, "decode=IDS", 0, &own->decode, NULL,
              "print the text of these ids; -: from stdin");
    args_flag(&a, "trace", 0, &own->trace, "show each merge of each piece");
    options_shared(&a, o);
    args_examples(&a, examples);
    args_parse(&a, argc, argv);
    if (own->encode + own->trace + !!own->decode > 1)
        die("--encode, --decode and --trace are three different outputs; give one");
    if (own->decode && (o->argument || o->prompt_file))
        die("--decode takes ids; leave out the text");
    if (own->trace && o->json)
        die("--trace is for people; leave out --json");
}

// The text with every byte of it, a final newline too; stdin may also be a terminal.
static Prompt exact_text(const Options *o)
{
    Prompt p = { NULL, 0 };
    if (o->argument)
        p = (Prompt){ strdup(o->argument), strlen(o->argument) };
    else if (o->prompt_file)
        p.text = file_read(o->prompt_file, &p.n);
    else
        p.text = file_read_stream(stdin, &p.n);
    return p;
}

// Ids with commas or white space between them.
static int *read_ids(const char *list, int V, int *n)
{
    int *ids = memory_grow(NULL, strlen(list) / 2 + 1, sizeof *ids, "--decode");
    *n = 0;
    for (const char *p = list;; (*n)++) {
        char *end;
        while (*p == ',' || isspace((unsigned char)*p))
            p++;
        if (!*p)
            return ids;
        long id = strtol(p, &end, 10);
        if (end == p || (*end && *end != ',' && !isspace((unsigned char)*end)))
            die("--decode: '%.*s' is not a token id; give e.g. --decode 464,3290",
                (int)strcspn(p, ", \t\r\n"), p);
        if (id < 0 || id >= V)
            die("--decode: %ld is not a token of this model; ids are 0 to %d", id, V - 1);
        ids[*n] = (int)id;
        p = end;
    }
}

static void decode(const Tokenizer *t, const Options *o, const char *list)
{
    int n;
    size_t bytes;
    char *all = strcmp(list, "-") == 0 ? file_read_stream(stdin, &bytes) : NULL;
    int *ids = read_ids(all ? all : list, t->n, &n);
    char *text = tokenizer_decode(t, ids, n, &bytes);
    if (o->json)
        show_json(t, ids, n, text, bytes);
    else
        fwrite(text, 1, bytes, stdout);
    if (!o->json && !o->quiet)
        printf("\n");
    free(text);
    free(ids);
    free(all);
}

static void show(const Tokenizer *t, const Options *o, const Own *own)
{
    Prompt p = own->encode ? exact_text(o) : prompt_read(o);
    const char *text = p.text ? p.text : built_in;
    size_t bytes = p.text ? p.n : strlen(built_in);
    int n;
    int *ids = tokenizer_encode(t, text, bytes, &n);
    if (o->json)
        show_json(t, ids, n, text, bytes);
    else if (own->trace)
        show_trace(t, text, bytes);
    else if (own->encode || o->quiet)
        show_ids(ids, n);
    else
        show_text(t, text, bytes);
    free(ids);
    prompt_free(&p);
}

int main(int argc, char **argv)
{
    Options o = { 0 };
    Own own = { 0 };
    Tokenizer t;
    read_options(&o, &own, argc, argv);
    options_start(&o);
    tokenizer_open(&t, o.model);
    if (own.decode)
        decode(&t, &o, own.decode);
    else
        show(&t, &o, &own);
    tokenizer_close(&t);
    options_end(&o);
    return 0;
}
