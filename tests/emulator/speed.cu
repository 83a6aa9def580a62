// How fast the emulator is: threads that never wait, barriers, shuffles.  CPU time, so
// that a busy machine matters less.
#include <stdio.h>
#include <time.h>

__global__ void plain_kernel(float *x)
{
    x[blockIdx.x * blockDim.x + threadIdx.x] += 1.0f;
}

__global__ void barrier_kernel(float *x, int n)
{
    for (int i = 0; i < n; i++)
        __syncthreads();
    x[threadIdx.x] = 1.0f;
}

__global__ void shuffle_kernel(float *x, int n)
{
    float v = (float)threadIdx.x;
    for (int i = 0; i < n; i++)
        v = __shfl_xor_sync(0xffffffffu, v, 1);
    x[threadIdx.x] = v;
}

static double cpu_seconds()
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main()
{
    const int blocks = 4096, threads = 256, n = 2000, runs = 7;
    float *x;
    double best[3] = { 1e9, 1e9, 1e9 };
    cudaMalloc(&x, blocks * threads * sizeof *x);
    for (int r = 0; r < runs; r++)
        for (int kind = 0; kind < 3; kind++) {
            double start = cpu_seconds();
            if (kind == 0)
                plain_kernel<<<blocks, threads>>>(x);
            else if (kind == 1)
                barrier_kernel<<<1, threads>>>(x, n);
            else
                shuffle_kernel<<<1, threads>>>(x, n);
            double t = cpu_seconds() - start;
            best[kind] = t < best[kind] ? t : best[kind];
        }
    printf("threads that never wait: %6.1f ns each, %.1f million a second\n",
           best[0] * 1e9 / blocks / threads, 1e-6 * blocks * threads / best[0]);
    printf("__syncthreads:           %6.1f ns a thread, %.1f million switches a second\n",
           best[1] * 1e9 / n / threads, 1e-6 * n * threads / best[1]);
    printf("a shuffle:               %6.1f ns a thread, %.1f million switches a second\n",
           best[2] * 1e9 / n / threads, 1e-6 * n * threads / best[2]);
    return 0;
}
