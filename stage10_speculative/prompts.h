// The prompts of a file (--prompts), one a line.  A line is the prompt itself, or, if it
// begins with a brace, a JSON object: "prompt" or "ids", and any options of generation
// and sampling by their names (- or _):
//
//     Once upon a time
//     {"prompt": "The old king", "tokens": 20, "temperature": 0.8, "seed": 7,
//      "stop": ["\n", "."]}                    (on one line)
#ifndef PROMPTS_H
#define PROMPTS_H

#include "generate.h"
#include "input.h"
#include "json.h"

typedef struct {
    int *ids;  // [n]
    int n;
    GenerateOptions generate;
    Json json;  // what the options' texts point to; nodes NULL: the line was no JSON
} PromptLine;

typedef struct {
    PromptLine *list;  // [n]
    int n;
    char *text;  // of the whole file
} Prompts;

// `defaults`: what the command line says; a line's own options come before it.  Empty
// lines are skipped.  Dies, naming the line, on anything that is wrong.  Release with
// prompts_free.
void prompts_read(Prompts *p, const char *path, const Input *in,
                  const GenerateOptions *defaults);
void prompts_free(Prompts *p);

#endif
