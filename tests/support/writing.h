// Writing texts, in whatever stage: by generate() on one sequence, from 09 on by a scheduler.
#ifndef WRITING_H
#define WRITING_H

#include "generate.h"

#if __has_include("scheduler.h")
#include "scheduler.h"

#if __has_include("draft.h")
#include "draft.h"
#endif

static inline void write_batch(const Model *m, State *s, Sequence *q, int n,
                               SchedulerOptions o)
{
    Scheduler sc;
    scheduler_init(&sc, &o, q, n, &s->config);
#if __has_include("draft.h")
    generate(m, s, &sc, NULL);
#else
    generate(m, s, &sc);
#endif
    scheduler_free(&sc);
}

static inline void write_text(const Model *m, State *s, Sequence *q)
{
    SchedulerOptions o = { .batch = 1, .chunk = s->max_rows > 1 ? s->max_rows - 1 : 1 };
    write_batch(m, s, q, 1, o);
}

// Samples of one prompt, one after the other.
static inline void write_samples(const Model *m, State *s, Sequence *q, int n)
{
    SchedulerOptions o = { .batch = 1, .chunk = s->max_rows > 1 ? s->max_rows - 1 : 1 };
    for (int i = 1; i < n; i++)
        q[i].leader = q;
    write_batch(m, s, q, n, o);
}
#else
static inline void write_text(const Model *m, State *s, Sequence *q)
{
    generate(m, s, q);
}

static inline void write_samples(const Model *m, State *s, Sequence *q, int n)
{
    generate_first(m, s, q, n);
    for (int i = 0; i < n; i++)
        generate(m, s, &q[i]);
}
#endif

#endif
