// A pass by a recording: all the launches of its kernels as one (CUDA graphs).
//
//     ... rows into the state ...
//     pass_upload(&s);
//     pass_forward(&m, &s);
//
// A recording is of a number of rows, and a batch has now more, now fewer.  So that few
// recordings serve all passes, each is padded to 1, 2, 4, 8, ... rows, with the logits of
// as many.  A padding row keeps nothing in the cache; nobody sees it, and it changes
// nothing.  Without s->graphs, and on the CPU, there is no padding.
#ifndef PASS_H
#define PASS_H

#include "model.h"

// state_upload, and padding behind the rows.
void pass_upload(State *s);
// model_forward, of what pass_upload has uploaded.
void pass_forward(const Model *m, State *s);

#endif
