// Acceptance by rejection; see accept.c.
//
//     kernel    idea                                           bound
//     test      one block: all its threads find out how many   as residual
//               stay, each for itself; then as residual
//     residual  one block: a thread some of the vocabulary     a block's reads of p and q
//     certain   a thread a token                               a write of V floats
//
// Chapter 10.
#include "device_cuda.h"
extern "C" {
#include "accept.h"
#include "device.h"
}

enum { THREADS = 256, PROPOSALS = 64 };

// By value, so that one copy to the device is none.
typedef struct {
    int ids[PROPOSALS], n;
} Proposals;

static __device__ double residual(const float *p, const float *q, int i)
{
    double r = (double)p[i] - (q ? (double)q[i] : 0);
    return r > 0 ? r : 0;
}

// The token at which the sum of max(p - q, 0), by ids, passes u times its total; -1: it
// is all 0.  The sums of the threads' stretches first, then one thread goes through the
// right stretch.
static __device__ int draw(const float *p, const float *q, int V, float u)
{
    __shared__ double part[THREADS];
    __shared__ int drawn;
    int each = (V + THREADS - 1) / THREADS, from = threadIdx.x * each;
    double sum = 0, total = 0;
    for (int i = from; i < from + each && i < V; i++)
        sum += residual(p, q, i);
    part[threadIdx.x] = sum;
    __syncthreads();  // all parts are there
    if (threadIdx.x == 0) {
        int at = 0, last = -1;
        for (int t = 0; t < THREADS; t++)
            total += part[t];
        for (sum = 0; at < THREADS - 1 && sum + part[at] <= u * total; at++)
            sum += part[at];
        for (int i = at * each; i < V && last < 0; i++)
            if ((sum += residual(p, q, i)) > u * total)
                last = i;
        for (int i = V - 1; i >= 0 && last < 0; i--)  // only by rounding
            last = residual(p, q, i) > 0 ? i : -1;
        drawn = total > 0 ? last : -1;
    }
    __syncthreads();  // drawn is there; the next call's first barrier is before it writes
    return drawn;
}

static __device__ int draw_residual(const float *p, const float *q, int V, float u)
{
    int id = draw(p, q, V, u);
    if (id < 0 && q)
        id = draw(p, NULL, V, u);
    return id < 0 ? 0 : id;
}

// A block of THREADS threads, alone.
static __global__ void residual_kernel(const float *p, const float *q, int V, float u,
                                       int *result)
{
    int id = draw_residual(p, q, V, u);
    if (threadIdx.x == 0)
        *result = id;
}

int accept_residual(const float *p, const float *q, int V, float u)
{
    int id, *result = (int *)device_scratch(sizeof *result);
    residual_kernel<<<1, THREADS, 0, device_stream()>>>(p, q, V, u, result);
    CUDA_LAUNCHED();
    device_download(&id, result, sizeof id);
    return id;
}

static __device__ float uniform(RandomKey key, int i, RandomPurpose purpose)
{
    key.position += (uint32_t)i;
    key.purpose = purpose;
    return random_uniform(random_four(key, 0).v[0]);
}

// A block of THREADS threads, alone.  All of them test, each for itself: they come to the
// same end.
static __global__ void test_kernel(const float *p, const float *q, Proposals x, int V,
                                   RandomKey key, int *result)
{
    int i = 0;
    for (; i < x.n; i++, p += V, q += V)
        if (!(uniform(key, i, RANDOM_ACCEPT) * q[x.ids[i]] < p[x.ids[i]]))
            break;
    int id = draw_residual(p, i < x.n ? q : NULL, V, uniform(key, i, RANDOM_RESIDUAL));
    if (threadIdx.x == 0) {
        result[0] = i;
        result[1] = id;
    }
}

void accept_test(const float *p, const float *q, const int *proposed, int n, int V,
                 RandomKey key, int *kept, int *next)
{
    Proposals x = { { 0 }, n };
    int both[2], *result = (int *)device_scratch(sizeof both);
    for (int i = 0; i < n; i++)
        x.ids[i] = proposed[i];
    test_kernel<<<1, THREADS, 0, device_stream()>>>(p, q, x, V, key, result);
    CUDA_LAUNCHED();
    device_download(both, result, sizeof both);
    *kept = both[0];
    *next = both[1];
}

// A thread: one token.  Grid: V / 256.
static __global__ void certain_kernel(float *probs, int V, int id)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < V)
        probs[i] = i == id;
}

void accept_certain(float *probs, int V, int id)
{
    certain_kernel<<<(V + 255) / 256, 256, 0, device_stream()>>>(probs, V, id);
    CUDA_LAUNCHED();
}
