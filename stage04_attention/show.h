// What the stage shows: who reads from whom.
#ifndef SHOW_H
#define SHOW_H

#include "input.h"

typedef struct {
    int layer, head;
} ShowOptions;

void show_options(Args *a, ShowOptions *so);
void show(Input *in, const ShowOptions *so);

#endif
