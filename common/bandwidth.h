// How fast can this device read its memory?
//
//     double rate = bandwidth_read(weight_bytes);     // bytes a second
#ifndef BANDWIDTH_H
#define BANDWIDTH_H

#include <stddef.h>

// Reads a buffer of so many bytes (at most 1 GiB) again and again, with all threads, for
// about a tenth of a second; the fastest time counts.  A buffer that the caches can hold
// is read from the caches, and so is a model of that size.
double bandwidth_read(size_t bytes);

#endif
