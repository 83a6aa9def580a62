// Beam search: not one text but the `beams` likeliest beginnings of one are written on
// together, each step keeping the best of all their continuations.  A batch of hypotheses
// that share the pages of what they have in common.  The rules are Hugging Face's, for
// generate(num_beams=N, early_stopping=False).
//
//     Hypothesis best[4];
//     BeamOptions o = { .beams = 4, .length_penalty = 1, .n_new = 20, .eos = eos };
//     int n = beam_search(&model, &state, &o, ids, n_ids, best);
//     ... best[0 .. n), the best first ...
//     beam_free(best, n);
//
// The state needs a cache of 2 * beams lanes, with pages for `beams` texts, and room for
// `beams` logits.
#ifndef BEAM_H
#define BEAM_H

#include "generate.h"

enum { BEAMS_MAX = 64 };

typedef struct {
    int beams;             // 0: off
    float length_penalty;  // score = sum of log p / length^penalty
    int n_new;             // tokens at most, 1 or more
    int eos;               // the token that ends a text; -1: none
} BeamOptions;

typedef struct {
    int *ids;  // [n] the new tokens, the end-of-text token included
    int n;
    double sum;    // of their log-probabilities
    double score;  // once it has ended
    Finish finish;
} Hypothesis;

// --beams, --length-penalty.
void beam_options(Args *a, BeamOptions *o);
// Of the texts that begin with ids[n], up to o->beams ended ones to best[o->beams], best
// first; returns how many: fewer only if there are no more.
int beam_search(const Model *m, State *s, const BeamOptions *o, const int *ids, int n,
                Hypothesis *best);
void beam_free(Hypothesis *best, int n);

#endif
