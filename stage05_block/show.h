// What the stage shows: what a block does to the residual stream.
#ifndef SHOW_H
#define SHOW_H

#include "input.h"

typedef struct {
    int layer;
} ShowOptions;

void show_options(Args *a, ShowOptions *so);
void show(Input *in, const ShowOptions *so);

#endif
