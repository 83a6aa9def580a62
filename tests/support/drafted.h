// What the tests of drafts share: a model, its draft, and a cache with room for `batch` texts.
#ifndef DRAFTED_H
#define DRAFTED_H

#include "accept.h"
#include "batched.h"
#include "draft.h"
#include <omp.h>

typedef struct {
    Subject u;
    KVCache k;
    State s;
    Draft d;
    Scheduler sc;
    SchedulerOptions so;
} Run;

// `who`: NULL: the model itself.  Passes of up to 40 rows of prompts; one thread.
static inline void run_open(Run *r, const char *model, const char *who, DType draft,
                            int accept, int batch, int gamma, int longest)
{
    KVOptions kv = cached_as(CACHE_STATIC, CROP, F32);
    r->so = (SchedulerOptions){ .batch = batch, .chunk = 40, .gamma = gamma };
    subject_open(&r->u, model, F32);
    DraftOptions o = { who ? who : r->u.r.model, gamma, accept };
    int rows = scheduler_max_rows(&r->so);
    kvcache_init(&r->k, &kv, &r->u.r.config, rows, batch, longest);
    state_init(&r->s, &r->u.r.config, &r->k, rows, scheduler_max_wanted(&r->so));
    draft_open(&r->d, &o, &r->u.m, &r->s, draft, &r->so, longest);
    omp_set_num_threads(1);
}

static inline void run_close(Run *r)
{
    draft_close(&r->d);
    state_free(&r->s);
    kvcache_free(&r->k);
    subject_close(&r->u);
}

// A draft that is wrong now and then: its last norm is another one.
static inline void draft_spoil(Draft *d)
{
    int C = d->model.config.C;
    float *noise = malloc((size_t)C * sizeof *noise);
    fill(noise, (size_t)C, 3);
    float *bias = from_device(d->model.norm.bias, (size_t)C * sizeof *bias);
    for (int i = 0; i < C; i++)
        bias[i] += 0.5f * noise[i];
    device_upload(d->model.norm.bias, bias, (size_t)C * sizeof *bias);
    free(bias);
    free(noise);
}

// A pass, and what it keeps; not scheduler_take.  false: all texts have ended.
static inline bool run_pass(Run *r)
{
    if (!scheduler_plan(&r->sc, &r->s))
        return false;
    device_upload(r->sc.who, r->sc.wanted, (size_t)r->s.W * sizeof *r->sc.who);
    model_forward(&r->u.m, &r->s);
    draft_judge(&r->d, &r->sc, &r->s);
    return true;
}

#endif
