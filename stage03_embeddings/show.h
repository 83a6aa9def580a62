// What the stage shows: tokens become vectors.
#ifndef SHOW_H
#define SHOW_H

#include "input.h"

void show(Input *in);

#endif
