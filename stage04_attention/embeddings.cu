// Token and position embeddings: x[t] = wte[ids[t]] + wpe[pos[t]]; see embeddings.c.
//
//     kernel      idea            bound
//     embeddings  a block a row   two reads and a write of a row
//
// Chapter 3.
#include "device_cuda.h"
extern "C" {
#include "embeddings.h"
#include "matmul_cuda.h"
#include "trace.h"
}
#include "load.cuh"

// A block: row t.  A thread: elements i, i + 128, ...  Grid: rows.
static __global__ void embeddings_kernel(float *x, Matrix wte, Matrix wpe, const int *ids,
                                         const int *pos, int C)
{
    int t = blockIdx.x;
    size_t token = (size_t)ids[t] * matrix_stride(C);
    size_t place = (size_t)pos[t] * matrix_stride(C);
    for (int i = threadIdx.x; i < C; i += blockDim.x)
        x[(size_t)t * C + i] = load_number(wte.panels, wte.dtype, token + i) +
                               load_number(wpe.panels, wpe.dtype, place + i);
}

void embeddings_forward(const Embeddings *e, State *s)
{
    int C = s->config.C;
    if (!trace_op("embeddings", 12.0 * s->T * C, (double)s->T * C))
        return;
    embeddings_kernel<<<s->T, 128, 0, device_stream()>>>(s->x, e->wte, e->wpe, s->ids,
                                                         s->pos, C);
    CUDA_LAUNCHED();
}
