// Causal multi-head attention; see attention.c.
//
//     kernel   idea                                            bound
//     1 naive  a thread an output; each computes all scores    all scores 2 HS times
//              of its row twice
//     2 fused  a warp a head of a row: 32 keys at a time,      reads of keys and values
//              a lane each; online softmax; then the lanes
//              are elements of the values
//
// Chapter 4.
#include "device_cuda.h"
extern "C" {
#include "attention.h"
#include "elementary.h"
#include "options.h"
#include "trace.h"
}
#include "load.cuh"

extern "C" const char *const attention_kernels[] = { "fused", "naive", NULL };

enum { CHUNK = 32 };  // keys at a time: one a lane

// What one head of one row works on.
typedef struct {
    const float *q, *k, *v;  // k, v: the first key and value, `stride` floats apart
    float *out;              // [HS]
    int stride, keys, HS;
} Head;

static __device__ Head head_of(const float *qkv, float *mix, int C, int HS, int t, int h)
{
    const float *first = qkv + h * HS;  // row 0: query, then key, then value
    return { first + (size_t)t * 3 * C,
             first + C,
             first + 2 * C,
             mix + (size_t)t * C + h * HS,
             3 * C,
             t + 1,  // causal: what follows is not there yet
             HS };
}

// q . key j / sqrt(HS)
static __device__ float score(const Head *h, int j)
{
    float sum = 0;
    for (int i = 0; i < h->HS; i++)
        sum = fmaf(h->q[i], h->k[(size_t)j * h->stride + i], sum);
    return sum * (1.0f / sqrtf((float)h->HS));
}

// Element i of value j.
static __device__ float value(const Head *h, int j, int i)
{
    return h->v[(size_t)j * h->stride + i];
}

// A thread: element i of head h of row t.  Grid: (heads, rows), HS threads.  Each reads
// the keys twice and its column of the values once.
static __global__ void attention_kernel1(const float *qkv, float *mix, int C, int HS)
{
    Head h = head_of(qkv, mix, C, HS, blockIdx.y, blockIdx.x);
    float max = -INFINITY, sum = 0, out = 0;
    for (int j = 0; j < h.keys; j++)
        max = fmaxf(max, score(&h, j));
    for (int j = 0; j < h.keys; j++) {
        float p = exp_f32(score(&h, j) - max);
        sum += p;
        out = fmaf(p, value(&h, j, threadIdx.x), out);
    }
    h.out[threadIdx.x] = out / sum;
}

// A warp: head h of row t.  Grid: (heads, rows), 32 threads.  Keys and values are read
// once a row.
static __global__ void attention_kernel2(const float *qkv, float *mix, int C, int HS)
{
    extern __shared__ float out[];  // [HS] the mix so far
    __shared__ float p[CHUNK];
    Head h = head_of(qkv, mix, C, HS, blockIdx.y, blockIdx.x);
    int lane = threadIdx.x;
    float max = -INFINITY, sum = 0;
    for (int i = lane; i < HS; i += 32)
        out[i] = 0;
    for (int j = 0; j < h.keys; j += CHUNK) {
        int n = h.keys - j < CHUNK ? h.keys - j : CHUNK;
        float mine = lane < n ? score(&h, j + lane) : -INFINITY;
        float new_max = fmaxf(max, warp_max(mine)), fade = exp_f32(max - new_max);
        p[lane] = lane < n ? exp_f32(mine - new_max) : 0;
        __syncthreads();  // p is complete
        sum = fmaf(sum, fade, warp_sum(p[lane]));
        max = new_max;
        for (int i = lane; i < HS; i += 32) {
            float mixed = out[i] * fade;
            for (int k = 0; k < n; k++)
                mixed = fmaf(p[k], value(&h, j + k, i), mixed);
            out[i] = mixed;
        }
        __syncthreads();  // before the next chunk's p
    }
    for (int i = lane; i < HS; i += 32)
        h.out[i] = out[i] / sum;
}

static void attention_core(State *s)
{
    int C = s->config.C, NH = s->config.NH, HS = C / NH;
    double T = s->T;
    if (!trace_op("attention", 16 * T * C, 2 * T * T * C) || s->T == 0)
        return;
    dim3 grid(NH, s->T);
    if (kernel_choice("attention", attention_kernels) == 1)
        attention_kernel1<<<grid, HS, 0, device_stream()>>>(s->qkv, s->mix, C, HS);
    else
        attention_kernel2<<<grid, 32, HS * sizeof(float), device_stream()>>>(
            s->qkv, s->mix, C, HS);
    CUDA_LAUNCHED();
}

void attention_forward(const Attention *a, State *s, const float *in)
{
    matmul(s->qkv, in, &a->qkv, a->qkv_bias, s->T);
    attention_core(s);
    matmul_add(s->x, s->mix, &a->proj, a->proj_bias, s->T);
}
