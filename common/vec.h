// A few loops over contiguous floats.  Each has one fixed order of summation, whatever
// the width of the machine's vectors, and the compiler vectorises them.
#ifndef VEC_H
#define VEC_H

#include "dtype.h"

// dots[j] = q . key j, for n keys of HS numbers, `stride` elements apart.
void vec_dots(float *dots, const float *q, const void *keys, DType dtype, int stride,
              int n, int HS);
// out[HS] += p[0] * value 0, then p[1] * value 1, ...
void vec_mix(float *out, const float *p, const void *values, DType dtype, int stride,
             int n, int HS);
float vec_max(const float *x, int n);   // -INFINITY if n is 0; NaN if one is
int vec_argmax(const float *x, int n);  // the first of the greatest; 0 if one is a NaN
// A number that k or more of x reach, and few more than that: what is below is not among
// the k greatest.
float vec_kth(const float *x, int n, int k);
float vec_sum(const float *x, int n);
float vec_square_sum(const float *x, float shift, int n);  // of (x - shift)^2
// x = exp(x - shift); returns the sum.
float vec_exp_sum(float *x, float shift, int n);
double vec_exp_mass(const float *x, int n);  // the sum of exp(x), in double precision

#endif
