#ifndef FILL_H
#define FILL_H

#include <stdlib.h>

// Numbers from -1 to 1 that are the same on every machine.
static inline void fill(float *x, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
    }
}

// n of these; release with free.
static inline float *numbers(size_t n, unsigned seed)
{
    float *x = malloc(n * sizeof *x);
    fill(x, n, seed);
    return x;
}

#endif
