// Which proposals stay.  The model has been asked what follows each of them; a text keeps
// the first ones, as long as they are what plain sampling could have said, and gets one
// token more, which the model says itself.
//     coupled    both draw with the same noise for the same place, so they agree as often
//                as their distributions do; a proposal stays if it is the token that the
//                model draws.  The text is that of plain sampling, token for token (M.
//                Daliri et al., "Coupling without Communication and Drafter-Invariant
//                Speculative Decoding", 2024, https://arxiv.org/abs/2408.07978)
//     rejection  a proposal x drawn from q stays with probability min(1, p(x) / q(x));
//                the first that does not is replaced by a draw from max(p - q, 0).  The
//                text is another one, but from the same distribution (Leviathan et al.,
//                2022; C. Chen et al., 2023, https://arxiv.org/abs/2302.01318)
//     greedy     coupled at temperature 0
#ifndef ACCEPT_H
#define ACCEPT_H

#include "draft.h"

// For the wanted rows of the pass in `s`: to sc->kept[lane] how many proposals it keeps,
// to sc->next[lane] the token after them; -1 if none was wanted.  d may be NULL.
void accept_round(const Draft *d, Scheduler *sc, const State *s);
// From a draft's probabilities (all V of them; q NULL: 0) and the model's: draws from
// max(p - q, 0), or from p if nothing is left.  u: uniform in (0, 1).
int accept_residual(const float *p, const float *q, int V, float u);

#endif
