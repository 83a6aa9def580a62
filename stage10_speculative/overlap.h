// Two half-batches: while the model verifies the proposals of one half, the draft guesses
// for the other.  The halves share the weights; each has its own lanes, caches and stream
// (device.h).
//
//     overlap_generate(&model, &state, &scheduler, &draft);   // instead of generate()
//
// The texts are the same: none depends on its company.  Whether it is faster depends on
// what half a batch costs.  If one batch takes D to guess and V to verify, a round takes
// D + V.  The halves take d and v each, and a round of both 2 max(d, v): nothing is
// saved while d is D and v is V, since a pass of few rows takes as long as one of half as
// many, and up to the smaller of D and V when time goes with the number of rows.
#ifndef OVERLAP_H
#define OVERLAP_H

#include "draft.h"
#include "texts.h"

// --overlap.
void overlap_options(Args *a, bool *overlap);
// As generate() in generate.h, for a batch of 2 at least.  `s`, `sc` and `d` only say
// what the halves are like; sc gets the sums of their counts.
void overlap_generate(const Model *m, State *s, Scheduler *sc, Draft *d);
// Writes the texts once more, by one batch, and prints what the halves have saved.
void overlap_print(const Model *m, State *s, const Scheduler *sc, Draft *d,
                   const Texts *t, const Input *in);

#endif
