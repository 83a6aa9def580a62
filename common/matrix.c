// What all devices' matmul share; see matmul.h.
#include "matmul.h"

DType matrix_dtype(DType wanted, MatrixLayout layout)
{
    return wanted == INT4 && layout == MATRIX_OUT_IN ? INT8 : wanted;
}
