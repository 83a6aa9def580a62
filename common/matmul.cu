// y = x W + b on CUDA; see matmul.h.
//
//     kernel     idea                                                 bound
//     1 naive    a thread an output, k one after the other            T reads of the weights
//     2 warp     a warp an output: 32 lanes read a row of weights     the weights' bytes
//                together, 8 numbers a lane, for up to 8 rows of x
//     cuBLAS     more than 64 rows: tensor cores                      arithmetic
//     begin      before it, what it adds to: a thread an output       a write of y
//     round      x in the weights' type: a thread an element          a read of x
//
// Kernels 1 and 2 sum each output in one order whatever the number of rows.  cuBLAS does
// not: --invariant (or --kernel matmul=warp, or naive) keeps it out.
#include "device_cuda.h"
extern "C" {
#include "error.h"
#include "halves.h"
#include "matmul_cuda.h"
#include "memory.h"
#include "options.h"
#include "trace.h"
}
#include "load.cuh"
#include <cublas_v2.h>
#include <stdlib.h>

enum { WARPS = 4, ROWS = 8, CUBLAS_ROWS = 64 };

const char *const matmul_kernels[] = { "auto", "warp", "naive", NULL };

static bool invariant;

void matmul_set_invariant(bool on)
{
    invariant = on;
}

size_t matrix_bytes(DType dtype, int in, int out)
{
    if (dtype == INT8 || dtype == INT4)
        die("weights of type %s are for the CPU only so far; take --dtype bf16, "
            "and weights that are not quantised",
            dtype_option(dtype));
    return (size_t)out * (size_t)matrix_stride(in) * dtype_size(dtype);
}

void matrix_pack(Matrix *m, const void *data, DType from, MatrixLayout layout)
{
    size_t in = (size_t)m->in, out = (size_t)m->out, stride = matrix_stride(m->in);
    size_t size = dtype_size(from), bytes = matrix_bytes(m->dtype, m->in, m->out);
    char *packed = (char *)memory_alloc(bytes, 1, "packing weights");
    float *row = (float *)memory_alloc(stride, sizeof *row, "packing weights");
    for (size_t o = 0; o < out; o++) {
        size_t first = layout == MATRIX_IN_OUT ? o : o * in;
        const char *at = (const char *)data + first * size;
        if (layout == MATRIX_OUT_IN)
            halves_to_floats(row, at, from, m->in);
        for (size_t k = 0; layout == MATRIX_IN_OUT && k < in; k++)
            halves_to_floats(row + k, at + k * out * size, from, 1);
        floats_to_halves(packed + o * stride * dtype_size(m->dtype), row, m->dtype,
                         (int)stride);
    }
    device_upload(m->panels, packed, bytes);
    CUDA_CHECK(cudaStreamSynchronize(device_stream()));
    free(row);
    free(packed);
}

// matrix_bytes has refused INT8 and INT4.
void matrix_load(Matrix *m, const void *numbers, const void *scales)
{
    (void)m, (void)numbers, (void)scales;
}

void matrix_save(void *numbers, void *scales, const Matrix *m)
{
    (void)numbers, (void)scales, (void)m;
}

void matrix_row(float *w, const Matrix *m, int row)
{
    size_t size = dtype_size(m->dtype), bytes = (size_t)m->in * size;
    char *host = (char *)memory_alloc(bytes, 1, "a row of weights");
    const char *from = (const char *)m->panels;
    device_download(host, from + (size_t)row * matrix_stride(m->in) * size, bytes);
    halves_to_floats(w, host, m->dtype, m->in);
    free(host);
}

// What both kernels end with.
static __device__ void put(float *y, float sum, const float *bias, int o, int add)
{
    float value = sum + (bias ? bias[o] : 0.0f);
    *y = add ? *y + value : value;
}

// A thread: output o of row t.  Grid: (outputs / 128, rows).  Lanes read weights that lie
// a row apart: 32 transactions a warp.
template <typename W>
static __global__ void matmul_kernel1(float *y, const float *x, const W *w,
                                      const float *bias, int in, int out, int stride,
                                      int add)
{
    int o = blockIdx.x * blockDim.x + threadIdx.x, t = blockIdx.y;
    if (o >= out)
        return;
    float sum = 0;
    for (int k = 0; k < in; k++)
        sum = fmaf(to_float(w[(size_t)o * stride + k]), x[(size_t)t * in + k], sum);
    put(&y[(size_t)t * out + o], sum, bias, o, add);
}

// A warp: output o of rows t .. t + ROWS - 1.  Lane l takes k = 8 l .. 8 l + 7, then 256
// further on.  Weights are read once for ROWS rows, 16 or 32 bytes a lane at a time.
// Grid: (outputs / WARPS, rows / ROWS).
template <typename W>
static __global__ void matmul_kernel2(float *y, const float *x, const W *w,
                                      const float *bias, int T, int in, int out,
                                      int stride, int add)
{
    int lane = threadIdx.x % 32, o = blockIdx.x * WARPS + threadIdx.x / 32;
    int t = blockIdx.y * ROWS, rows = T - t < ROWS ? T - t : ROWS;
    if (o >= out)
        return;
    float sum[ROWS] = { 0 };
    struct __align__(16) Eight {
        W v[8];
    };
    for (int k = 8 * lane; k < in; k += 256) {
        Eight eight = *(const Eight *)(w + (size_t)o * stride + k);
        int n = in - k < 8 ? in - k : 8;
        #pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const float *at = x + (size_t)(t + r) * in + k;
            if (r < rows)
                for (int i = 0; i < n; i++)
                    sum[r] = fmaf(to_float(eight.v[i]), at[i], sum[r]);
        }
    }
    #pragma unroll
    for (int r = 0; r < ROWS; r++) {
        float total = warp_sum(sum[r]);
        if (lane == 0 && r < rows)
            put(&y[(size_t)(t + r) * out + o], total, bias, o, add);
    }
}

template <typename W>
static void launch(float *y, const float *x, const Matrix *m, const float *bias, int T,
                   int add, bool naive)
{
    const W *w = (const W *)m->panels;
    int stride = matrix_stride(m->in);
    if (naive)
        matmul_kernel1<W><<<dim3((m->out + 127) / 128, T), 128, 0, device_stream()>>>(
            y, x, w, bias, m->in, m->out, stride, add);
    else
        matmul_kernel2<W><<<dim3((m->out + WARPS - 1) / WARPS, (T + ROWS - 1) / ROWS),
                            32 * WARPS, 0, device_stream()>>>(y, x, w, bias, T, m->in,
                                                              m->out, stride, add);
    CUDA_LAUNCHED();
}

// Before cuBLAS adds to it: y = bias, or y + bias.  A thread an element.
static __global__ void begin_kernel(float *y, const float *bias, int out, size_t n,
                                    int add)
{
    size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = (add ? y[i] : 0.0f) + (bias ? bias[i % out] : 0.0f);
}

// x in the weights' type.  A thread an element.
template <typename W> static __global__ void round_kernel(W *to, const float *x, size_t n)
{
    size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        store(&to[i], x[i]);
}

static const void *rounded(const float *x, DType dtype, size_t n)
{
    if (dtype == F32)
        return x;
    void *to = device_scratch(n * 2);
    int blocks = (int)((n + 255) / 256);
    if (dtype == F16)
        round_kernel<__half><<<blocks, 256, 0, device_stream()>>>((__half *)to, x, n);
    else
        round_kernel<__nv_bfloat16>
            <<<blocks, 256, 0, device_stream()>>>((__nv_bfloat16 *)to, x, n);
    CUDA_LAUNCHED();
    return to;
}

// One for each stream: it has memory of its own.
static cublasHandle_t blas(void)
{
    static cublasHandle_t handles[DEVICE_STREAMS];
    cublasHandle_t *handle = &handles[device_stream_number()];
    if (!*handle && cublasCreate(handle) != CUBLAS_STATUS_SUCCESS)
        die("cuBLAS does not start");
    cublasSetStream(*handle, device_stream());
    return *handle;
}

// Its matrices lie by columns: our y [T, out] is its [out, T].
static void by_cublas(float *y, const float *x, const Matrix *m, const float *bias, int T,
                      int add)
{
    size_t n = (size_t)T * m->out;
    const float one = 1;
    cudaDataType type = m->dtype == F32   ? CUDA_R_32F
                          : m->dtype == F16 ? CUDA_R_16F
                                            : CUDA_R_16BF;
    begin_kernel<<<(int)((n + 255) / 256), 256, 0, device_stream()>>>(y, bias, m->out, n,
                                                                      add);
    CUDA_LAUNCHED();
    const void *from = rounded(x, m->dtype, (size_t)T * m->in);
    if (cublasGemmEx(blas(), CUBLAS_OP_T, CUBLAS_OP_N, m->out, T, m->in, &one,
                     m->panels, type, matrix_stride(m->in), from, type, m->in, &one, y,
                     CUDA_R_32F, m->out, CUBLAS_COMPUTE_32F,
                     CUBLAS_GEMM_DEFAULT) != CUBLAS_STATUS_SUCCESS)
        die("cuBLAS failed on %s, %d rows", m->name, T);
}

static void multiply(float *y, const float *x, const Matrix *m, const float *bias, int T,
                     int add)
{
    double bytes =
        (double)matrix_bytes(m->dtype, m->in, m->out) + 4.0 * T * (m->in + m->out);
    if (!trace_op(m->name, bytes, 2.0 * T * m->in * m->out) || T == 0)
        return;
    int kernel = kernel_choice("matmul", matmul_kernels);
    if (kernel == 0 && T > CUBLAS_ROWS && !invariant)
        by_cublas(y, x, m, bias, T, add);
    else if (m->dtype == F32)
        launch<float>(y, x, m, bias, T, add, kernel == 2);
    else if (m->dtype == F16)
        launch<__half>(y, x, m, bias, T, add, kernel == 2);
    else
        launch<__nv_bfloat16>(y, x, m, bias, T, add, kernel == 2);
}

void matmul(float *y, const float *x, const Matrix *w, const float *bias, int T)
{
    multiply(y, x, w, bias, T, 0);
}

void matmul_add(float *y, const float *x, const Matrix *w, const float *bias, int T)
{
    multiply(y, x, w, bias, T, 1);
}
