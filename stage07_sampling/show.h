// What the stage shows: a text as the model writes it.
#ifndef SHOW_H
#define SHOW_H

#include "input.h"
#include "sampling.h"

typedef struct {
    int n_new;    // tokens to write
    int samples;  // how many continuations
    SamplingParams sampling;
} ShowOptions;

void show_options(Args *a, ShowOptions *so);
void show(Input *in, const ShowOptions *so);

#endif
