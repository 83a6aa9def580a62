// What the stage shows: a text as the model writes it.
#ifndef SHOW_H
#define SHOW_H

#include "bench.h"
#include "generate.h"
#include "input.h"

typedef struct {
    int samples;  // how many continuations
    bool interactive;
    GenerateOptions generate;
    BenchOptions bench;
} ShowOptions;

void show_options(Args *a, ShowOptions *so);
void show(Input *in, const ShowOptions *so);

#endif
