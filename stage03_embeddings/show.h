// What the stage shows: tokens become vectors, and vectors lie near each other.
//
// --json is one object.  Of a prompt it has
//     ids
//     rows            [{id, token, position, wte_norm, wpe_norm, norm, near}]: lengths of
//                     the rows of wte, wpe and x, and the tokens nearest in wte
// or what was asked for instead:
//     near, analogy   {words: the tokens of each, as they were looked up [[{id, token}]],
//                     nearest}
//     positions       which; cosines: of each with each; decay: of each with position 0
// `near` of a row and `nearest` are lists [{id, token, cosine}], the nearest first.
#ifndef SHOW_H
#define SHOW_H

#include "input.h"

// The tables as the file has them, and the rows of the pass; all on the host.
typedef struct {
    const Input *in;
    int C, n_ctx;
    void *block;   // holds the arrays
    float *wte;    // [V, C]
    float *wpe;    // [n_ctx, C]
    float *norms;  // [V] lengths of the rows of wte
    float *x;      // [n, C] what embeddings_forward makes of the prompt
} Tables;

// The prompt's rows, their neighbours, and the tables as a whole.
void show_prompt(const Tables *t);
// What lies near words[0]; or, of three words A, B, C, near B - A + C.  `key`: "near" or
// "analogy".
void show_words(const Tables *t, const char *key, const char *const *words, int n);
void show_positions(const Tables *t);

#endif
