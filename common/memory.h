// Allocation: one block for each lifetime (a model, the activations of a pass), sized
// beforehand, zeroed, cut into arrays.
//
//     float *a; int *b;
//     MemoryPart list[] = { { &a, 100, sizeof *a }, { &b, 7, sizeof *b },
//                           { NULL, 0, 0 } };
//     void *block = memory_block(list, "scratch");
//     ...
//     free(block);
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

enum { MEMORY_ALIGN = 64 };  // bytes: a cache line, and the widest vector

typedef struct {
    void *pointer;  // address of the pointer to set, e.g. a `float **`
    size_t count;   // elements
    size_t size;    // bytes of one element
} MemoryPart;

// count * size zeroed bytes, aligned to MEMORY_ALIGN; release with free().  Dies, naming
// `what`, if there is no memory or the product overflows.
void *memory_alloc(size_t count, size_t size, const char *what);
// realloc() that dies instead of failing.  The new bytes are not zeroed.
void *memory_grow(void *old, size_t count, size_t size, const char *what);
// One block with room for all parts (the last has a NULL pointer), each aligned; sets
// their pointers.  Release with free().
void *memory_block(const MemoryPart *parts, const char *what);
// The bytes that memory_block asks for; and the pointers into a block that the caller
// has.
size_t memory_bytes(const MemoryPart *parts);
void memory_cut(const MemoryPart *parts, void *block);
// a * b; dies on overflow.
size_t memory_product(size_t a, size_t b, const char *what);

#endif
