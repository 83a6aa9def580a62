// What all threads of a block find out together.  Included by CUDA sources only.  The
// block is one of whole warps, and all of its threads call these functions.
#ifndef BLOCK_CUH
#define BLOCK_CUH

// The sum, the greatest and the least of all threads' values, for all of them; always in
// the same order.
static __device__ double block_sum(double x)
{
    __shared__ double part[32];
    for (int half = 16; half > 0; half /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, half);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = x;
    __syncthreads();
    double sum = 0;
    for (int i = 0; i < (int)blockDim.x / 32; i++)
        sum += part[i];
    __syncthreads();  // before the next call writes
    return sum;
}

static __device__ float block_max(float x)
{
    __shared__ float part[32];
    for (int half = 16; half > 0; half /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, half));
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = x;
    __syncthreads();
    float max = part[0];
    for (int i = 1; i < (int)blockDim.x / 32; i++)
        max = fmaxf(max, part[i]);
    __syncthreads();  // before the next call writes
    return max;
}

static __device__ int block_min(int x)
{
    __shared__ int part[32];
    for (int half = 16; half > 0; half /= 2)
        x = min(x, __shfl_xor_sync(0xffffffffu, x, half));
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = x;
    __syncthreads();
    int least = part[0];
    for (int i = 1; i < (int)blockDim.x / 32; i++)
        least = min(least, part[i]);
    __syncthreads();  // before the next call writes
    return least;
}

#endif
