// Kernels that are wrong, each in one way.  A comment `BUG name` marks the line that a
// report must name.  All of them compile with nvcc, and several work on many GPUs on many
// days.
#include <cooperative_groups.h>
#include <cuda_pipeline.h>
#include <string.h>

extern "C" {
#include "bugs.h"
}

// ---- barriers that are missing

__global__ void no_syncthreads(float *y, const float *x)  // y is x backwards
{
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = s[63 - threadIdx.x];  // BUG no_syncthreads
}

__global__ void no_syncwarp(float *y, const float *x)  // y is x, neighbours exchanged
{
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = s[threadIdx.x ^ 1];  // BUG no_syncwarp
}

// A shuffle waits for the other lanes, but promises nothing about memory.
__global__ void shuffle_orders_nothing(float *y, const float *x)
{
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    float zero = __shfl_xor_sync(0xffffffffu, 0.0f, 1);
    y[threadIdx.x] = s[threadIdx.x ^ 1] + zero;  // BUG shuffle_orders_nothing
}

__global__ void no_atomic(float *y, const float *x)  // y[0] is the sum of x
{
    if (threadIdx.x == 0)
        y[0] = 0.0f;
    __syncthreads();
    y[0] += x[threadIdx.x];  // BUG no_atomic
}

__global__ void no_wait(float *y, const float *x)
{
    __shared__ float s[64];
    __pipeline_memcpy_async(&s[threadIdx.x], &x[threadIdx.x], sizeof *x);
    __pipeline_commit();
    y[threadIdx.x] = s[threadIdx.x];  // BUG no_wait
}

__global__ void uninitialised(float *y, const float *x)
{
    __shared__ float s[64];
    if (threadIdx.x < 63)
        s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];  // BUG uninitialised
}

// The same in a template, and in all blocks but the first.
template <int N> static __global__ void uninitialised_later(float *y, const float *x)
{
    __shared__ float s[N];
    if (blockIdx.x == 0)
        s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];  // BUG uninitialised_later
}

// Four blocks that write the same place: the last one wins, whichever that is.
__global__ void block_order(float *y, const float *x)
{
    if (threadIdx.x < 16)
        y[threadIdx.x] = x[16 * blockIdx.x + threadIdx.x];  // BUG block_order
}

// ---- barriers that not all reach

__global__ void two_barriers(float *y, const float *x)
{
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();  // BUG two_barriers
    y[threadIdx.x] = x[threadIdx.x];
}

__global__ void early_return(float *y, const float *x)
{
    if (threadIdx.x == 40)
        return;
    __syncthreads();  // BUG early_return
    y[threadIdx.x] = x[threadIdx.x];
}

__global__ void deadlock(float *y, const float *x)
{
    float v = x[threadIdx.x];
    if (threadIdx.x % 32 >= 16)
        v = __shfl_xor_sync(0xffffffffu, v, 1);  // BUG deadlock
    __syncthreads();
    y[threadIdx.x] = v;
}

__global__ void grid_sync(float *y, const float *x)
{
    cooperative_groups::this_grid().sync();  // BUG grid_sync
    y[threadIdx.x] = x[threadIdx.x];
}

// ---- warps

__global__ void idle_lane(float *y, const float *x)
{
    float v = x[threadIdx.x];
    if (threadIdx.x < 16)
        v = __shfl_sync(0x0000ffffu, v, 20);  // BUG idle_lane
    y[threadIdx.x] = v;
}

__global__ void not_in_mask(float *y, const float *x)
{
    y[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, x[threadIdx.x], 1);  // BUG not_in_mask
}

// ---- addresses

__global__ void global_oob(float *y, const float *x)
{
    y[threadIdx.x + 1] = x[threadIdx.x];  // BUG global_oob
}

static __device__ __noinline__ void put(float *p, int i, float v)
{
    p[i] = v;  // BUG static_oob
}

template <int N> static __global__ void static_oob(float *y, const float *x)
{
    __shared__ float s[N];
    put(s, threadIdx.x + 1, x[threadIdx.x]);
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
}

__global__ void dynamic_oob(float *y, const float *x)
{
    extern __shared__ float s[];
    s[threadIdx.x + 1] = x[threadIdx.x];  // BUG dynamic_oob
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x + 1];
}

__global__ void misaligned(float *y, const float *x)
{
    float4 v = *(const float4 *)(x + 1);  // BUG misaligned
    y[threadIdx.x] = v.x;
}

__global__ void deep(float *y, const float *x)
{  // BUG deep
    volatile float local[48 << 10];
    for (int i = 0; i < 48 << 10; i++)
        local[i] = x[threadIdx.x];
    y[threadIdx.x] = local[threadIdx.x];
}

// ---- right ones

__global__ void copy_kernel(float *y, const float *x)
{
    y[threadIdx.x] = x[threadIdx.x];
}

__global__ void twice_kernel(float *y, const float *x)
{
    y[threadIdx.x] = 2 * x[threadIdx.x];
}

__global__ void add_kernel(float *y, const float *x)
{
    y[threadIdx.x] += x[threadIdx.x];
}

// ---- launches

void twice(float *y, const float *x, cudaStream_t s)
{
    twice_kernel<<<1, 64, 0, s>>>(y, x);  // BUG use_after_free
}

void add(float *y, const float *x, cudaStream_t s)
{
    add_kernel<<<1, 64, 0, s>>>(y, x);
}

// Those whose launch is the bug, or is not <<<1, 64>>>.
static bool special_launch(const char *name, float *y, const float *x, cudaStream_t s)
{
    float local[64] = { 0 };
    if (strcmp(name, "block_order") == 0)
        block_order<<<4, 64, 0, s>>>(y, x);
    else if (strcmp(name, "uninitialised_later") == 0)
        uninitialised_later<64><<<2, 64, 0, s>>>(y, x);
    else if (strcmp(name, "dynamic_oob") == 0)
        dynamic_oob<<<1, 64, 64 * sizeof(float), s>>>(y, x);
    else if (strcmp(name, "too_many_threads") == 0)
        twice_kernel<<<1, 2048, 0, s>>>(y, x);
    else if (strcmp(name, "too_much_shared") == 0)
        twice_kernel<<<1, 64, 49 << 10, s>>>(y, x);
    else if (strcmp(name, "host_pointer") == 0)
        twice_kernel<<<1, 64, 0, s>>>(y, local);  // BUG host_pointer
    else
        return false;
    return true;
}

bool bug_launch(const char *name, float *y, const float *x, cudaStream_t s)
{
    static const struct {
        const char *name;
        void (*kernel)(float *, const float *);
    } kernels[] = { { "none", copy_kernel },
                    { "no_syncthreads", no_syncthreads },
                    { "no_syncwarp", no_syncwarp },
                    { "shuffle_orders_nothing", shuffle_orders_nothing },
                    { "no_atomic", no_atomic },
                    { "no_wait", no_wait },
                    { "uninitialised", uninitialised },
                    { "two_barriers", two_barriers },
                    { "early_return", early_return },
                    { "deadlock", deadlock },
                    { "grid_sync", grid_sync },
                    { "idle_lane", idle_lane },
                    { "not_in_mask", not_in_mask },
                    { "global_oob", global_oob },
                    { "static_oob", static_oob<64> },
                    { "misaligned", misaligned },
                    { "deep", deep } };
    for (auto k : kernels)
        if (strcmp(name, k.name) == 0) {
            k.kernel<<<1, 64, 0, s>>>(y, x);
            return true;
        }
    return special_launch(name, y, x, s);
}
