// What the emulator's headers and cuBLAS ask of its runtime.  Kernels and host code never
// call these by name; the functions with CUDA's names do.
#ifndef CUDA_CPU_CALLS_H
#define CUDA_CPU_CALLS_H

#include "cuda_cpu_api.h"

#ifdef __cplusplus
extern "C" {
#endif

// Where in the source something was called: the messages begin with it.
typedef struct {
    const char *file;
    int line;
} CuSite;

// A launch, apart from its arguments.
typedef struct {
    dim3 grid, block;
    size_t dynamic;  // bytes of dynamic shared memory
    int cooperative;
    CuSite site;
    const void *kernel;
} CuLaunch;

enum { CU_SYNC, CU_COUNT, CU_AND, CU_OR_ALL };  // what __syncthreads computes

// Run once for a warp, when the last lane has come: slots[i] is what lane i handed in, for
// each bit i of `lanes`.
typedef void CuMeeting(void **slots, unsigned lanes);

// Prints "cuda-on-cpu: file:line: block thread: message" and aborts.
void cu_die(CuSite site, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
// In a meeting: what follows is about this lane, not about the last one to come.
void cu_blame(int lane);

// Launches.
int cu_launch_allowed(const CuLaunch *l, cudaStream_t stream);  // else: the last error
void cu_launch_run(const CuLaunch *l, void (*body)(void *), void *arguments);
cudaError_t cu_allow_dynamic(const void *kernel, int bytes);
int cu_blocks_per_processor(int threads, size_t dynamic);
// Kernel argument `number` is a pointer: is it one that a kernel may follow?
void cu_check_pointer(const void *p, int number, CuSite site);
// Puts a copy of `bytes` bytes at `closure` into the stream; run(copy) is called later.
cudaError_t cu_enqueue(cudaStream_t stream, void (*run)(void *), const void *closure,
                       size_t bytes);
// Dies unless p[0 .. bytes) lies in one allocation of the device.
void cu_check_range(const void *p, size_t bytes, const char *what);
void cu_register_symbol(void *p, size_t bytes);

// Called by the thread that runs.
void *cu_dynamic_shared(void);
int cu_barrier(int predicate, int what, CuSite site);
// `meeting` NULL: __syncwarp, which also orders memory.
void cu_warp(unsigned mask, void *slot, CuMeeting *meeting, CuSite site);
void cu_grid_barrier(CuSite site);
void cu_fence(void);
void cu_yield(void);
void cu_async_copy(void *to, const void *from, size_t bytes, CuSite site);
void cu_async_commit(void);
void cu_async_wait(unsigned keep);

// The runtime sets these before each switch.  A thread sees them as constants, which they
// are as long as it lives: so compiled code need not load them again after each store.
#ifdef __cplusplus
extern const uint3 threadIdx, blockIdx;
extern const dim3 blockDim, gridDim;
extern const unsigned cu_lane;
}
#else
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
extern unsigned cu_lane;  // 0 to 31
#endif

#endif
