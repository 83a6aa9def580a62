// What the tests of batching share: the calls whose arguments change in stage 10, and a first seed.
#ifndef BATCHED_H
#define BATCHED_H

#include "cached.h"
#include "scheduler.h"
#if __has_include("draft.h")
#include "draft.h"
#endif

// TEST_SEED=7 make test09 draws others than usual.
static inline unsigned first_seed(void)
{
    const char *text = getenv("TEST_SEED");
    return text ? (unsigned)strtoul(text, NULL, 10) : 1;
}

static inline void batched_generate(const Model *m, State *s, Scheduler *sc)
{
#if __has_include("draft.h")
    generate(m, s, sc, NULL);
#else
    generate(m, s, sc);
#endif
}

// next[W]: a token for each wanted row.
static inline void batched_take(Scheduler *sc, State *s, const int *next)
{
#if __has_include("draft.h")
    int none[64] = { 0 }, lanes[64];
    for (int b = 0; b < sc->options.batch; b++)
        lanes[b] = -1;
    for (int i = 0; i < s->W; i++)
        lanes[sc->wanted[i]] = next[i];
    scheduler_take(sc, s, none, lanes);
#else
    scheduler_take(sc, s, next);
#endif
}

#endif
