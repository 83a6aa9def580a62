// The device is a CUDA GPU, or the emulator in cuda_on_cpu/, which has the same calls; see
// device.h.
#include "device_cuda.h"
#include "device.h"
#include "error.h"

#ifndef DEVICE_NAME
#define DEVICE_NAME "cuda"
#endif

const char *device_name(void)
{
    return DEVICE_NAME;
}

void device_check(cudaError_t error, const char *call, const char *file, int line)
{
    if (error != cudaSuccess)
        die("%s:%d: %s: %s", file, line, call, cudaGetErrorString(error));
}

cudaStream_t device_stream(void)
{
    static cudaStream_t stream;
    if (!stream)
        CUDA_CHECK(cudaStreamCreate(&stream));
    return stream;
}

static size_t allocated;

size_t device_bytes(void)
{
    return allocated;
}

void *device_alloc(size_t bytes, const char *what)
{
    void *p = NULL;
    cudaError_t error = cudaMalloc(&p, bytes ? bytes : 1);
    if (error != cudaSuccess)
        die("%s: %.1f MB of device memory: %s", what, (double)bytes / 1e6,
            cudaGetErrorString(error));
    allocated += bytes;
    CUDA_CHECK(cudaMemsetAsync(p, 0, bytes, device_stream()));
    return p;
}

void device_free(void *p)
{
    CUDA_CHECK(cudaStreamSynchronize(device_stream()));
    CUDA_CHECK(cudaFree(p));
}

void *device_scratch(size_t bytes)
{
    static void *scratch;
    static size_t room;
    if (bytes > room) {
        device_free(scratch);
        scratch = device_alloc(bytes, "scratch memory");
        room = bytes;
    }
    return scratch;
}

void device_copy(void *to, const void *from, size_t bytes)
{
    CUDA_CHECK(
        cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, device_stream()));
}

void device_upload(void *to, const void *from, size_t bytes)
{
    CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, device_stream()));
}

void device_download(void *to, const void *from, size_t bytes)
{
    CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, device_stream()));
    CUDA_CHECK(cudaStreamSynchronize(device_stream()));
}
