// What all devices' matmul share; see matmul.h.
#include "matmul_cpu.h"

DType matrix_dtype(DType wanted, MatrixLayout layout)
{
    return wanted == INT4 && layout == MATRIX_OUT_IN ? INT8 : wanted;
}

static MatrixRows rows_of(DType dtype, int columns)
{
    return (MatrixRows){ dtype, (size_t)columns, (size_t)columns * dtype_size(dtype) };
}

static int groups_of(int in)
{
    return (in + GROUP - 1) / GROUP;
}

MatrixRows matrix_numbers(DType dtype, int in)
{
    return dtype == INT4 ? rows_of(U8, groups_of(in) * GROUP / 2) : rows_of(INT8, in);
}

MatrixRows matrix_scales(DType dtype, int in)
{
    return dtype == INT4 ? rows_of(F16, groups_of(in)) : rows_of(F32, 1);
}
