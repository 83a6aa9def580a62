// Types of numbers in weight files and in memory.
#ifndef DTYPE_H
#define DTYPE_H

#include <stddef.h>

// The first five are what a weight matrix may be held in (matmul.h); the rest occur in
// files only.
typedef enum {
    F32,
    F16,   // IEEE 754 half precision
    BF16,  // the upper half of an F32
    INT8,
    INT4,
    BOOL,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F64,
    F8_E4M3,
    F8_E5M2,
    DTYPES  // how many there are
} DType;

// As in safetensors headers ("F32", "BF16", "I8", ...); INT4 is our own and in no file.
const char *dtype_name(DType dtype);
// As on the command line and in --json ("f32", "bf16", "int8", ...); for the first five
// only.
const char *dtype_option(DType dtype);
// The dtype with that name in a file, or DTYPES if there is none.
DType dtype_named(const char *name);
// Bytes of one number; not for INT4, of which two share a byte.
size_t dtype_size(DType dtype);

#endif
