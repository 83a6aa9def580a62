// What the stage shows: several texts at once, and who computed when.
#ifndef SHOW_H
#define SHOW_H

#include "beam.h"
#include "bench.h"
#include "input.h"
#include "scheduler.h"

typedef struct {
    int samples;          // how many continuations of each prompt
    const char *prompts;  // a file
    bool interactive;
    SchedulerOptions scheduler;
    BeamOptions beam;
    KVOptions kv;
    GenerateOptions generate;
    BenchOptions bench;
} ShowOptions;

void show_options(Args *a, ShowOptions *so);
void show(Input *in, const ShowOptions *so);

#endif
