// A safetensors file: 8 bytes of header length (little endian), the header in JSON, the
// data.
#include "dump.h"
#include "error.h"
#include "memory.h"
#include <errno.h>
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
    char *path, *partial;
    FILE *file;
    DumpTensor *list;
    int n;
};

static char *copy_text(const char *text, const char *tail)
{
    char *copy = memory_alloc(strlen(text) + strlen(tail) + 1, 1, "a name");
    return strcat(strcpy(copy, text), tail);
}

Dump *dump_new(const char *path)
{
    Dump *d = memory_alloc(1, sizeof *d, "the dump");
    d->path = copy_text(path, "");
    d->partial = copy_text(path, ".partial");
    d->file = fopen(d->partial, "wb");
    if (!d->file)
        die("cannot write %s: %s", d->partial, strerror(errno));
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
    d->list[d->n].name = copy_text(name, "");
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

static void write_all(Dump *d, const void *data, size_t bytes)
{
    if (fwrite(data, 1, bytes, d->file) != bytes) {
        remove(d->partial);
        die("cannot write %s: %s", d->partial, strerror(errno));
    }
}

void dump_close(Dump *d)
{
    size_t n = header(d, NULL, 0);
    char *text = memory_alloc(n + 1, 1, "the header");
    header(d, text, n + 1);
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)n >> (8 * i));
    write_all(d, length, sizeof length);
    write_all(d, text, n);
    for (int i = 0; i < d->n; i++) {
        write_all(d, d->list[i].data, d->list[i].bytes);
        free(d->list[i].data);
        free(d->list[i].name);
    }
    if (fclose(d->file) != 0 || rename(d->partial, d->path) != 0) {
        remove(d->partial);
        die("cannot write %s: %s", d->path, strerror(errno));
    }
    free(text);
    free(d->list);
    free(d->path);
    free(d->partial);
    free(d);
}
