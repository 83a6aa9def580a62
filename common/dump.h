// Writes tensors in the safetensors format, so that anyone can open them in Python:
//
//     Dump *d = dump_new("out.safetensors");
//     dump_add(d, "logits", F32, 2, (size_t[]) { T, V }, logits);
//     dump_close(d);
#ifndef DUMP_H
#define DUMP_H

#include "dtype.h"

enum { DUMP_RANK = 4 };

typedef struct Dump Dump;

// Dies at once if the file cannot be written; nothing stands under `path` until
// dump_close.
Dump *dump_new(const char *path);
// Copies the data.  A tensor of the same name is replaced: of many passes the last one
// stays.
void dump_add(Dump *d, const char *name, DType dtype, int rank, const size_t *shape,
              const void *data);
// Writes the file under a temporary name, then renames it to `path`.
void dump_close(Dump *d);

#endif
