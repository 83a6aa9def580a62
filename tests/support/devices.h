// What tests of kernels share: numbers go to the device and come back by copies, since its memory may
// be out of the host's reach; and there is less of everything where kernels are emulated.
#ifndef DEVICES_H
#define DEVICES_H

#include "device.h"
#include "matmul.h"
#include "options.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A copy in device memory; release with device_free.
static inline void *to_device(const void *host, size_t bytes)
{
    void *p = device_alloc(bytes, "a test's numbers");
    device_upload(p, host, bytes);
    return p;
}

// A copy of what is in device memory; release with free.
static inline void *from_device(const void *device, size_t bytes)
{
    void *p = malloc(bytes + 1);
    device_download(p, device, bytes);
    return p;
}

// A matrix of w[in * out]; release its panels with device_free.
static inline Matrix packed(const float *w, DType dtype, int in, int out,
                            MatrixLayout layout)
{
    Matrix m = { "test", dtype, in, out,
                 device_alloc(matrix_bytes(dtype, in, out), "weights") };
    matrix_pack(&m, w, F32, layout);
    return m;
}

static inline bool on_cpu(void)
{
    return strcmp(device_name(), "cpu") == 0;
}

static inline bool emulated(void)
{
    return strcmp(device_name(), "emu") == 0;
}

// n, or fewer where that takes a hundred times as long.
static inline int fewer(int n, int where_emulated)
{
    return emulated() ? where_emulated : n;
}

// Only on the CPU do several threads of the host compute.
static inline int threads_to_try(int n)
{
    return on_cpu() ? n : 1;
}

// As --kernel OP=NAME does: one kernel of matmul, and one of another operation.  With --invariant: tests
// compare bits.
static inline void choose_kernel(const char *op, const char *const *names,
                                 const char *name)
{
    static char text[2][64];
    static KernelTable tables[2];
    int i = strcmp(op, "matmul") != 0;
    snprintf(text[i], sizeof text[i], "%s=%s", op, name);
    if (i == 1)
        tables[0] = (KernelTable){ op, names };
    if (!text[0][0])
        snprintf(text[0], sizeof text[0], "matmul=%s", matmul_kernels[0]);
    Options o = { .invariant = true,
                  .kernel = { { text[0], text[1] }, text[1][0] ? 2 : 1 } };
    kernels_start(&o, tables);
}

// For tests of what is done with a model: emulated, a matmul without warps is fifty times as fast.
// The kernels themselves: test_common_matmul.c, test_06_forward.c.
static inline void quick_kernels(void)
{
    if (emulated())
        choose_kernel("matmul", matmul_kernels, "naive");
}

#endif
