// One block of the transformer: attention, then the MLP, each adding to the residual
// stream.
#ifndef BLOCK_H
#define BLOCK_H

#include "params.h"
#include "state.h"

// x += attention(layernorm(x)); x += mlp(layernorm(x)), for the T rows of the pass.
void block_forward(const Block *b, State *s);

#endif
