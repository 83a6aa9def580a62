// A safetensors file: 8 bytes of header length (little endian), the header in JSON, the
// data.
#include "dump.h"
#include "memory.h"
#include "output.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char *name;
    DType dtype;
    int rank;
    size_t shape[DUMP_RANK], bytes;
    void *data;
} DumpTensor;

struct Dump {
    Output *output;
    DumpTensor *list;
    int n;
};

Dump *dump_new(const char *path)
{
    Dump *d = memory_alloc(1, sizeof *d, "the dump");
    d->output = output_open(path);
    return d;
}

// The place of that name, emptied, or a new one.
static DumpTensor *place(Dump *d, const char *name)
{
    for (int i = 0; i < d->n; i++)
        if (strcmp(d->list[i].name, name) == 0) {
            free(d->list[i].data);
            return &d->list[i];
        }
    d->list = memory_grow(d->list, (size_t)d->n + 1, sizeof *d->list, "the dump");
    d->list[d->n].name = strdup(name);
    return &d->list[d->n++];
}

void dump_add(Dump *d, const char *name, DType dtype, int rank, const size_t *shape,
              const void *data)
{
    DumpTensor *t = place(d, name);
    t->dtype = dtype;
    t->rank = rank;
    t->bytes = dtype_size(dtype);
    for (int i = 0; i < rank; i++)
        t->bytes *= t->shape[i] = shape[i];
    t->data = memory_alloc(t->bytes, 1, name);
    memcpy(t->data, data, t->bytes);
}

// The header, and how long it is; to NULL it only counts.
static size_t header(const Dump *d, char *to, size_t room)
{
    size_t n = 0, offset = 0;
#define PUT(...) \
    (n += (size_t)snprintf(to ? to + n : NULL, to ? room - n : 0, __VA_ARGS__))
    PUT("{\"__metadata__\":{\"format\":\"pt\"}");
    for (int i = 0; i < d->n; i++) {
        const DumpTensor *t = &d->list[i];
        PUT(",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, dtype_name(t->dtype));
        for (int j = 0; j < t->rank; j++)
            PUT("%s%zu", j ? "," : "", t->shape[j]);
        PUT("],\"data_offsets\":[%zu,%zu]}", offset, offset + t->bytes);
        offset += t->bytes;
    }
    PUT("}");
    while (n % 8)  // so that the data is aligned
        PUT(" ");
#undef PUT
    return n;
}

void dump_close(Dump *d)
{
    size_t n = header(d, NULL, 0);
    char *text = memory_alloc(n + 1, 1, "the header");
    header(d, text, n + 1);
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)n >> (8 * i));
    FILE *file = output_file(d->output);
    fwrite(length, 1, sizeof length, file);  // output_close tells if one of these failed
    fwrite(text, 1, n, file);
    for (int i = 0; i < d->n; i++) {
        fwrite(d->list[i].data, 1, d->list[i].bytes, file);
        free(d->list[i].data);
        free(d->list[i].name);
    }
    output_close(d->output);
    free(text);
    free(d->list);
    free(d);
}
