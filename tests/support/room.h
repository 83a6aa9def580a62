// A State with all that a pass needs, in whatever stage: from 08 on that includes a cache.  So a
// test of stage 06 also runs with the modules of the later ones.
#ifndef ROOM_H
#define ROOM_H

#include "state.h"
#include <stdlib.h>

#if __has_include("kvcache.h")
static inline void room_init(State *s, const Config *c, int rows, int wanted)
{
    KVCache *k = calloc(1, sizeof *k);
    KVOptions o = { .kind = CACHE_STATIC, .overflow = CROP, .dtype = F32 };
#if __has_include("scheduler.h")
    kvcache_init(k, &o, c, rows, 1, c->T);
#else
    kvcache_init(k, &o, c, rows, c->T);
#endif
    state_init(s, c, k, rows, wanted);
}

static inline void room_free(State *s)
{
    kvcache_free(s->cache);
    free(s->cache);
    state_free(s);
}
#else
static inline void room_init(State *s, const Config *c, int rows, int wanted)
{
    state_init(s, c, rows, wanted);
}

static inline void room_free(State *s)
{
    state_free(s);
}
#endif

#endif
