// What the stage shows: a text as the model writes it, and what the cache saves.
#ifndef SHOW_H
#define SHOW_H

#include "bench.h"
#include "generate.h"
#include "input.h"

typedef struct {
    int samples;  // how many continuations
    bool interactive;
    int chunk;                  // rows of a pass
    const char *overflow_cost;  // a file
    KVOptions kv;
    GenerateOptions generate;
    BenchOptions bench;
} ShowOptions;

void show_options(Args *a, ShowOptions *so);
void show(Input *in, const ShowOptions *so);

#endif
