// What all threads of a block find out together.  Included by CUDA sources only.  The
// block is one of whole warps, and all of its threads call these functions.
#ifndef BLOCK_CUH
#define BLOCK_CUH

typedef enum { SUM, MAX, MIN } Fold;

template <Fold FOLD, typename T> static __device__ T folded(T a, T b)
{
    return FOLD == SUM ? a + b : FOLD == MAX ? max(a, b) : min(a, b);
}

// Lanes first, by halves; then the warps, in order: the same order each time.
template <Fold FOLD, typename T> static __device__ T block_fold(T x)
{
    __shared__ T part[32];
    for (int half = 16; half > 0; half /= 2)
        x = folded<FOLD>(x, __shfl_xor_sync(0xffffffffu, x, half));
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = x;
    __syncthreads();  // all parts are there
    T all = part[0];
    for (int i = 1; i < (int)blockDim.x / 32; i++)
        all = folded<FOLD>(all, part[i]);
    __syncthreads();  // before the next call writes
    return all;
}

// The sum, the greatest and the least of all threads' values, for all of them.
static __device__ double block_sum(double x)
{
    return block_fold<SUM>(x);
}

static __device__ float block_max(float x)
{
    return block_fold<MAX>(x);
}

static __device__ int block_min(int x)
{
    return block_fold<MIN>(x);
}

#endif
