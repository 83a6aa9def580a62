// A file of tensors in the safetensors format, mapped into memory and checked: after
// safetensors_open every tensor lies inside of the file, and no two share a byte.
//
//     Safetensors s;
//     safetensors_open(&s, "model.safetensors");
//     float first[4];
//     tensor_floats(first, &s.tensors[0], 0, 4);
//     safetensors_close(&s);
//
// The format: 8 bytes with the length N of the header (little endian), N bytes of JSON,
// and the numbers of one tensor after the other.  The header says of each tensor
//     "wpe.weight": { "dtype": "BF16", "shape": [512, 256], "data_offsets": [0, 262144] }
// where the offsets count from the header's end.  Wrong files end the program with one
// line.  Source: https://huggingface.co/docs/safetensors (numbers are little endian, as
// is this machine).
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include "dtype.h"
#include "file.h"
#include "json.h"

enum { TENSOR_RANK = 8 };

typedef struct {
    const char *name;
    DType dtype;
    int rank;
    size_t shape[TENSOR_RANK];  // [rank]; the last one runs fastest
    size_t offset, bytes;       // of its numbers, from the start of the file
    const void *data;           // [bytes] in the mapped file, at any alignment
    const char *path;           // of the file
} Tensor;

typedef struct {
    File file;
    Json header;
    char *title;        // of the header, in messages
    size_t data_start;  // offset of the first tensor's numbers
    Tensor *tensors;    // [n] in the order of the file
    size_t n;
} Safetensors;

// `path` must live until safetensors_close, which the tensors do not outlive.
void safetensors_open(Safetensors *s, const char *path);
void safetensors_close(Safetensors *s);

// How many numbers it has: the product of its shape (1 without one).
size_t tensor_count(const Tensor *t);
// out[n] = n numbers from number `first` on, as f32; of any dtype.
void tensor_floats(float *out, const Tensor *t, size_t first, size_t n);

#endif
