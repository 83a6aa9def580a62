// The weights of a model, in one file or in several ("shards").
//
//     Weights w;
//     weights_open(&w, "models/tales");
//     const Tensor *wpe = weights_find(&w, "wpe.weight");      // shape [n_ctx, C]
//     for (size_t i = 0; i < w.n; i++)
//         puts(w.tensors[i].name);
//     weights_close(&w);
//
// Files are mapped, not read: opening is quick, and only tensors that are used take
// memory.
#ifndef WEIGHTS_H
#define WEIGHTS_H

#include "safetensors.h"

typedef struct {
    Safetensors *files;  // [n_files]
    char **paths;        // [n_files]
    size_t n_files;
    Tensor *tensors;         // [n] of all files, in their order
    const Tensor **by_name;  // [n] sorted for weights_find
    size_t n;
    size_t bytes;  // of all files
} Weights;

// `model`: a directory with model.safetensors, or with model.safetensors.index.json that
// names the shards; or one of these two files.  Dies if a file is missing or wrong.
void weights_open(Weights *w, const char *model);
void weights_close(Weights *w);
// The tensor with that name, or NULL.  A leading "transformer." makes no difference: some
// files have it, some do not.
const Tensor *weights_find(const Weights *w, const char *name);
// The dtype of wte.weight, which stands for the model's; INT8 or INT4 if models/quantize
// has made the file.  Dies if there is neither.
DType weights_dtype(const Weights *w);
bool weights_quantised(const Weights *w);  // is it INT8 or INT4?
// Of a matrix that models/quantize has written: its scales; NULL for other tensors.
const Tensor *weights_scales(const Weights *w, const Tensor *t);
// How many numbers it has; if that is a matrix in INT4, two in a byte.
size_t weights_count(const Weights *w, const Tensor *t);

#endif
