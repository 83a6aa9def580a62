// What rounds of speculation gave: for people, and for --json.
#ifndef ROUNDS_H
#define ROUNDS_H

#include "draft.h"

typedef struct {
    int rounds, proposed, accepted;
    int tested;  // accepted ones, and the first one of a round that was not
    int tested_at[GAMMA_MAX], accepted_at[GAMMA_MAX];  // by place in the round
} RoundSums;

// Of n texts together.
RoundSums rounds_sum(const Sequence *q, int n);
// "rounds" to "speedup", within an object; that is null if it is not finite.
void rounds_json(const Sequence *q, double speedup);
// A Sequence's `emit`, with the sequence as `to`: the new text in the colour of how its
// last token came.
void rounds_emit(void *to, const char *text, size_t n);
// What the colours mean; nothing if there are none.
void rounds_print_legend(void);
// The sums, acceptance by place, and where the time went.
void rounds_print(const Sequence *q, int n, const Draft *d, const Scheduler *sc);

#endif
