// What the stage shows: texts by draft and verification, and what that gains.
#ifndef SHOW_H
#define SHOW_H

#include "beam.h"
#include "bench.h"
#include "draft.h"
#include "input.h"

typedef struct {
    int samples;          // how many continuations of each prompt
    const char *prompts;  // a file
    bool interactive;
    SchedulerOptions scheduler;
    DraftOptions draft;
    bool overlap;  // by two half-batches
    BeamOptions beam;
    KVOptions kv;
    GenerateOptions generate;
    BenchOptions bench;
} ShowOptions;

void show_options(Args *a, ShowOptions *so);
void show(Input *in, const ShowOptions *so);

#endif
