// cuBLAS's matrix product on the CPU; see cublas_v2.h.
//
// C is computed in strips of STRIP rows.  For a strip, DEPTH columns of op(A) at a time
// are turned into floats that lie side by side, and each element of op(B) scales one such
// column: a loop over STRIP neighbours, which the compiler vectorises.  Each element of C
// is a sum over k = 0, 1, ... with one accumulator, in f32.
#include "cublas_v2.h"
#include "cuda_cpu_bits.h"
#include "cuda_cpu_calls.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { STRIP = 64, DEPTH = 128 };

struct cublasContext {
    cudaStream_t stream;
    cublasMath_t mode;
};

typedef struct {
    char *data;
    cudaDataType type;
    bool transposed;
    int ld;
    long long stride;
} Operand;

typedef struct {
    int m, n, k, count;
    float alpha, beta;
    bool tf32;
    Operand a, b, c;
} Gemm;

static size_t width(cudaDataType type)
{
    return type == CUDA_R_32F ? 4 : 2;
}

// ---- the product

// n floats, `step` apart, from numbers that are `from_step` elements apart.
static void widen(float *to, size_t step, const char *from, size_t from_step, int n,
                  cudaDataType type)
{
    const uint16_t *h = (const uint16_t *)(const void *)from;
    const float *f = (const float *)(const void *)from;
    for (int i = 0; type == CUDA_R_32F && i < n; i++)
        to[(size_t)i * step] = f[(size_t)i * from_step];
    for (int i = 0; type == CUDA_R_16F && i < n; i++)
        to[(size_t)i * step] = cu_float_of_half(h[(size_t)i * from_step]);
    for (int i = 0; type == CUDA_R_16BF && i < n; i++)
        to[(size_t)i * step] = cu_float_of_bfloat16(h[(size_t)i * from_step]);
}

static void store(char *to, cudaDataType type, float f)
{
    uint16_t h = type == CUDA_R_16F ? cu_half_of(f) : cu_bfloat16_of(f);
    if (type == CUDA_R_32F)
        memcpy(to, &f, sizeof f);
    else
        memcpy(to, &h, sizeof h);
}

// Element (row, col) of op(X) of product `i`.
static char *at(const Operand *x, int i, int row, int col)
{
    long long index =
        x->transposed ? (long long)row * x->ld + col : (long long)col * x->ld + row;
    return x->data + (i * x->stride + index) * (long long)width(x->type);
}

// panel[l][r] = op(A)(row + r, from + l); rows that op(A) does not have are 0.
static void gather(float (*panel)[STRIP], const Gemm *g, int i, int row, int from,
                   int depth)
{
    const Operand *a = &g->a;
    int rows = g->m - row < STRIP ? g->m - row : STRIP;
    memset(panel, 0, (size_t)depth * sizeof *panel);
    if (a->transposed)
        for (int r = 0; r < rows; r++)
            widen(&panel[0][r], STRIP, at(a, i, row + r, from), 1, depth, a->type);
    else
        for (int l = 0; l < depth; l++)
            widen(panel[l], 1, at(a, i, row, from + l), 1, rows, a->type);
    for (int l = 0; g->tf32 && l < depth; l++)
        for (int r = 0; r < STRIP; r++)
            panel[l][r] = cu_tf32_of(panel[l][r]);
}

static void multiply_column(float *sum, float (*panel)[STRIP], const float *b, int depth)
{
    float s[STRIP];
    memcpy(s, sum, sizeof s);
    for (int l = 0; l < depth; l++)
        for (int r = 0; r < STRIP; r++)
            s[r] += panel[l][r] * b[l];
    memcpy(sum, s, sizeof s);
}

static void strip(const Gemm *g, int i, int row, float (*panel)[STRIP],
                  float (*sums)[STRIP])
{
    float b[DEPTH], old;
    memset(sums, 0, (size_t)g->n * sizeof *sums);
    for (int from = 0; from < g->k; from += DEPTH) {
        int depth = g->k - from < DEPTH ? g->k - from : DEPTH;
        gather(panel, g, i, row, from, depth);
        for (int j = 0; j < g->n; j++) {
            widen(b, 1, at(&g->b, i, from, j), g->b.transposed ? (size_t)g->b.ld : 1,
                  depth, g->b.type);
            for (int l = 0; g->tf32 && l < depth; l++)
                b[l] = cu_tf32_of(b[l]);
            multiply_column(sums[j], panel, b, depth);
        }
    }
    for (int j = 0; j < g->n; j++)
        for (int r = 0; r < STRIP && row + r < g->m; r++) {
            char *c = at(&g->c, i, row + r, j);
            float value = g->alpha * sums[j][r];
            if (g->beta != 0) {  // else C may hold anything
                widen(&old, 1, c, 1, 1, g->c.type);
                value += g->beta * old;
            }
            store(c, g->c.type, value);
        }
}

static void run(void *closure)
{
    const Gemm *g = closure;
    float(*panel)[STRIP] = malloc(DEPTH * sizeof *panel);
    float(*sums)[STRIP] = malloc((size_t)g->n * sizeof *sums);
    if (!panel || !sums)
        cu_die((CuSite){ 0 }, "no memory for a matrix product");
    for (int i = 0; i < g->count; i++)
        for (int row = 0; row < g->m; row += STRIP)
            strip(g, i, row, panel, sums);
    free(panel);
    free(sums);
}

// ---- what cuBLAS refuses

// op(X) is [rows, cols]: does the leading dimension suffice?
static bool leads(const Operand *x, int rows, int cols)
{
    int least = x->transposed ? cols : rows;
    return x->ld >= (least > 1 ? least : 1);
}

static void check_memory(const Operand *x, int rows, int cols, int count,
                         const char *what)
{
    if (rows < 1 || cols < 1 || count < 1)
        return;
    long long highest = 0, lowest = 0, span = (count - 1) * x->stride;
    if (span > 0)
        highest = span;
    else
        lowest = span;
    int inner = x->transposed ? cols : rows, outer = x->transposed ? rows : cols;
    long long last = highest + (long long)(outer - 1) * x->ld + inner;
    cu_check_range(x->data + lowest * (long long)width(x->type),
                   (size_t)(last - lowest) * width(x->type), what);
}

static bool is_type(cudaDataType t)
{
    return t == CUDA_R_32F || t == CUDA_R_16F || t == CUDA_R_16BF;
}

static cublasStatus_t check(const Gemm *g, cublasComputeType_t compute)
{
    if (g->m < 0 || g->n < 0 || g->k < 0 || g->count < 0 || !leads(&g->a, g->m, g->k) ||
        !leads(&g->b, g->k, g->n) || !leads(&g->c, g->m, g->n))
        return CUBLAS_STATUS_INVALID_VALUE;
    bool fast = compute == CUBLAS_COMPUTE_32F_FAST_16F ||
                compute == CUBLAS_COMPUTE_32F_FAST_16BF ||
                compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    if (!is_type(g->a.type) || g->a.type != g->b.type ||
        (g->c.type != CUDA_R_32F && g->c.type != g->a.type) ||
        (fast && g->a.type != CUDA_R_32F) ||
        (!fast && compute != CUBLAS_COMPUTE_32F &&
         compute != CUBLAS_COMPUTE_32F_PEDANTIC))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    check_memory(&g->a, g->m, g->k, g->count, "cuBLAS: A");
    check_memory(&g->b, g->k, g->n, g->count, "cuBLAS: B");
    check_memory(&g->c, g->m, g->n, g->count, "cuBLAS: C");
    return CUBLAS_STATUS_SUCCESS;
}

// ---- cuBLAS's functions

cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
    *handle = calloc(1, sizeof **handle);
    return *handle ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
    free(handle);
    return handle ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t *stream)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    *stream = handle->stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->mode = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void *workspace, size_t bytes)
{
    (void)workspace;
    (void)bytes;
    return handle ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS:
        return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED:
        return "the library was not initialized";
    case CUBLAS_STATUS_ALLOC_FAILED:
        return "the resource allocation failed";
    case CUBLAS_STATUS_INVALID_VALUE:
        return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "the functionality requested is not supported";
    default:
        return "the function failed to launch on the GPU";
    }
}

cublasStatus_t cublasGemmStridedBatchedEx(
    cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n,
    int k, const void *alpha, const void *A, cudaDataType type_a, int lda,
    long long stride_a, const void *B, cudaDataType type_b, int ldb, long long stride_b,
    const void *beta, void *C, cudaDataType type_c, int ldc, long long stride_c,
    int count, cublasComputeType_t compute, cublasGemmAlgo_t algorithm)
{
    (void)algorithm;
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!alpha || !beta)
        return CUBLAS_STATUS_INVALID_VALUE;
    Gemm g = { m,
               n,
               k,
               count,
               *(const float *)alpha,
               *(const float *)beta,
               false,
               { (char *)A, type_a, op_a != CUBLAS_OP_N, lda, stride_a },
               { (char *)B, type_b, op_b != CUBLAS_OP_N, ldb, stride_b },
               { C, type_c, false, ldc, stride_c } };
    g.tf32 =
        type_a == CUDA_R_32F &&
        (compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
         (compute == CUBLAS_COMPUTE_32F && handle->mode == CUBLAS_TF32_TENSOR_OP_MATH));
    cublasStatus_t status = check(&g, compute);
    if (status != CUBLAS_STATUS_SUCCESS || m == 0 || n == 0 || count == 0)
        return status;
    return cu_enqueue(handle->stream, run, &g, sizeof g) == cudaSuccess
               ? CUBLAS_STATUS_SUCCESS
               : CUBLAS_STATUS_EXECUTION_FAILED;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t op_a,
                            cublasOperation_t op_b, int m, int n, int k,
                            const void *alpha, const void *A, cudaDataType type_a,
                            int lda, const void *B, cudaDataType type_b, int ldb,
                            const void *beta, void *C, cudaDataType type_c, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t algorithm)
{
    return cublasGemmStridedBatchedEx(handle, op_a, op_b, m, n, k, alpha, A, type_a, lda,
                                      0, B, type_b, ldb, 0, beta, C, type_c, ldc, 0, 1,
                                      compute, algorithm);
}

cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t op_a,
                                         cublasOperation_t op_b, int m, int n, int k,
                                         const float *alpha, const float *A, int lda,
                                         long long stride_a, const float *B, int ldb,
                                         long long stride_b, const float *beta, float *C,
                                         int ldc, long long stride_c, int count)
{
    return cublasGemmStridedBatchedEx(handle, op_a, op_b, m, n, k, alpha, A, CUDA_R_32F,
                                      lda, stride_a, B, CUDA_R_32F, ldb, stride_b, beta,
                                      C, CUDA_R_32F, ldc, stride_c, count,
                                      CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}

cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t op_a,
                           cublasOperation_t op_b, int m, int n, int k,
                           const float *alpha, const float *A, int lda, const float *B,
                           int ldb, const float *beta, float *C, int ldc)
{
    return cublasSgemmStridedBatched(handle, op_a, op_b, m, n, k, alpha, A, lda, 0, B,
                                     ldb, 0, beta, C, ldc, 0, 1);
}
