// Causal multi-head attention; see attention.c.
//
//     kernel   idea                                            bound
//     1 naive  a thread an output; each computes all scores    all scores 2 HS times
//              of its row twice
//     2 fused  a warp a head of a row: 32 keys at a time,      reads of keys and values
//              a lane each; online softmax; then the lanes
//              are elements of the values
//     3 split  kernel 2 on parts of 256 keys, each by a warp   the same, by more warps:
//              of its own; then `combine` puts them together   for few rows and many keys
//     append   before them: a thread an element of a new key   the new keys and values:
//              or value                                        one read, one write
//
// Chapters 4 and 8.
#include "device_cuda.h"
extern "C" {
#include "attention.h"
#include "elementary.h"
#include "options.h"
#include "trace.h"
}
#include "load.cuh"

extern "C" const char *const attention_kernels[] = { "split", "fused", "naive", NULL };

enum {
    CHUNK = KV_CHUNK,  // keys at a time: one a lane
    PART = 8 * CHUNK   // keys of a warp, in kernel 3
};

// What one head of one row works on.
typedef struct {
    const KVView *cache;
    const float *q;
    float *out;  // [HS]
    int layer, t, h, keys, HS;
} Head;

static __device__ Head head_of(const KVView *v, int layer, const float *qkv, float *mix,
                               int C, int t, int h)
{
    return { v,
             qkv + (size_t)t * 3 * C + h * v->HS,
             mix + (size_t)t * C + h * v->HS,
             layer,
             t,
             h,
             v->keys[t],  // causal: what follows is not counted
             v->HS };
}

// One of a row's new key (which = 0) and value (which = 1), rounded to the cache's type.
// A thread: one element of one head.  Grid: (heads, rows, 2), HS threads.
static __global__ void append_kernel(KVView v, int layer, const float *qkv, int C)
{
    int h = blockIdx.x, t = blockIdx.y, which = blockIdx.z, i = threadIdx.x;
    if (v.shift[t])
        for (int j = 0; j + 1 < v.keys[t]; j++) {
            void *to = kvcache_at(&v, layer, which, h, kvcache_slot(&v, t, j));
            void *from = kvcache_at(&v, layer, which, h, kvcache_slot(&v, t, j + 1));
            store_number(to, v.dtype, i, load_number(from, v.dtype, i));
        }
    store_number(kvcache_at(&v, layer, which, h, v.slot[t]), v.dtype, i,
                 qkv[(size_t)t * 3 * C + (which + 1) * C + h * v.HS + i]);
}

// q . key j / sqrt(HS)
static __device__ float score(const Head *h, int j)
{
    const KVView *v = h->cache;
    const void *key = kvcache_at(v, h->layer, 0, h->h, kvcache_slot(v, h->t, j));
    float sum = 0;
    for (int i = 0; i < h->HS; i++)
        sum = fmaf(h->q[i], load_number(key, v->dtype, i), sum);
    return sum * (1.0f / sqrtf((float)h->HS));
}

// Element i of value j.
static __device__ float value(const Head *h, int j, int i)
{
    const KVView *v = h->cache;
    int slot = kvcache_slot(v, h->t, j);
    return load_number(kvcache_at(v, h->layer, 1, h->h, slot), v->dtype, i);
}

// A thread: element i of head h of row t.  Grid: (heads, rows), HS threads.  Each reads
// the keys twice and its column of the values once.
static __global__ void attention_kernel1(KVView v, int layer, const float *qkv,
                                         float *mix, int C)
{
    Head h = head_of(&v, layer, qkv, mix, C, blockIdx.y, blockIdx.x);
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

// Keys from .. to - 1 by one warp: out[HS] (shared) their mix, not yet divided by *sum.
static __device__ void attend(const Head *h, int from, int to, float *out, float *max,
                              float *sum)
{
    __shared__ float p[CHUNK];
    int lane = threadIdx.x;
    *max = -INFINITY;
    *sum = 0;
    for (int i = lane; i < h->HS; i += 32)
        out[i] = 0;
    for (int j = from; j < to; j += CHUNK) {
        int n = to - j < CHUNK ? to - j : CHUNK;
        float mine = lane < n ? score(h, j + lane) : -INFINITY;
        float new_max = fmaxf(*max, warp_max(mine)), fade = exp_f32(*max - new_max);
        p[lane] = lane < n ? exp_f32(mine - new_max) : 0;
        __syncthreads();  // p is complete
        *sum = fmaf(*sum, fade, warp_sum(p[lane]));
        *max = new_max;
        for (int i = lane; i < h->HS; i += 32) {
            float mixed = out[i] * fade;
            for (int k = 0; k < n; k++)
                mixed = fmaf(p[k], value(h, j + k, i), mixed);
            out[i] = mixed;
        }
        __syncthreads();  // before the next chunk's p
    }
}

// A warp: head h of row t.  Grid: (heads, rows), 32 threads.  Keys and values are read
// once a row.
static __global__ void attention_kernel2(KVView v, int layer, const float *qkv,
                                         float *mix, int C)
{
    extern __shared__ float out[];  // [HS] the mix so far
    Head h = head_of(&v, layer, qkv, mix, C, blockIdx.y, blockIdx.x);
    float max, sum;
    attend(&h, 0, h.keys, out, &max, &sum);
    for (int i = threadIdx.x; i < h.HS; i += 32)
        h.out[i] = out[i] / sum;
}

// A warp: keys PART * part ... of head h of row t.  Grid: (heads, rows, parts of the
// longest window).  parts [rows, heads, parts, HS + 2]: the mix, its maximum and sum.
static __global__ void attention_kernel3(KVView v, int layer, const float *qkv,
                                         float *parts)
{
    extern __shared__ float out[];  // [HS]
    Head h = head_of(&v, layer, qkv, parts, v.NH * v.HS, blockIdx.y, blockIdx.x);
    int from = blockIdx.z * PART, to = from + PART < h.keys ? from + PART : h.keys;
    size_t at = ((size_t)blockIdx.y * gridDim.x + blockIdx.x) * gridDim.z + blockIdx.z;
    float max, sum, *part = parts + at * (h.HS + 2);
    if (from >= h.keys)
        return;
    attend(&h, from, to, out, &max, &sum);
    for (int i = threadIdx.x; i < h.HS; i += 32)
        part[i] = out[i];
    if (threadIdx.x == 0) {
        part[h.HS] = max;
        part[h.HS + 1] = sum;
    }
}

// The parts of a head and row together, in order.  A thread: one element.  Grid: (heads,
// rows), HS threads.  Reads HS + 2 floats a part.
static __global__ void combine_kernel(KVView v, float *mix, int C, const float *parts,
                                      int n)
{
    int h = blockIdx.x, t = blockIdx.y, width = v.HS + 2;
    const float *part = parts + ((size_t)t * gridDim.x + h) * n * width;
    float max = -INFINITY, sum = 0, out = 0;
    for (int j = 0; j < v.keys[t]; j += PART, part += width) {
        float new_max = fmaxf(max, part[v.HS]);
        float old_fade = exp_f32(max - new_max), fade = exp_f32(part[v.HS] - new_max);
        sum = fmaf(sum, old_fade, part[v.HS + 1] * fade);
        out = fmaf(out, old_fade, part[threadIdx.x] * fade);
        max = new_max;
    }
    mix[(size_t)t * C + h * v.HS + threadIdx.x] = out / sum;
}

static void attention_append(State *s, int layer)
{
    const KVView *v = &s->cache->view;
    double count = 2.0 * s->T * s->config.C;
    if (!trace_op("attention_append", (4 + dtype_size(v->dtype)) * count, 0) || s->T == 0)
        return;
    append_kernel<<<dim3(v->NH, s->T, 2), v->HS, 0, device_stream()>>>(*v, layer, s->qkv,
                                                                       s->config.C);
    CUDA_LAUNCHED();
}

static void attention_core(State *s, int layer)
{
    const KVView *v = &s->cache->view;
    int C = s->config.C, parts = (v->slots + PART - 1) / PART;
    double T = s->T, read = s->cache->seen * C;
    size_t shared = v->HS * sizeof(float);
    if (!trace_op("attention", 8 * T * C + 2 * read * dtype_size(v->dtype), 4 * read) ||
        s->T == 0)
        return;
    cudaStream_t stream = device_stream();
    dim3 grid(v->NH, s->T), split(v->NH, s->T, parts);
    int kernel = kernel_choice("attention", attention_kernels);
    if (kernel == 2)
        attention_kernel1<<<grid, v->HS, 0, stream>>>(*v, layer, s->qkv, s->mix, C);
    else if (kernel == 1 || parts == 1)
        attention_kernel2<<<grid, 32, shared, stream>>>(*v, layer, s->qkv, s->mix, C);
    else {
        size_t floats = (size_t)s->T * v->NH * parts * (v->HS + 2);
        float *part = (float *)device_scratch(floats * sizeof *part);
        attention_kernel3<<<split, 32, shared, stream>>>(*v, layer, s->qkv, part);
        CUDA_LAUNCHED();
        combine_kernel<<<grid, v->HS, 0, stream>>>(*v, s->mix, C, part, parts);
    }
    CUDA_LAUNCHED();
}

void attention_forward(const Attention *a, State *s, const float *in)
{
    matmul(s->qkv, in, &a->qkv, a->qkv_bias, s->T);
    attention_append(s, a->layer);
    attention_core(s, a->layer);
    matmul_add(s->x, s->mix, &a->proj, a->proj_bias, s->T);
}
