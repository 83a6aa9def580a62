// The texts of a run; see texts.h.
#include "texts.h"
#include "memory.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Bare, the program shows its idea on texts of many lengths.
static void builtin_prompts(Prompts *p, const Input *in, const GenerateOptions *o)
{
    static const struct {
        const char *text;
        int percent;  // of -n
    } list[] = {
        { "Once upon a time there was a king who had three daughters, and", 40 },
        { "The wolf", 12 },
        { "\"Who are you?\" asked the old woman.", 25 },
        { "In the middle of the forest stood a little house, and in the house lived",
          60 },
        { "The princess laughed", 18 },
        { "Far out in the sea, where the water is as blue as the petals of the", 33 },
        { "He", 10 },
        { "When the fisherman came home in the evening, his wife said to him:", 50 },
    };
    int n = sizeof list / sizeof *list;
    *p = (Prompts){ .n = n };
    p->list = memory_alloc((size_t)n, sizeof *p->list, "the prompts");
    for (int i = 0; i < n; i++) {
        PromptLine *line = &p->list[i];
        line->ids = tokenizer_encode(&in->tokenizer, list[i].text, strlen(list[i].text),
                                     &line->n);
        line->generate = *o;
        line->generate.n_new = (o->n_new * list[i].percent + 99) / 100;
        line->generate.sampling.seed += (uint64_t)i;  // else all have the same noise
    }
}

// The one prompt of the command line.
static void only_prompt(Prompts *p, const Input *in, const GenerateOptions *o)
{
    *p = (Prompts){ .n = 1 };
    p->list = memory_alloc(1, sizeof *p->list, "the prompts");
    p->list->ids = memory_alloc((size_t)in->n, sizeof *in->ids, "the prompt");
    memcpy(p->list->ids, in->ids, (size_t)in->n * sizeof *in->ids);
    p->list->n = in->n;
    p->list->generate = *o;
}

void texts_open(Texts *t, const char *prompts, bool bare, int samples, const Input *in,
                const GenerateOptions *o)
{
    *t = (Texts){ .longest = 1, .samples = samples };
    if (prompts)
        prompts_read(&t->prompts, prompts, in, o);
    else if (bare)
        builtin_prompts(&t->prompts, in, o);
    else
        only_prompt(&t->prompts, in, o);
    for (int i = 0; i < t->prompts.n; i++) {
        int n = t->prompts.list[i].n + t->prompts.list[i].generate.n_new;
        t->longest = n > t->longest ? n : t->longest;
    }
    t->n = t->prompts.n * samples;
    t->list = memory_alloc((size_t)t->n, sizeof *t->list, "the texts");
}

void texts_close(Texts *t)
{
    free(t->list);
    prompts_free(&t->prompts);
}

void texts_begin(Texts *t, const Input *in)
{
    for (int i = 0; i < t->n; i++) {
        const PromptLine *line = &t->prompts.list[i / t->samples];
        int sample = i % t->samples;
        sequence_init(&t->list[i], &line->generate, line->ids, line->n,
                      in->has_text ? &in->tokenizer : NULL, &in->config, sample);
        t->list[i].leader = sample > 0 ? &t->list[i - sample] : NULL;
    }
}

void texts_end(Texts *t)
{
    for (int i = 0; i < t->n; i++)
        sequence_free(&t->list[i]);
}

void texts_print_prompt(const Input *in, const int *ids, int count)
{
    size_t n;
    if (!in->has_text)
        return;
    char *text = tokenizer_decode(&in->tokenizer, ids, count, &n);
    printf("%s", ink(BOLD));
    fwrite(text, 1, n, stdout);
    printf("%s", ink(PLAIN));
    fflush(stdout);
    free(text);
}
