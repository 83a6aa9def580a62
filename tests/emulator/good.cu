// Kernels that use what the emulator has, each with a result that is known.  The same
// text compiles with nvcc.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline.h>
#include <math_constants.h>

extern "C" {
#include "good.h"
#include "random.h"
}

namespace cg = cooperative_groups;

static const unsigned ALL = 0xffffffffu;

// ---- a grid of two dimensions, a struct as argument, a pointer that may be NULL

__global__ void scale_kernel(float *x, const float *y, Shape shape)
{
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < shape.rows && column < shape.columns) {
        size_t i = (size_t)row * shape.columns + column;
        x[i] = shape.scale * x[i] + (y ? y[i] : 0.0f);
    }
}

void good_scale(float *x, const float *y, Shape shape, cudaStream_t s)
{
    dim3 block(16, 8), grid((shape.columns + 15) / 16, (shape.rows + 7) / 8);
    if (y)
        scale_kernel<<<grid, block, 0, s>>>(x, y, shape);
    else
        scale_kernel<<<grid, block, 0, s>>>(x, NULL, shape);
}

// ---- templates over the type of the elements; static shared memory

static __device__ __forceinline__ float warp_sum(float v)
{
#pragma unroll
    for (int d = 16; d > 0; d /= 2)
        v += __shfl_xor_sync(ALL, v, d);
    return v;
}

template <typename T>
static __global__ void __launch_bounds__(256) sum_kernel(float *sums, const T *x)
{
    __shared__ float part[8];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float v = warp_sum((float)x[i]);
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = v;
    __syncthreads();
    if (threadIdx.x < 32) {
        v = warp_sum(threadIdx.x < 8 ? part[threadIdx.x] : 0.0f);
        if (threadIdx.x == 0)
            sums[blockIdx.x] = v;
    }
}

void good_sum_f32(float *sums, const float *x, int blocks, cudaStream_t s)
{
    sum_kernel<float><<<blocks, 256, 0, s>>>(sums, x);
}

void good_sum_f16(float *sums, const uint16_t *x, int blocks, cudaStream_t s)
{
    sum_kernel<__half><<<blocks, 256, 0, s>>>(sums, (const __half *)x);
}

void good_sum_bf16(float *sums, const uint16_t *x, int blocks, cudaStream_t s)
{
    sum_kernel<__nv_bfloat16><<<blocks, 256, 0, s>>>(sums, (const __nv_bfloat16 *)x);
}

// ---- dynamic shared memory, four floats at a time

__global__ void transpose_kernel(float *to, const float *from, int rows, int columns)
{
    extern __shared__ __align__(16) float tile[];  // [32, 36]: whole float4, no conflicts
    int row = blockIdx.y * 32 + threadIdx.y, column = blockIdx.x * 32 + threadIdx.x * 4;
    const float4 v = *(const float4 *)(from + (size_t)row * columns + column);
    *(float4 *)(tile + threadIdx.y * 36 + threadIdx.x * 4) = v;
    __syncthreads();
    float *out = to + (size_t)(blockIdx.x * 32 + threadIdx.y) * rows + blockIdx.y * 32;
    for (int i = 0; i < 4; i++)
        out[threadIdx.x * 4 + i] = tile[(threadIdx.x * 4 + i) * 36 + threadIdx.y];
}

void good_transpose(float *to, const float *from, int rows, int columns, cudaStream_t s)
{
    transpose_kernel<<<dim3(columns / 32, rows / 32), dim3(8, 32), 32 * 36 * sizeof(float),
                       s>>>(to, from, rows, columns);
}

// ---- warp operations

__global__ void warp_kernel(int *out)
{
    int lane = threadIdx.x, r = 0;
    auto put = [&](int v) { out[32 * r++ + lane] = v; };
    put(__shfl_sync(ALL, 10 * lane, 5));
    put(__shfl_sync(ALL, 10 * lane, 3, 8));
    put(__shfl_up_sync(ALL, lane, 3));
    put(__shfl_up_sync(ALL, lane, 3, 8));
    put(__shfl_down_sync(ALL, lane, 2));
    put(__shfl_down_sync(ALL, lane, 2, 16));
    put(__shfl_xor_sync(ALL, lane, 9));
    put((int)__ballot_sync(ALL, lane % 3 == 0));
    put(__any_sync(ALL, lane == 7) + 2 * __any_sync(ALL, 0));
    put(__all_sync(ALL, 1) + 2 * __all_sync(ALL, lane != 7));
    put((int)__reduce_add_sync(ALL, (unsigned)lane));
    put(__reduce_max_sync(ALL, -lane));
    put(__reduce_min_sync(ALL, lane - 20));
    put((int)__reduce_or_sync(ALL, 1u << lane / 2));
    put((int)(1000 * __shfl_xor_sync(ALL, 0.5f * lane, 1)));
    put((int)(__shfl_xor_sync(ALL, (unsigned long long)lane << 40, 2) >> 40));
    put((int)(float)__shfl_xor_sync(ALL, __float2half((float)lane), 4));
    int half_warp = 0;  // two groups that go their own ways
    if (lane < 16)
        half_warp = (int)__reduce_add_sync(0xffffu, 1u);
    else
        half_warp = 100 + (int)__reduce_add_sync(0xffff0000u, 2u);
    __syncwarp();
    put(half_warp);
    put((int)((__activemask() >> lane) & 1));
    put(__popc(__ballot_sync(ALL, 1)));
}

void good_warp(int *out, cudaStream_t s)
{
    warp_kernel<<<1, 32, 0, s>>>(out);
}

__global__ void votes_kernel(int *out)
{
    int i = threadIdx.x;
    out[i] = __syncthreads_count(i % 5 == 0);
    out[64 + i] = __syncthreads_and(i < 64) + 2 * __syncthreads_and(i < 63);
    out[128 + i] = __syncthreads_or(i == 9) + 2 * __syncthreads_or(0);
}

void good_votes(int *out, cudaStream_t s)
{
    votes_kernel<<<1, 64, 0, s>>>(out);
}

__global__ void atomics_kernel(unsigned *out)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;  // 0 .. 255
    atomicAdd(&out[0], i);
    atomicAdd((int *)&out[1], -(int)i);
    atomicAdd((float *)&out[2], 0.5f);
    atomicMax(&out[3], i * 7 % 256);
    atomicMin((int *)&out[4], (int)i - 100);
    atomicOr(&out[5], 1u << i % 32);
    atomicAnd(&out[6], ~(1u << i % 16));
    atomicXor(&out[7], i);
    atomicInc(&out[8], 99);
    atomicDec(&out[9], 99);
    atomicSub(&out[10], 2u);
    if (atomicExch(&out[11], i + 1) == 0)
        atomicAdd(&out[12], 1u);
    for (unsigned old = atomicOr(&out[13], 0u), seen;; old = seen)  // a product, by compare and swap
        if ((seen = atomicCAS(&out[13], old, old * 3)) == old)
            break;
    atomicAdd((unsigned long long *)&out[14], 1ull << 31);
}

void good_atomics(unsigned *out, cudaStream_t s)
{
    atomics_kernel<<<4, 64, 0, s>>>(out);
}

__global__ void bits_kernel(unsigned *out, const float *x)
{
    int n = 0;
    out[n++] = __popc(0xf0f0u);
    out[n++] = __ffs(0x50);
    out[n++] = __clz(1);
    out[n++] = __clz(0);
    out[n++] = __brev(1u);
    out[n++] = __umulhi(0xffffffffu, 0x10u);
    out[n++] = __byte_perm(0x33221100u, 0x77665544u, 0x7250u);
    out[n++] = __funnelshift_l(0x80000000u, 1u, 1u);
    out[n++] = (unsigned)__dp4a(0x01ff0203, 0x02030405, 10);
    out[n++] = __float_as_uint(1.5f);
    out[n++] = (unsigned)__int_as_float(0x40400000);
    out[n++] = (unsigned)min(3, max(-7, 2)) + max(5u, 4u);
    out[n++] = (unsigned)(1000.0f * fminf(rsqrtf(4.0f), CUDART_INF_F));
    out[n++] = (unsigned)__float2int_rn(2.5f) + (unsigned)__float2int_rd(-0.5f);
    out[n++] = (unsigned)(__expf(0.0f) + __logf(1.0f) + __powf(2.0f, 3.0f) + 0.5f);
    out[n++] = (unsigned)(__ldg(&x[1]) + __fmaf_rn(2.0f, 3.0f, 4.0f));
    float4 v = make_float4(1, 2, 3, 4);
    __half2 h = __floats2half2_rn(v.x, v.y), g = __hfma2(h, h, h);
    out[n++] = (unsigned)(__low2float(g) + 10.0f * __high2float(g));
    __nv_bfloat162 b = __floats2bfloat162_rn(v.z, v.w);
    float2 f = __bfloat1622float2(__hmul2(b, b));
    out[n++] = (unsigned)(f.x + 100.0f * f.y);
}

void good_bits(unsigned *out, const float *x, cudaStream_t s)
{
    bits_kernel<<<1, 1, 0, s>>>(out, x);
}

// ---- cooperative groups

__global__ void tiles_kernel(int *out)
{
    cg::thread_block block = cg::this_thread_block();
    auto tile = cg::tiled_partition<8>(block);
    int i = (int)block.thread_rank();
    out[i] = cg::reduce(tile, i, cg::plus<int>());
    out[64 + i] = tile.shfl_down((int)tile.thread_rank(), 3);
    out[128 + i] = (int)tile.ballot(i % 2);
    block.sync();
    out[192 + i] = out[63 - i] + (int)tile.meta_group_rank() + (int)tile.size();
}

void good_tiles(int *out, cudaStream_t s)
{
    tiles_kernel<<<1, 64, 0, s>>>(out);
}

// ---- functions that the host's files have, too

__global__ void elementary_kernel(float *y, const float *x, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    RandomKey key = {};
    key.seed = 7;
    key.position = (uint32_t)i;
    y[4 * i] = exp_f32(x[i]);
    y[4 * i + 1] = log_f32(fabsf(x[i]) + 0.001f);
    y[4 * i + 2] = tanh_f32(x[i]);
    y[4 * i + 3] = random_gumbel(random_four(key, 3).v[1]);
}

void good_elementary(float *y, const float *x, int n, cudaStream_t s)
{
    elementary_kernel<<<(n + 127) / 128, 128, 0, s>>>(y, x, n);
}

__global__ void halves_kernel(float *f16, float *bf16, uint16_t *back)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    f16[i] = __half2float(__ushort_as_half((unsigned short)i));
    bf16[i] = __bfloat162float(__ushort_as_bfloat16((unsigned short)i));
    back[i] = __half_as_ushort(__float2half(f16[i]));
    back[65536 + i] = __bfloat16_as_ushort(__float2bfloat16(bf16[i]));
}

void good_halves(float *f16, float *bf16, uint16_t *back, cudaStream_t s)
{
    halves_kernel<<<256, 256, 0, s>>>(f16, bf16, back);
}

__global__ void narrow_kernel(uint16_t *f16, uint16_t *bf16, const float *x, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        f16[i] = __half_as_ushort(__float2half_rn(x[i]));
        bf16[i] = __bfloat16_as_ushort(__float2bfloat16_rn(x[i]));
    }
}

void good_narrow(uint16_t *f16, uint16_t *bf16, const float *x, int n, cudaStream_t s)
{
    narrow_kernel<<<(n + 255) / 256, 256, 0, s>>>(f16, bf16, x, n);
}

// ---- constant memory, variables of the device

static __constant__ float constant_table[TABLE];
static __device__ int calls;

__global__ void table_kernel(float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = constant_table[i % TABLE] + (float)calls;
}

__global__ void count_kernel()
{
    calls++;
}

void good_table(float *y, int n, const float *table, cudaStream_t s)
{
    int before = 0;
    cudaMemcpyToSymbol(constant_table, table, TABLE * sizeof(float));
    cudaMemcpyFromSymbol(&before, calls, sizeof before);
    count_kernel<<<1, 1, 0, s>>>();
    table_kernel<<<(n + 63) / 64, 64, 0, s>>>(y, n);
    if (before == 0)
        count_kernel<<<1, 1, 0, s>>>();
}

// ---- the last block adds up

static __device__ unsigned finished;
static __device__ float sums[64];

__global__ void last_block_kernel(float *sum, const float *x, int n)
{
    __shared__ bool last;
    __shared__ float parts[2];
    float v = 0.0f;
    for (int i = blockIdx.x * 64 + threadIdx.x; i < n; i += gridDim.x * 64)
        v += x[i];
    v = warp_sum(v);
    if (threadIdx.x % 32 == 0)
        parts[threadIdx.x / 32] = v;
    __syncthreads();
    if (threadIdx.x == 0) {
        sums[blockIdx.x] = parts[0] + parts[1];
        __threadfence();
        last = atomicInc(&finished, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0) {
        __threadfence();
        for (v = 0.0f, n = 0; n < (int)gridDim.x; n++)
            v += sums[n];
        *sum = v;
    }
}

void good_last_block(float *sum, const float *x, int n, cudaStream_t s)
{
    last_block_kernel<<<10, 64, 0, s>>>(sum, x, n);
}
