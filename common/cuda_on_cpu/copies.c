// cudaMemcpy and cudaMemset.  CUDA checks the addresses; so do we.
#include "streams.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    void *to;
    const void *from;  // NULL: the data come with the closure
    size_t bytes;
    int byte;
} Copy;

static void run_copy(void *closure)
{
    const Copy *c = closure;
    memmove(c->to, c->from, c->bytes);
}

static void run_staged(void *closure)
{
    const Copy *c = closure;
    memcpy(c->to, c + 1, c->bytes);
}

static void run_set(void *closure)
{
    const Copy *c = closure;
    memset(c->to, c->byte, c->bytes);
}

static bool on_device(const void *p)
{
    return memory_kind(p) == DEVICE_MEMORY;
}

// Does the direction agree with the addresses, and is there so much at both?
static bool is_sound(const void *to, const void *from, size_t bytes,
                     enum cudaMemcpyKind kind)
{
    static const struct {
        bool to, from;  // must be on the device
    } want[] = { { false, false }, { true, false }, { false, true }, { true, true } };
    if (!memory_in_range(to, bytes) || !memory_in_range(from, bytes))
        return false;
    if (kind == cudaMemcpyDefault)
        return true;
    return (unsigned)kind < cudaMemcpyDefault &&
           (memory_kind(to) == PINNED_MEMORY || on_device(to) == want[kind].to) &&
           (memory_kind(from) == PINNED_MEMORY || on_device(from) == want[kind].from);
}

// From pageable memory CUDA copies at once to a buffer of its own, and from there when
// the stream has come so far.
static cudaError_t enqueue_staged(Copy c, cudaStream_t stream)
{
    cudaError_t e = cudaErrorMemoryAllocation;
    char *closure = malloc(sizeof c + c.bytes);
    if (closure) {
        memcpy(closure, &c, sizeof c);
        memcpy(closure + sizeof c, c.from, c.bytes);
        e = cu_enqueue(stream, run_staged, closure, sizeof c + c.bytes);
        free(closure);
    }
    return e;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                            enum cudaMemcpyKind kind, cudaStream_t stream)
{
    Copy c = { to, from, bytes, 0 };
    if (bytes == 0)
        return cudaSuccess;
    if (!is_sound(to, from, bytes, kind))
        return emulator_error(cudaErrorInvalidValue);
    if (emulator_settings.lazy && !graph_is_capturing() &&
        memory_kind(from) == HOST_MEMORY)
        return emulator_error(enqueue_staged(c, stream));
    return cu_enqueue(stream, run_copy, &c, sizeof c);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    if (graph_is_capturing())
        return emulator_error(cudaErrorStreamCaptureImplicit);
    cudaError_t e = cudaMemcpyAsync(to, from, bytes, kind, NULL);
    // Within the device the host does not wait.
    if (e == cudaSuccess && !(on_device(to) && on_device(from)))
        e = cudaStreamSynchronize(NULL);
    return e;
}

cudaError_t cudaMemsetAsync(void *p, int byte, size_t bytes, cudaStream_t stream)
{
    Copy c = { p, NULL, bytes, byte };
    if (bytes == 0)
        return cudaSuccess;
    if (memory_kind(p) == HOST_MEMORY || !memory_in_range(p, bytes))
        return emulator_error(cudaErrorInvalidValue);
    return cu_enqueue(stream, run_set, &c, sizeof c);
}

cudaError_t cudaMemset(void *p, int byte, size_t bytes)
{
    return cudaMemsetAsync(p, byte, bytes, NULL);
}
