// Numbers of 16 or 32 bits in device memory, as floats.  Included by CUDA sources only.
#ifndef LOAD_CUH
#define LOAD_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>

static __device__ __forceinline__ float to_float(float x)
{
    return x;
}

static __device__ __forceinline__ float to_float(__half x)
{
    return __half2float(x);
}

static __device__ __forceinline__ float to_float(__nv_bfloat16 x)
{
    return __bfloat162float(x);
}

// Rounded to nearest, ties to even.
static __device__ __forceinline__ void store(float *to, float x)
{
    *to = x;
}

static __device__ __forceinline__ void store(__half *to, float x)
{
    *to = __float2half_rn(x);
}

static __device__ __forceinline__ void store(__nv_bfloat16 *to, float x)
{
    *to = __float2bfloat16_rn(x);
}

// Number i of an array of `dtype` (F32, F16 or BF16).
static __device__ __forceinline__ float load_number(const void *array, DType dtype,
                                                    size_t i)
{
    if (dtype == F32)
        return ((const float *)array)[i];
    if (dtype == F16)
        return to_float(((const __half *)array)[i]);
    return to_float(((const __nv_bfloat16 *)array)[i]);
}

static __device__ __forceinline__ void store_number(void *array, DType dtype, size_t i,
                                                    float x)
{
    if (dtype == F32)
        store(&((float *)array)[i], x);
    else if (dtype == F16)
        store(&((__half *)array)[i], x);
    else
        store(&((__nv_bfloat16 *)array)[i], x);
}

// The sum, and the greatest, of the 32 values of a warp, for all its lanes: by halves, so
// always in the same order.
static __device__ __forceinline__ float warp_sum(float x)
{
    for (int half = 16; half > 0; half /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, half);
    return x;
}

static __device__ __forceinline__ float warp_max(float x)
{
    for (int half = 16; half > 0; half /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, half));
    return x;
}

#endif
