// What the tests of recorded passes share.  On the CPU nothing is recorded, but from stage 09 on
// passes are padded as if it were, and must give the same.
#ifndef RECORDED_H
#define RECORDED_H

#include "cached.h"
#include "device.h"

static inline bool device_records(void)
{
    return strcmp(device_name(), "cpu") != 0;
}

// On the CPU nobody looks at what is there.
static inline DeviceGraphs *any_graphs(void)
{
    static char nothing;
    DeviceGraphs *g = device_graphs_new();
    return g ? g : (DeviceGraphs *)&nothing;
}

typedef struct {
    int recorded, replayed;
} Counts;

// Since `before`.
static inline Counts counts_since(Counts before)
{
    Counts c;
    device_graphs_count(&c.recorded, &c.replayed);
    return (Counts){ c.recorded - before.recorded, c.replayed - before.replayed };
}

static inline void expect_same_text(const char *how, const Sequence *got,
                                    const Sequence *want)
{
    int at = 0;
    while (at < got->n && at < want->n && got->ids[at] == want->ids[at])
        at++;
    cr_expect(at == got->n && at == want->n && got->finish == want->finish,
              "%s: %d tokens, should be %d, unlike from %d on", how, got->n, want->n, at);
}

// As expect_same, of two tensors in device memory.
static inline void expect_same_both(const char *model, const char *what, const float *got,
                                    const float *want, size_t n)
{
    float *here = from_device(want, n * sizeof *want);
    expect_same_there(model, what, got, here, n);
    free(here);
}

#endif
