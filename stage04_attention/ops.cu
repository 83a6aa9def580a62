// Small operations between the matrix products; see ops.c.  Chapters 4 to 6.
//
//     kernel        idea                             bound
//     softmax       one thread                       one thread's speed
//     matmul_naive  a thread an output               T reads of the weights
#include "device_cuda.h"
extern "C" {
#include "ops.h"
#include "elementary.h"
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
