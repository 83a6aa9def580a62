// What the drivers of the emulator's tests have in common: counting failures, and moving
// data.
//
//     float *d = to_device(h, n * sizeof *h);
//     CHECK(x == 5, "x is %d", x);
//     return check_result();
#ifndef CHECK_H
#define CHECK_H

#include <cuda_runtime_api.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failed, check_passed;

#define CHECK(condition, ...)                              \
    do {                                                   \
        if (condition) {                                   \
            check_passed++;                                \
        } else if (check_failed++ < 20) {                  \
            printf("%s:%d: FAILED: ", __FILE__, __LINE__); \
            printf(__VA_ARGS__);                           \
            printf("\n");                                  \
        }                                                  \
    } while (0)

#define OK(call)                                                           \
    do {                                                                   \
        cudaError_t e_ = (call);                                           \
        CHECK(e_ == cudaSuccess, "%s: %s", #call, cudaGetErrorString(e_)); \
    } while (0)

static inline void *to_device(const void *host, size_t bytes)
{
    void *p = NULL;
    OK(cudaMalloc(&p, bytes));
    if (host)
        OK(cudaMemcpy(p, host, bytes, cudaMemcpyHostToDevice));
    return p;
}

// Waits, copies, and frees the device's memory.
static inline void *to_host(void *device, size_t bytes)
{
    void *host = malloc(bytes);
    OK(cudaDeviceSynchronize());
    OK(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost));
    OK(cudaFree(device));
    return host;
}

// Numbers in [-1, 1) that are the same each time.
static inline float next_random(void)
{
    static uint64_t state = 42;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (float)(state >> 40) * 0x1p-23f - 1.0f;
}

static inline float *random_floats(int n)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int i = 0; i < n; i++)
        x[i] = next_random();
    return x;
}

// The largest difference, NaN if there is one.
static inline float difference(const float *a, const float *b, int n)
{
    float worst = 0;
    for (int i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= worst))
            worst = fabsf(a[i] - b[i]);
    return worst;
}

static inline int check_result(void)
{
    printf("%d checks passed, %d failed\n", check_passed, check_failed);
    return check_failed != 0;
}

#endif
