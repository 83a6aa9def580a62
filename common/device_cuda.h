// What CUDA sources share: the stream that work is put into, and checked calls.
#ifndef DEVICE_CUDA_H
#define DEVICE_CUDA_H

#include <cuda_runtime_api.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// The one in use, and its number (device_stream_use).  Made by the first call.
cudaStream_t device_stream(void);
int device_stream_number(void);

// Memory for what one operation hands to its next kernel, in the stream in use; what an
// earlier call returned may go.  In a graph's loop it does not grow any more.
void *device_scratch(size_t bytes);

// Dies, naming the call and its place, if it fails.
#define CUDA_CHECK(call) device_check((call), #call, __FILE__, __LINE__)
void device_check(cudaError_t error, const char *call, const char *file, int line);

// After a launch: was it accepted?
#define CUDA_LAUNCHED() CUDA_CHECK(cudaGetLastError())

#ifdef __cplusplus
}
#endif

#endif
