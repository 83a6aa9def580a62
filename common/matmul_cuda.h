// How matmul.cu lays weights out: [out][stride], stride = `in` rounded up to 8, the rest
// 0.  For kernels that read single rows.
#ifndef MATMUL_CUDA_H
#define MATMUL_CUDA_H

#include "device.h"
#include "matmul.h"

static inline HOST_DEVICE int matrix_stride(int in)
{
    return (in + 7) / 8 * 8;
}

#endif
