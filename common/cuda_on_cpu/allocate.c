// Device memory: plain memory of the host, of which we know each piece.  So a pointer of
// the host that is passed to a kernel, and a copy that is too long, are found.
//
// With CUDA_CPU_GUARD all of it lies in one range of addresses, which is accessible only
// while a kernel or a copy runs.
#include "emulator.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
    const char *base;
    size_t bytes;
    MemoryKind kind;
} Range;

static Range *ranges;  // sorted by base
static size_t n_ranges, max_ranges;

static char *arena, *arena_top;  // of CUDA_CPU_GUARD
enum { ARENA_GB = 256, PAGE = 4096, ALIGN = 256 };

// The number of ranges that begin at p or below.
static size_t ranges_upto(const void *p)
{
    size_t low = 0, high = n_ranges;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((uintptr_t)ranges[middle].base <= (uintptr_t)p)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void range_add(const void *base, size_t bytes, MemoryKind kind)
{
    if (n_ranges == max_ranges) {
        max_ranges = max_ranges ? 2 * max_ranges : 64;
        ranges = realloc(ranges, max_ranges * sizeof *ranges);
        if (!ranges)
            emulator_no_memory("the list of allocations");
    }
    size_t i = ranges_upto(base);
    memmove(&ranges[i + 1], &ranges[i], (n_ranges++ - i) * sizeof *ranges);
    ranges[i] = (Range){ base, bytes, kind };
}

static Range *range_of(const void *p)
{
    size_t i = ranges_upto(p);
    if (i == 0 || (const char *)p >= ranges[i - 1].base + ranges[i - 1].bytes)
        return NULL;
    return &ranges[i - 1];
}

static bool range_remove(const void *base, MemoryKind kind, size_t *bytes)
{
    Range *r = range_of(base);
    if (!r || r->base != base || r->kind != kind)
        return false;
    *bytes = r->bytes;
    memmove(r, r + 1, (size_t)(&ranges[--n_ranges] - r) * sizeof *r);
    return true;
}

MemoryKind memory_kind(const void *p)
{
    const Range *r = range_of(p);
    return r ? r->kind : HOST_MEMORY;
}

// Memory of the host that CUDA did not allocate has no range; we cannot judge it.
bool memory_in_range(const void *p, size_t bytes)
{
    const Range *r = range_of(p);
    return !r || bytes <= (size_t)(r->base + r->bytes - (const char *)p);
}

// A pointer to the end of an allocation is no mistake yet.
void cu_check_pointer(const void *p, int number, CuSite site)
{
    if (p && memory_kind(p) == HOST_MEMORY &&
        memory_kind((const char *)p - 1) == HOST_MEMORY)
        cu_die(site, "argument %d of the kernel, %p, is no pointer to device memory",
               number, p);
}

void cu_check_range(const void *p, size_t bytes, const char *what)
{
    if (bytes > 0 && (memory_kind(p) == HOST_MEMORY || !memory_in_range(p, bytes)))
        cu_die((CuSite){ 0 }, "%s: %zu bytes at %p are not all device memory", what,
               bytes, p);
}

void cu_register_symbol(void *p, size_t bytes)
{
    if (memory_kind(p) == HOST_MEMORY)
        range_add(p, bytes, PINNED_MEMORY);
}

// ---- the guarded arena

static char *guarded_alloc(size_t bytes)
{
    for (size_t gb = ARENA_GB; !arena && gb > 0; gb /= 2) {
        void *map = mmap(NULL, gb << 30, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (map != MAP_FAILED)
            arena = arena_top = map;
    }
    if (!arena)
        return NULL;
    char *p = arena_top;
    arena_top += (bytes + PAGE - 1) / PAGE * PAGE;
    return p;
}

void memory_open(bool open)
{
    if (arena_top > arena)
        mprotect(arena, (size_t)(arena_top - arena),
                 open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

bool emulator_is_closed(const void *address)
{
    return (uintptr_t)address >= (uintptr_t)arena &&
           (uintptr_t)address < (uintptr_t)arena_top;
}

// ---- CUDA's functions

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    *p = NULL;
    if (graph_is_capturing())
        return emulator_error(cudaErrorStreamCaptureUnsupported);
    if (bytes == 0)
        return cudaSuccess;
    void *new = NULL;
    if (emulator_settings.guard)
        new = guarded_alloc(bytes);
    else if (posix_memalign(&new, ALIGN, bytes) != 0)
        new = NULL;
    if (!new)
        return emulator_error(cudaErrorMemoryAllocation);
    if (emulator_settings.poison) {
        memory_open(true);
        memset(new, 0xff, bytes);
        memory_open(false);
    }
    range_add(new, bytes, DEVICE_MEMORY);
    *p = new;
    return cudaSuccess;
}

static cudaError_t release(void *p)
{
    size_t bytes;
    if (!p)
        return cudaSuccess;
    if (!range_remove(p, DEVICE_MEMORY, &bytes))
        return emulator_error(cudaErrorInvalidValue);
    if (emulator_settings.guard)  // never used again; the pages go back
        madvise(p, (bytes + PAGE - 1) / PAGE * PAGE, MADV_DONTNEED);
    else
        free(p);
    return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
    cudaDeviceSynchronize();
    return release(p);
}

cudaError_t cudaMallocAsync(void **p, size_t bytes, cudaStream_t stream)
{
    (void)stream;  // earlier than it need be is early enough
    return cudaMalloc(p, bytes);
}

static void run_release(void *closure)
{
    release(*(void **)closure);
}

cudaError_t cudaFreeAsync(void *p, cudaStream_t stream)
{
    if (graph_is_capturing())
        return emulator_error(cudaErrorStreamCaptureUnsupported);
    return cu_enqueue(stream, run_release, &p, sizeof p);
}

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    *p = NULL;
    if (bytes == 0)
        return cudaSuccess;
    if (posix_memalign(p, PAGE, bytes) != 0)
        return emulator_error(cudaErrorMemoryAllocation);
    range_add(*p, bytes, PINNED_MEMORY);
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *p)
{
    size_t bytes;
    cudaDeviceSynchronize();
    if (p && !range_remove(p, PINNED_MEMORY, &bytes))
        return emulator_error(cudaErrorInvalidValue);
    free(p);
    return cudaSuccess;
}
