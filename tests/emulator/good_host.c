// The host's side: streams, events, graphs, copies, and cuBLAS; tensor cores beside it.
#include "check.h"
#include "good.h"
#include "halves16.h"
#include <cublas_v2.h>
#include <stdbool.h>

enum { N = 1000 };
static const Shape twice = { 1, N, 2 }, once = { 1, N, 1 };

// x = 2 x + y on two streams: the second computes y.
static void fork_and_join(float *x, float *y, float *z, cudaStream_t a, cudaStream_t b,
                          cudaEvent_t fork, cudaEvent_t join)
{
    OK(cudaEventRecord(fork, a));
    OK(cudaStreamWaitEvent(b, fork, 0));
    OK(cudaMemcpyAsync(z, y, N * sizeof *z, cudaMemcpyDeviceToDevice, b));
    good_scale(z, y, once, b);  // z = 2 y
    OK(cudaEventRecord(join, b));
    good_scale(x, NULL, twice, a);
    OK(cudaStreamWaitEvent(a, join, 0));
    good_scale(x, z, once, a);  // x = 2 x + 2 y
}

static void check_two_streams(void)
{
    float *hx = random_floats(N), *hy = random_floats(N), want[N];
    float *x = to_device(hx, sizeof want), *y = to_device(hy, sizeof want);
    float *z = to_device(NULL, sizeof want);
    cudaStream_t a, b;
    cudaEvent_t fork, join;
    OK(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking));
    OK(cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking));
    OK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    OK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
    for (int i = 0; i < N; i++) {
        want[i] = hx[i];
        for (int r = 0; r < 3; r++)
            want[i] = 2 * want[i] + 2 * hy[i];
    }
    // Once by itself, then captured, and launched twice.
    fork_and_join(x, y, z, a, b, fork, join);
    OK(cudaStreamSynchronize(a));
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    enum cudaStreamCaptureStatus status;
    OK(cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal));
    OK(cudaStreamIsCapturing(a, &status));
    CHECK(status == cudaStreamCaptureStatusActive, "the stream is not captured");
    fork_and_join(x, y, z, a, b, fork, join);
    OK(cudaStreamEndCapture(a, &graph));
    OK(cudaGraphInstantiate(&exec, graph, 0));
    OK(cudaGraphDestroy(graph));
    OK(cudaGraphLaunch(exec, a));
    OK(cudaGraphLaunch(exec, a));
    OK(cudaGraphExecDestroy(exec));
    OK(cudaStreamSynchronize(a));
    float *got = to_host(x, sizeof want);
    CHECK(difference(got, want, N) < 1e-4f, "two streams: off by %g",
          difference(got, want, N));
    OK(cudaEventDestroy(fork));
    OK(cudaEventDestroy(join));
    OK(cudaStreamDestroy(a));
    OK(cudaStreamDestroy(b));
    free(got), free(hx), free(hy), cudaFree(y), cudaFree(z);
}

// Work that does not come back to the stream that is captured.
static void check_unjoined(void)
{
    cudaStream_t a, b;
    cudaEvent_t fork;
    cudaGraph_t graph;
    void *p = to_device(NULL, 4);
    OK(cudaStreamCreate(&a));
    OK(cudaStreamCreate(&b));
    OK(cudaEventCreate(&fork));
    OK(cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal));
    OK(cudaEventRecord(fork, a));
    OK(cudaStreamWaitEvent(b, fork, 0));
    OK(cudaMemsetAsync(p, 0, 4, b));
    cudaError_t e = cudaStreamEndCapture(a, &graph);
    CHECK(e == cudaErrorStreamCaptureUnjoined, "unjoined: %s", cudaGetErrorName(e));
    cudaGetLastError();
    OK(cudaEventDestroy(fork));
    OK(cudaStreamDestroy(a));
    OK(cudaStreamDestroy(b));
    OK(cudaFree(p));
}

static void host_call(void *data)
{
    ++*(int *)data;
}

static void check_events(void)
{
    float ms = -1, *x = to_device(NULL, N * sizeof *x);
    int called = 0;
    cudaEvent_t start, end;
    cudaStream_t s;
    OK(cudaStreamCreate(&s));
    OK(cudaEventCreate(&start));
    OK(cudaEventCreate(&end));
    OK(cudaEventRecord(start, s));
    for (int i = 0; i < 20; i++)
        good_scale(x, NULL, twice, s);
    OK(cudaLaunchHostFunc(s, host_call, &called));
    OK(cudaEventRecord(end, s));
    while (cudaEventQuery(end) == cudaErrorNotReady)
        ;
    OK(cudaEventSynchronize(end));
    OK(cudaEventElapsedTime(&ms, start, end));
    CHECK(ms > 0 && ms < 10000 && called == 1, "events: %g ms, %d calls", ms, called);
    OK(cudaEventDestroy(start));
    OK(cudaEventDestroy(end));
    OK(cudaStreamDestroy(s));
    OK(cudaFree(x));
}

static void check_memory(void)
{
    float host[N] = { 0 }, *pinned, *x;
    cudaStream_t s;
    OK(cudaStreamCreate(&s));
    OK(cudaMallocHost((void **)&pinned, sizeof host));
    OK(cudaMallocAsync((void **)&x, sizeof host, s));
    OK(cudaMemsetAsync(x, 0, sizeof host, s));
    for (int i = 0; i < N; i++)
        host[i] = (float)i;
    OK(cudaMemcpyAsync(x, host, sizeof host, cudaMemcpyHostToDevice, s));
    memset(host, 0, sizeof host);  // pageable memory is staged: this changes nothing
    good_scale(x, NULL, twice, s);
    OK(cudaMemcpyAsync(pinned, x, sizeof host, cudaMemcpyDeviceToHost, s));
    OK(cudaFreeAsync(x, s));
    OK(cudaStreamSynchronize(s));
    CHECK(pinned[7] == 14, "copies: %g, not 14", pinned[7]);
    OK(cudaFreeHost(pinned));
    OK(cudaStreamDestroy(s));
    OK(cudaFree(NULL));
    struct cudaDeviceProp device;
    OK(cudaGetDeviceProperties(&device, 0));
    CHECK(device.warpSize == 32 && device.name[0], "properties of the device");
}

// ---- cuBLAS

typedef struct {
    cudaDataType in, out;
    int transpose_a, transpose_b;
    float alpha, beta;
} Product;

static uint16_t narrow(float x, cudaDataType type)
{
    return type == CUDA_R_16F ? f16_of(x) : bf16_of(x);
}

static float widen(uint16_t h, cudaDataType type)
{
    return type == CUDA_R_16F ? float_of_f16(h) : float_of_bf16(h);
}

// n random numbers of a type, on the device; x[i] is what they are worth.
static void *operand(float *x, int n, cudaDataType type)
{
    uint16_t *narrowed = malloc((size_t)n * sizeof *narrowed);
    for (int i = 0; i < n; i++) {
        x[i] = next_random();
        narrowed[i] = narrow(x[i], type);
        x[i] = type == CUDA_R_32F ? x[i] : widen(narrowed[i], type);
    }
    void *d = type == CUDA_R_32F ? to_device(x, (size_t)n * sizeof *x)
                                 : to_device(narrowed, (size_t)n * sizeof *narrowed);
    free(narrowed);
    return d;
}

enum { M = 70, COLS = 33, K = 140, PAD = 3, COUNT = 2 };
enum { LDA_N = M + PAD, LDA_T = K + PAD, LDB_N = K + PAD, LDB_T = COLS + PAD };
enum {
    LDC = M + PAD,
    SIZE_A = LDA_N * LDA_T,
    SIZE_B = LDB_N * LDB_T,
    SIZE_C = LDC * COLS
};

static float want_at(const Product *p, const float *a, const float *b, float c, int i,
                     int j)
{
    double sum = 0;
    for (int k = 0; k < K; k++)
        sum += (double)(p->transpose_a ? a[i * LDA_T + k] : a[k * LDA_N + i]) *
               (p->transpose_b ? b[k * LDB_T + j] : b[j * LDB_N + k]);
    return (float)(p->alpha * sum + (p->beta != 0 ? p->beta * c : 0));
}

static void check_product(cublasHandle_t handle, const Product *p)
{
    static float a[COUNT * SIZE_A], b[COUNT * SIZE_B], c[COUNT * SIZE_C];
    void *da = operand(a, COUNT * SIZE_A, p->in), *db = operand(b, COUNT * SIZE_B, p->in);
    void *dc = operand(c, COUNT * SIZE_C, p->out);
    cublasStatus_t status = cublasGemmStridedBatchedEx(
        handle, p->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
        p->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, M, COLS, K, &p->alpha, da, p->in,
        p->transpose_a ? LDA_T : LDA_N, SIZE_A, db, p->in, p->transpose_b ? LDB_T : LDB_N,
        SIZE_B, &p->beta, dc, p->out, LDC, SIZE_C, COUNT, CUBLAS_COMPUTE_32F,
        CUBLAS_GEMM_DEFAULT);
    CHECK(status == CUBLAS_STATUS_SUCCESS, "cuBLAS: status %d", status);
    size_t width = p->out == CUDA_R_32F ? 4 : 2;
    char *got = to_host(dc, COUNT * SIZE_C * width);
    float tolerance = p->out == CUDA_R_32F ? 2e-5f : p->out == CUDA_R_16F ? 0.01f : 0.1f;
    for (int i = 0; i < COUNT * SIZE_C; i++) {
        int row = i % LDC, batch = i / SIZE_C;
        float value, want = c[i];
        uint16_t h;
        memcpy(&value, got + (size_t)i * 4 % (COUNT * SIZE_C * width), 4);
        memcpy(&h, got + (size_t)i * width, 2);
        value = width == 4 ? value : widen(h, p->out);
        if (row < M)
            want = want_at(p, a + batch * SIZE_A, b + batch * SIZE_B, c[i], row,
                           i % SIZE_C / LDC);
        CHECK(fabsf(value - want) <= (row < M ? tolerance : 0),
              "cuBLAS, types %d %d, ops %d %d, element %d: %g, not %g", p->in, p->out,
              p->transpose_a, p->transpose_b, i, value, want);
    }
    free(got), cudaFree(da), cudaFree(db);
}

void check_cublas(void)
{
    static const cudaDataType types[][2] = { { CUDA_R_32F, CUDA_R_32F },
                                             { CUDA_R_16F, CUDA_R_32F },
                                             { CUDA_R_16F, CUDA_R_16F },
                                             { CUDA_R_16BF, CUDA_R_32F },
                                             { CUDA_R_16BF, CUDA_R_16BF } };
    cublasHandle_t handle;
    cudaStream_t s;
    OK(cudaStreamCreate(&s));
    CHECK(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS, "cublasCreate");
    CHECK(cublasSetStream(handle, s) == CUBLAS_STATUS_SUCCESS, "cublasSetStream");
    for (int t = 0; t < 5; t++)
        for (int ops = 0; ops < 4; ops++) {
            Product p = { types[t][0], types[t][1], ops & 1,
                          ops >> 1,    0.5f,        ops & 1 ? 0.0f : 2.0f };
            check_product(handle, &p);
        }
    float one = 1, zero = 0, *x = to_device(NULL, 64 * sizeof *x);
    cublasStatus_t e = cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 8, 1, 8, &one, x, 7,
                                   x, 8, &zero, x, 8);
    CHECK(e == CUBLAS_STATUS_INVALID_VALUE, "a leading dimension of 7 for 8 rows: %d", e);
    e = cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 4, 1, 4, &one, x, CUDA_R_32F, 4, x,
                     CUDA_R_16F, 4, &zero, x, CUDA_R_32F, 4, CUBLAS_COMPUTE_32F,
                     CUBLAS_GEMM_DEFAULT);
    CHECK(e == CUBLAS_STATUS_NOT_SUPPORTED, "two types: %d", e);
    CHECK(cublasSetMathMode(handle, CUBLAS_TF32_TENSOR_OP_MATH) == CUBLAS_STATUS_SUCCESS,
          "cublasSetMathMode");
    CHECK(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS, "cublasDestroy");
    OK(cudaFree(x));
    OK(cudaStreamDestroy(s));
}

// On the default stream, for once.
void check_tensor(void)
{
    enum { ROWS = 32, COLUMNS = 48, DEPTH = 64 };
    static uint16_t a[ROWS * DEPTH], b[COLUMNS * DEPTH];
    typedef void Kernel(float *, const uint16_t *, const uint16_t *, int, int, int,
                        cudaStream_t);
    Kernel *const products[] = { tensor_wmma_f16, tensor_mma_f16, tensor_wmma_bf16,
                                 tensor_mma_bf16 };
    for (int p = 0; p < 4; p++) {
        float want[ROWS * COLUMNS] = { 0 };
        for (int i = 0; i < ROWS * DEPTH; i++)
            a[i] = p < 2 ? f16_of(next_random()) : bf16_of(next_random());
        for (int i = 0; i < COLUMNS * DEPTH; i++)
            b[i] = p < 2 ? f16_of(next_random()) : bf16_of(next_random());
        for (int i = 0; i < ROWS * COLUMNS; i++)
            for (int k = 0; k < DEPTH; k++) {
                uint16_t u = a[i / COLUMNS * DEPTH + k], v = b[i % COLUMNS * DEPTH + k];
                want[i] += p < 2 ? float_of_f16(u) * float_of_f16(v)
                                 : float_of_bf16(u) * float_of_bf16(v);
            }
        uint16_t *da = to_device(a, sizeof a), *db = to_device(b, sizeof b);
        float *dc = to_device(NULL, sizeof want);
        products[p](dc, da, db, ROWS, COLUMNS, DEPTH, NULL);
        float *got = to_host(dc, sizeof want);
        CHECK(difference(got, want, ROWS * COLUMNS) < 1e-4f,
              "tensor product %d: off by %g", p, difference(got, want, ROWS * COLUMNS));
        free(got), cudaFree(da), cudaFree(db);
    }
}

void check_streams(void)
{
    check_two_streams();
    check_unjoined();
    check_events();
    check_memory();
}
