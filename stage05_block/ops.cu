// Small operations between the matrix products; see ops.c.  Chapters 4 to 6.
//
//     kernel        idea                             bound
//     softmax       one thread                       one thread's speed
//     matmul_naive  a thread an output               T reads of the weights
//     layernorm     a block a row                    a read and a write of x
//     gelu          a thread a number                the same
#include "device_cuda.h"
extern "C" {
#include "ops.h"
#include "elementary.h"
#include "trace.h"
}

// One thread, alone: a softmax of n numbers is too little work for more.
static __global__ void softmax_kernel(float *x, int n)
{
    float max = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        max = fmaxf(max, x[i]);
    for (int i = 0; i < n; i++)
        sum += x[i] = exp_f32(x[i] - max);
    for (int i = 0; i < n; i++)
        x[i] /= sum;
}

void softmax(float *x, int n)
{
    softmax_kernel<<<1, 1, 0, device_stream()>>>(x, n);
    CUDA_LAUNCHED();
}

// A thread: output o of row t.  Grid: (outputs / 128, rows).  A warp reads 32 weights
// that lie side by side.
static __global__ void matmul_naive_kernel(float *y, const float *x, const float *w,
                                           const float *bias, int in, int out)
{
    int o = blockIdx.x * blockDim.x + threadIdx.x, t = blockIdx.y;
    float sum = 0;
    if (o >= out)
        return;
    for (int k = 0; k < in; k++)
        sum += x[t * in + k] * w[k * out + o];
    y[t * out + o] = sum + (bias ? bias[o] : 0);
}

void matmul_naive(float *y, const float *x, const float *w, const float *bias, int T,
                  int in, int out)
{
    matmul_naive_kernel<<<dim3((out + 127) / 128, T), 128, 0, device_stream()>>>(
        y, x, w, bias, in, out);
    CUDA_LAUNCHED();
}

enum { LANES = 128 };  // threads of a row

// The sum of all threads' values: by halves, so always in the same order.
static __device__ float block_sum(float x)
{
    __shared__ float part[LANES];
    part[threadIdx.x] = x;
    __syncthreads();  // all parts are there
    for (int half = LANES / 2; half > 0; half /= 2) {
        if ((int)threadIdx.x < half)
            part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();  // before the next half of them
    }
    float sum = part[0];
    __syncthreads();  // before the next call writes
    return sum;
}

// A block: row t.  A thread: elements i, i + 128, ...  Grid: rows.  Three passes over the
// row, of which the first brings it into the cache.
static __global__ void layernorm_kernel(float *y, const float *x, Norm n, int C)
{
    const float *row = x + (size_t)blockIdx.x * C;
    float sum = 0, squares = 0;
    for (int i = threadIdx.x; i < C; i += LANES)
        sum += row[i];
    float mean = block_sum(sum) / (float)C;
    for (int i = threadIdx.x; i < C; i += LANES)
        squares = fmaf(row[i] - mean, row[i] - mean, squares);
    float scale = 1.0f / sqrtf(block_sum(squares) / (float)C + n.eps);
    for (int i = threadIdx.x; i < C; i += LANES)
        y[(size_t)blockIdx.x * C + i] =
            fmaf((row[i] - mean) * scale, n.gain[i], n.bias[i]);
}

void layernorm(float *y, const float *x, const Norm *n, int T, int C)
{
    if (!trace_op("layernorm", 8.0 * T * C, 8.0 * T * C) || T == 0)
        return;
    layernorm_kernel<<<T, LANES, 0, device_stream()>>>(y, x, *n, C);
    CUDA_LAUNCHED();
}

// A thread: one number.  Grid: numbers / 256.
static __global__ void gelu_kernel(float *x, int n)
{
    const float root = 0.79788456f;  // sqrt(2 / pi)
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    float cubic = fmaf(0.044715f * x[i] * x[i], x[i], x[i]);
    x[i] = 0.5f * x[i] * (1.0f + tanh_f32(root * cubic));
}

void gelu(float *x, int T, int width)
{
    if (!trace_op("gelu", 8.0 * T * width, 20.0 * T * width) || T == 0)
        return;
    gelu_kernel<<<(T * width + 255) / 256, 256, 0, device_stream()>>>(x, T * width);
    CUDA_LAUNCHED();
}
