// The texts of a run: prompts, and a sequence for each of their samples.
//
//     Texts t;
//     texts_open(&t, file, bare, samples, &in, &options);
//     texts_begin(&t, &in);
//     ... write t.list[0 .. t.n) ...
//     texts_end(&t);                // and perhaps texts_begin once more
//     texts_close(&t);
#ifndef TEXTS_H
#define TEXTS_H

#include "prompts.h"

typedef struct {
    Prompts prompts;
    int samples;     // of each prompt
    Sequence *list;  // [n] in the order of the prompts
    int n;
    int longest;  // tokens of a prompt and its -n, at most
} Texts;

// The prompts of a file; if it is NULL: built-in ones if `bare`, else in->ids alone.
void texts_open(Texts *t, const char *prompts, bool bare, int samples, const Input *in,
                const GenerateOptions *o);
void texts_close(Texts *t);
// All sequences at their beginning.
void texts_begin(Texts *t, const Input *in);
void texts_end(Texts *t);
// A prompt's text in bold; nothing without a vocabulary.
void texts_print_prompt(const Input *in, const int *ids, int count);

#endif
