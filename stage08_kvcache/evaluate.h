// How good the model's predictions are, and how they come about.
#ifndef EVALUATE_H
#define EVALUATE_H

#include "model.h"

typedef struct {
    double nll;         // mean of -log(probability of the true next token), in nats
    double perplexity;  // e^nll
    int tokens;         // predictions counted
} Perplexity;

// Of a text of n tokens (at least 2), in windows of n_ctx tokens that begin `stride`
// apart (at most n_ctx); each counts the predictions that none before it has made.  A
// smaller stride gives each prediction more of the text before it, and takes longer.  The
// state: n_ctx rows.
Perplexity evaluate_perplexity(const Model *m, State *s, const int *ids, int n,
                               int stride);

// The logit lens (nostalgebraist, 2020): what the head would say after each block.  After
// the rows of the state have been set and one row is wanted, calls see(to, l, logits)
// with logits [V] on the host for l = 0 (the embeddings alone) to L.
void evaluate_lens(const Model *m, State *s,
                   void (*see)(void *to, int l, const float *logits), void *to);
// -log softmax(logits)[id], for logits[V] on the host, which it spoils.
double evaluate_surprise(float *logits, int V, int id);

#endif
