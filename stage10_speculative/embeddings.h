// Where numbers begin: each token becomes a vector, by what it is and by where it stands.
#ifndef EMBEDDINGS_H
#define EMBEDDINGS_H

#include "params.h"
#include "state.h"

// x[t] = wte[ids[t]] + wpe[pos[t]] for the T rows of the pass: [T, C].
void embeddings_forward(const Embeddings *e, State *s);

#endif
