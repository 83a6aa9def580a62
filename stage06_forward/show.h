// What the stage shows: the model's prediction for the next token, and how it comes
// about.
#ifndef SHOW_H
#define SHOW_H

#include "bench.h"
#include "input.h"

typedef struct {
    int top;                 // how many tokens
    const char *perplexity;  // a text file to measure instead, or NULL
    int stride;
    BenchOptions bench;
} ShowOptions;

void show_options(Args *a, ShowOptions *so);
void show(Input *in, const ShowOptions *so);

#endif
