// The whole model: from tokens to logits.
//
//     Model m;
//     model_load(&m, &weights, &config, BF16);
//     ... rows into the state ...
//     model_forward(&m, &s);         // s.logits [W, V]
//     model_free(&m);
#ifndef MODEL_H
#define MODEL_H

#include "block.h"
#include "embeddings.h"

typedef struct {
    Config config;
    Params params;  // the weights' memory
    Embeddings embeddings;
    Block *blocks;       // [L]
    Norm norm;           // the last one, before the head
    Matrix untied;       // lm_head, if the file has one
    const Matrix *head;  // [V, C]: the embeddings once more, or `untied`
} Model;

// `w` must stay open as long as the model is used.
void model_load(Model *m, const Weights *w, const Config *config, DType dtype);
void model_free(Model *m);
// The rows of the pass through all blocks, to s->x, and on to the logits that are wanted.
void model_forward(const Model *m, State *s);
// s->x to the wanted logits: the end of model_forward, alone.
void model_head(const Model *m, State *s);

#endif
