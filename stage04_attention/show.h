// What the stage shows: who reads from whom.
#ifndef SHOW_H
#define SHOW_H

#include "input.h"

typedef struct {
    int layer, head;
    const char *svg;  // a file; NULL: not asked for
} ShowOptions;

void show_options(Args *a, ShowOptions *so);
// --json: one object with ids, layer, head; and attention: the head's weights, a row for
// each token.
void show(Input *in, const ShowOptions *so);

#endif
