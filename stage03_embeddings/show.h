// What the stage shows: tokens become vectors.
#ifndef SHOW_H
#define SHOW_H

#include "input.h"

typedef struct {
    const char *near;        // a word; NULL: not asked for
    const char *analogy[3];  // A, B and C of A:B::C, likewise
    bool positions;
} ShowOptions;

// Shows the rows of the prompt, or what was asked for.  --json: one object with
//   ids, rows        [{position, id, token, wte_norm, wpe_norm, norm, near}]
//   wte, wpe         {mean, std, norm}: of all numbers, and the mean length of a row
//   norm_ratio       the length in wte / the length in wpe
//   same_token       {id, token, positions, cosines}: the prompt's last token, at each of
//                    the positions, compared with the same token at position 0
// or with what was asked for:
//   near, analogy    {words [{word, text (as it was looked up), ids}], nearest}
//   positions        which; cosines: of each with each; decay: of each with position 0
// `near` and `nearest` are lists [{id, token, cosine}], the nearest first.
void show(Input *in, const ShowOptions *so);

#endif
