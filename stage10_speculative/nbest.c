// What beam search found; see nbest.h.  Chapter 9.
#include "nbest.h"
#include "jsonout.h"
#include "terminal.h"
#include "texts.h"
#include <stdio.h>
#include <stdlib.h>

static void print_hypothesis(const Input *in, const Hypothesis *h, int rank)
{
    size_t n = 0;
    int count = h->n - (h->finish == EOS);
    char *text =
        in->has_text ? tokenizer_decode(&in->tokenizer, h->ids, count, &n) : NULL;
    if (in->options->json) {
        json_begin("{", NULL);
        json_ints("ids", h->ids, h->n);
        if (text)
            json_text("text", text, n);
        else
            json_null("text");
        json_text("finish", h->finish == EOS ? "eos" : "length",
                  h->finish == EOS ? 3 : 6);
        json_float("score", h->score);
        json_float("log_prob", h->sum);
        json_end();
        free(text);
        return;
    }
    if (!in->options->quiet)
        printf("%s%2d  %8.4f%s  ", ink(CYAN), rank + 1, h->score, ink(PLAIN));
    for (int i = 0; !text && i < count; i++)
        printf("%d ", h->ids[i]);
    printf("%.*s\n", (int)n, text ? text : "");
    free(text);
}

void nbest_show(const Model *m, State *s, const Input *in, const BeamOptions *beam,
                const Prompts *prompts)
{
    for (int i = 0; i < prompts->n; i++) {
        const PromptLine *line = &prompts->list[i];
        Hypothesis best[BEAMS_MAX];
        BeamOptions o = *beam;
        o.n_new = line->generate.n_new;
        o.eos = line->generate.ignore_eos ? -1 : in->config.eos;
        int n = o.n_new > 0 ? beam_search(m, s, &o, line->ids, line->n, best) : 0;
        if (in->options->json) {
            json_begin("{", NULL);
            json_ints("prompt_ids", line->ids, line->n);
            json_begin("[", "beams");
        } else if (!in->options->quiet) {
            texts_print_prompt(in, line->ids, line->n);
            printf(" ...\n");
        }
        bool best_alone = in->options->quiet && !in->options->json;
        for (int rank = 0; rank < n && !(rank > 0 && best_alone); rank++)
            print_hypothesis(in, &best[rank], rank);
        if (in->options->json) {
            json_end();
            json_end();
        }
        beam_free(best, n);
    }
}
