// What the tests of single kernels share.  Their shapes are of three tiles at least, whatever a tile is:
// a barrier that separates one from the next must have a next.  tests/mutate_barriers.py runs them
// without each barrier.
#ifndef KERNELS_H
#define KERNELS_H

#include "reference.h"

// n numbers from -scale to scale; release with free.
static inline float *some_numbers(size_t n, float scale, unsigned seed)
{
    float *x = numbers(n, seed);
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
    return x;
}

#endif
