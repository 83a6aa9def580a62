// The types of numbers, as cuBLAS names them.
#ifndef CUDA_CPU_LIBRARY_TYPES_H
#define CUDA_CPU_LIBRARY_TYPES_H

typedef enum { CUDA_R_32F = 0, CUDA_R_16F = 2, CUDA_R_16BF = 14 } cudaDataType_t;
typedef cudaDataType_t cudaDataType;

#endif
