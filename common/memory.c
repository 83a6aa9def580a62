// Allocation; see memory.h.
#include "memory.h"
#include "error.h"
#include <stdlib.h>
#include <string.h>

static size_t round_up(size_t bytes)
{
    return (bytes + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
}

size_t memory_product(size_t a, size_t b, const char *what)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product) || product > (size_t)-1 / 2)
        die("%s: %zu x %zu bytes are more than this machine can address", what, a, b);
    return product;
}

void *memory_alloc(size_t count, size_t size, const char *what)
{
    size_t bytes = round_up(memory_product(count, size, what));
    void *p = aligned_alloc(MEMORY_ALIGN, bytes ? bytes : MEMORY_ALIGN);
    if (!p)
        die("%s: no memory for %.1f MB; try a smaller model or a shorter text", what,
            (double)bytes / 1e6);
    return memset(p, 0, bytes);
}

void *memory_grow(void *old, size_t count, size_t size, const char *what)
{
    size_t bytes = memory_product(count, size, what);
    void *p = realloc(old, bytes ? bytes : 1);
    if (!p)
        die("%s: no memory for %.1f MB", what, (double)bytes / 1e6);
    return p;
}

size_t memory_bytes(const MemoryPart *parts)
{
    size_t total = 0;
    for (; parts->pointer; parts++)
        total += round_up(memory_product(parts->count, parts->size, "an array"));
    return total;
}

void memory_cut(const MemoryPart *parts, void *block)
{
    char *p = block;
    for (; parts->pointer; parts++) {
        memcpy(parts->pointer, &p, sizeof p);  // sets the pointer, whatever its type
        p += round_up(parts->count * parts->size);
    }
}

void *memory_block(const MemoryPart *parts, const char *what)
{
    void *block = memory_alloc(memory_bytes(parts), 1, what);
    memory_cut(parts, block);
    return block;
}
