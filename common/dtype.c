// Types of numbers; see dtype.h.
#include "dtype.h"
#include <string.h>

static const struct {
    const char *name, *option;
    size_t size;
} dtypes[DTYPES] = {
    [F32] = { "F32", "f32", 4 },        [F16] = { "F16", "f16", 2 },
    [BF16] = { "BF16", "bf16", 2 },     [INT8] = { "I8", "int8", 1 },
    [INT4] = { "I4", "int4", 0 },       [BOOL] = { "BOOL", NULL, 1 },
    [U8] = { "U8", NULL, 1 },           [I16] = { "I16", NULL, 2 },
    [U16] = { "U16", NULL, 2 },         [I32] = { "I32", NULL, 4 },
    [U32] = { "U32", NULL, 4 },         [I64] = { "I64", NULL, 8 },
    [U64] = { "U64", NULL, 8 },         [F64] = { "F64", NULL, 8 },
    [F8_E4M3] = { "F8_E4M3", NULL, 1 }, [F8_E5M2] = { "F8_E5M2", NULL, 1 },
};

const char *dtype_name(DType dtype)
{
    return dtypes[dtype].name;
}

const char *dtype_option(DType dtype)
{
    return dtypes[dtype].option;
}

DType dtype_named(const char *name)
{
    for (int i = 0; i < DTYPES; i++)
        if (i != INT4 && strcmp(dtypes[i].name, name) == 0)
            return (DType)i;
    return DTYPES;
}

size_t dtype_size(DType dtype)
{
    return dtypes[dtype].size;
}
