// More kernels with known results: tensor cores, cooperative launches, asynchronous
// copies, limits of launches.
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline.h>
#include <math_constants.h>
#include <mma.h>

extern "C" {
#include "good.h"
}

namespace cg = cooperative_groups;
using namespace nvcuda;

// ---- wmma: a warp has a tile of 16 x 16

template <typename T>
static __global__ void wmma_kernel(float *c, const T *a, const T *b, int n, int k)
{
    __shared__ __align__(32) float tile[16 * 16];
    wmma::fragment<wmma::matrix_a, 16, 16, 16, T, wmma::row_major> fa;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, T, wmma::col_major> fb;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
    int row = blockIdx.y * 16, column = blockIdx.x * 16;
    wmma::fill_fragment(fc, 0.0f);
    for (int i = 0; i < k; i += 16) {
        wmma::load_matrix_sync(fa, a + (size_t)row * k + i, k);
        wmma::load_matrix_sync(fb, b + (size_t)column * k + i, k);
        wmma::mma_sync(fc, fa, fb, fc);
    }
    for (int i = 0; i < fc.num_elements; i++)
        fc.x[i] *= 2.0f;
    wmma::store_matrix_sync(tile, fc, 16, wmma::mem_row_major);
    __syncwarp();
    for (int i = threadIdx.x; i < 256; i += 32)
        c[(size_t)(row + i / 16) * n + column + i % 16] = 0.5f * tile[i];
}

void tensor_wmma_f16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k,
                     cudaStream_t s)
{
    wmma_kernel<__half>
        <<<dim3(n / 16, m / 16), 32, 0, s>>>(c, (const __half *)a, (const __half *)b, n, k);
}

void tensor_wmma_bf16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k,
                      cudaStream_t s)
{
    wmma_kernel<__nv_bfloat16><<<dim3(n / 16, m / 16), 32, 0, s>>>(
        c, (const __nv_bfloat16 *)a, (const __nv_bfloat16 *)b, n, k);
}

// ---- mma.sync and ldmatrix: inline PTX, and what plays it on the CPU

template <typename T>
static __device__ void mma_m16n8k16(float d[4], const unsigned a[4], const unsigned b[2],
                                    const float c[4]);

#ifdef CUDA_ON_CPU
template <typename T>
static __device__ void mma_m16n8k16(float d[4], const unsigned a[4], const unsigned b[2],
                                    const float c[4])
{
    cu_mma_m16n8k16<T>(d, a, b, c);
}

static __device__ void ldmatrix(unsigned r[4], const void *row)
{
    cu_ldmatrix(r, row);
}

static __device__ void ldmatrix_transposed(unsigned r[4], const void *row)
{
    cu_ldmatrix<true>(r, row);
}
#else
#define MMA(type)                                                                        \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type ".f32 "          \
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"             \
                 : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])                        \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]),     \
                   "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]))

template <>
__device__ void mma_m16n8k16<__half>(float d[4], const unsigned a[4], const unsigned b[2],
                                     const float c[4])
{
    MMA("f16");
}

template <>
__device__ void mma_m16n8k16<__nv_bfloat16>(float d[4], const unsigned a[4],
                                            const unsigned b[2], const float c[4])
{
    MMA("bf16");
}

#define LDMATRIX(trans)                                                                  \
    asm volatile("ldmatrix.sync.aligned.m8n8.x4" trans ".shared.b16 "                    \
                 "{%0,%1,%2,%3}, [%4];"                                                  \
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])                        \
                 : "r"((unsigned)__cvta_generic_to_shared(row))                          \
                 : "memory")

static __device__ void ldmatrix(unsigned r[4], const void *row)
{
    LDMATRIX("");
}

static __device__ void ldmatrix_transposed(unsigned r[4], const void *row)
{
    LDMATRIX(".trans");
}
#endif

// A warp has a tile of 16 x 8.  a goes through shared memory as it is; b, turned by hand,
// through the transposing load.
template <typename T>
static __global__ void mma_kernel(float *c, const T *a, const T *b, int n, int k)
{
    __shared__ __align__(16) T as[16][16], bs[16][16];
    int row = blockIdx.y * 16, column = blockIdx.x * 8, lane = threadIdx.x;
    float sum[4] = { 0.0f, 0.0f, 0.0f, 0.0f };
    for (int from = 0; from < k; from += 16) {
        for (int i = lane; i < 256; i += 32) {
            as[i / 16][i % 16] = a[(size_t)(row + i / 16) * k + from + i % 16];
            bs[i / 16][i % 16] =
                i % 16 < 8 ? b[(size_t)(column + i % 16) * k + from + i / 16] : T(0.0f);
        }
        __syncwarp();
        unsigned fa[4], fb[4];
        ldmatrix(fa, &as[lane % 16][lane / 16 * 8]);
        ldmatrix_transposed(fb, &bs[lane % 16][lane / 16 * 8]);
        mma_m16n8k16<T>(sum, fa, fb, sum);
        __syncwarp();
    }
    for (int i = 0; i < 4; i++)
        c[(size_t)(row + lane / 4 + i / 2 * 8) * n + column + lane % 4 * 2 + i % 2] = sum[i];
}

void tensor_mma_f16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k,
                    cudaStream_t s)
{
    mma_kernel<__half>
        <<<dim3(n / 8, m / 16), 32, 0, s>>>(c, (const __half *)a, (const __half *)b, n, k);
}

void tensor_mma_bf16(float *c, const uint16_t *a, const uint16_t *b, int m, int n, int k,
                     cudaStream_t s)
{
    mma_kernel<__nv_bfloat16><<<dim3(n / 8, m / 16), 32, 0, s>>>(
        c, (const __nv_bfloat16 *)a, (const __nv_bfloat16 *)b, n, k);
}

// ---- the whole grid together: maximum, sum, division

enum { GRID = 6, THREADS = 128 };

template <typename F> static __device__ float block_reduce(float *part, float v, F f)
{
    part[threadIdx.x] = v;
    __syncthreads();
    for (int d = THREADS / 2; d > 0; d /= 2) {
        if ((int)threadIdx.x < d)
            part[threadIdx.x] = f(part[threadIdx.x], part[threadIdx.x + d]);
        __syncthreads();
    }
    return part[0];
}

__global__ void softmax_kernel(float *x, float *parts, int n)
{
    __shared__ float buffer[THREADS];
    cg::grid_group grid = cg::this_grid();
    int first = (int)grid.thread_rank(), step = (int)grid.size();
    float high = -CUDART_INF_F, sum = 0.0f;
    for (int i = first; i < n; i += step)
        high = fmaxf(high, x[i]);
    high = block_reduce(buffer, high, [](float a, float b) { return fmaxf(a, b); });
    if (threadIdx.x == 0)
        parts[blockIdx.x] = high;
    grid.sync();
    high = buffer[0];  // shared memory outlives grid.sync
    for (int b = 0; b < GRID; b++)
        high = fmaxf(high, parts[b]);
    for (int i = first; i < n; i += step)
        sum += x[i] = expf(x[i] - high);
    __syncthreads();
    sum = block_reduce(buffer, sum, [](float a, float b) { return a + b; });
    if (threadIdx.x == 0)
        parts[GRID + blockIdx.x] = sum;
    grid.sync();
    sum = 0.0f;
    for (int b = 0; b < GRID; b++)
        sum += parts[GRID + b];
    for (int i = first; i < n; i += step)
        x[i] /= sum;
}

void good_softmax(float *x, float *parts, int n, cudaStream_t s)
{
    void *arguments[] = { &x, &parts, &n };
    cudaLaunchCooperativeKernel(softmax_kernel, dim3(GRID), dim3(THREADS), arguments, 0, s);
}

// ---- asynchronous copies: the next piece of x is under way while this one is used

enum { PIECE = 128, ROWS = 64 };

__global__ void pipeline_kernel(float *y, const float *w, const float *x, int rows, int n)
{
    __shared__ __align__(16) float buffer[2][PIECE];
    int row = blockIdx.x * ROWS + threadIdx.x, t = threadIdx.x;
    float sum = 0.0f;
    if (t < PIECE / 4)
        __pipeline_memcpy_async(&buffer[0][4 * t], &x[4 * t], 16);
    __pipeline_commit();
    for (int piece = 0; piece < n / PIECE; piece++) {
        if (piece + 1 < n / PIECE && t < PIECE / 4)
            __pipeline_memcpy_async(&buffer[(piece + 1) % 2][4 * t],
                                    &x[(piece + 1) * PIECE + 4 * t], 16);
        __pipeline_commit();
        __pipeline_wait_prior(1);
        __syncthreads();
        if (row < rows)
            for (int i = 0; i < PIECE; i++)
                sum += w[(size_t)row * n + piece * PIECE + i] * buffer[piece % 2][i];
        __syncthreads();
    }
    if (row < rows)
        y[row] = sum;
}

void good_pipeline(float *y, const float *w, const float *x, int rows, int n,
                   cudaStream_t s)
{
    pipeline_kernel<<<(rows + ROWS - 1) / ROWS, ROWS, 0, s>>>(y, w, x, rows, n);
}

// ---- limits

__global__ void nothing_kernel()
{
}

cudaError_t good_too_many_threads(cudaStream_t s)
{
    nothing_kernel<<<1, 1025, 0, s>>>();
    return cudaGetLastError();
}

cudaError_t good_dynamic(int kib, int allow, cudaStream_t s)
{
    if (allow)
        cudaFuncSetAttribute(nothing_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             kib << 10);
    void *none[] = { NULL };
    return cudaLaunchKernel(nothing_kernel, dim3(1), dim3(32), none, kib << 10, s);
}

int good_blocks_per_processor(void)
{
    int blocks = 0;
    cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, nothing_kernel, 256, 0);
    return blocks;
}
