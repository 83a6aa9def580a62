// What the tests of single kernels share.  Their shapes are of three tiles at least, whatever a tile is:
// a barrier that separates one from the next must have a next.  tests/mutate_barriers.py runs them
// without each barrier.
#ifndef KERNELS_H
#define KERNELS_H

#include "device.h"
#include "reference.h"

// A copy in device memory; release with device_free.
static inline void *there(const void *host, size_t bytes)
{
    void *p = device_alloc(bytes, "numbers of a test");
    device_upload(p, host, bytes);
    return p;
}

// n numbers from -scale to scale; release with free.
static inline float *some_numbers(size_t n, float scale, unsigned seed)
{
    float *x = malloc(n * sizeof *x);
    fill(x, n, seed);
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
    return x;
}

// As expect_close, of device memory.
static inline void expect_there(const char *what, const float *got, const float *want,
                                size_t n, double tolerance)
{
    float *host = malloc(n * sizeof *host);
    device_download(host, got, n * sizeof *host);
    expect_close("kernel", what, host, want, n, tolerance);
    free(host);
}

#endif
