// Numbers of 16 bits, by the machine's own instructions where it has them.  (Chapter 1
// decodes them by hand; here they are plumbing.)
#ifndef HALVES_H
#define HALVES_H

#include "dtype.h"
#include <stdint.h>

// out[i] = from[i], for n numbers of F32, F16 or BF16 at any address.
void halves_to_floats(float *out, const void *from, DType dtype, int n);
// The other way; rounds to nearest, ties to even.
void floats_to_halves(void *out, const float *from, DType dtype, int n);

#endif
