// The safetensors format, read and checked.  Chapter 1.
#include "safetensors.h"
#include "error.h"
#include "floats.h"
#include "memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 8, HEADER_MAX = 100000000 };  // bytes; the format's own limit

// ---- the header

static size_t header_length(const File *f, const char *path)
{
    uint64_t length = 0;
    if (f->size < PREFIX)
        die("%s: %zu bytes are no safetensors file, which begins with 8 bytes of length; "
            "fetch it again",
            path, f->size);
    for (int i = 0; i < PREFIX; i++)
        length |= (uint64_t)f->data[i] << 8 * i;  // little endian
    if (length > HEADER_MAX)
        die("%s: a header of %llu bytes (the limit is %d): this is no safetensors file%s",
            path, (unsigned long long)length, HEADER_MAX,
            memcmp(f->data, "version ", PREFIX) == 0
                ? " but a Git LFS pointer; try git lfs pull"
                : "");
    if (length > f->size - PREFIX)
        die("%s: a header of %llu bytes, but the file ends after %zu; fetch it again",
            path, (unsigned long long)length, f->size - PREFIX);
    return (size_t)length;
}

static const JsonNode *entry_member(const Json *j, const JsonNode *entry, const char *key)
{
    const JsonNode *found = json_member(j, entry, key);
    if (!found)
        json_die(j, entry->offset, "tensor %s has no \"%s\"", entry->key, key);
    return found;
}

static void read_dtype(Tensor *t, const Json *j, const JsonNode *entry)
{
    const JsonNode *node = entry_member(j, entry, "dtype");
    t->dtype = dtype_named(json_string(j, node));
    if (t->dtype == DTYPES)
        json_die(j, node->offset, "tensor %s has the unknown dtype %.40s", t->name,
                 node->text);
}

// Returns the bytes that the shape asks for.
static size_t read_shape(Tensor *t, const Json *j, const JsonNode *entry)
{
    const JsonNode *list = entry_member(j, entry, "shape");
    size_t bytes = dtype_size(t->dtype);
    json_expect(j, list, JSON_ARRAY);
    if (list->count > TENSOR_RANK)
        json_die(j, list->offset,
                 "tensor %s has %zu dimensions; %d are the most that we read", t->name,
                 list->count, TENSOR_RANK);
    t->rank = (int)list->count;
    const JsonNode *n = json_first(list);
    for (int i = 0; i < t->rank; i++, n = json_next(n)) {
        t->shape[i] = (size_t)json_integer(j, n, 0, (int64_t)1 << 53);
        if (__builtin_mul_overflow(bytes, t->shape[i], &bytes))
            json_die(j, list->offset, "tensor %s: its shape is too large for any memory",
                     t->name);
    }
    return bytes;
}

static void read_offsets(Tensor *t, const Json *j, const JsonNode *entry,
                         size_t shape_bytes, size_t data_bytes)
{
    const JsonNode *list = entry_member(j, entry, "data_offsets");
    json_expect(j, list, JSON_ARRAY);
    if (list->count != 2)
        json_die(j, list->offset, "tensor %s: data_offsets should be two numbers",
                 t->name);
    const JsonNode *first = json_first(list);
    size_t begin = (size_t)json_integer(j, first, 0, (int64_t)1 << 53);
    size_t end = (size_t)json_integer(j, json_next(first), 0, (int64_t)1 << 53);
    if (begin > end)
        json_die(j, list->offset, "tensor %s ends at %zu, before it begins at %zu",
                 t->name, end, begin);
    if (end > data_bytes)
        json_die(j, list->offset,
                 "tensor %s ends at byte %zu of the data, which are %zu; "
                 "is the file cut short?",
                 t->name, end, data_bytes);
    if (end - begin != shape_bytes)
        json_die(j, list->offset,
                 "tensor %s has %zu bytes at offset %zu; its shape and dtype "
                 "make %zu",
                 t->name, end - begin, begin, shape_bytes);
    t->offset = begin;  // from the start of the data; read_tensors adds the rest
    t->bytes = end - begin;
}

static void check_metadata(const Json *j, const JsonNode *metadata)
{
    json_expect(j, metadata, JSON_OBJECT);
    const JsonNode *n = json_first(metadata);
    for (size_t i = 0; i < metadata->count; i++, n = json_next(n))
        json_expect(j, n, JSON_TEXT);
}

static void read_tensors(Safetensors *s, const char *path)
{
    const Json *j = &s->header;
    const JsonNode *root = j->nodes, *entry = json_first(root);
    json_expect(j, root, JSON_OBJECT);
    s->tensors = memory_alloc(root->count, sizeof *s->tensors, "the list of tensors");
    for (size_t i = 0; i < root->count; i++, entry = json_next(entry)) {
        if (strcmp(entry->key, "__metadata__") == 0) {
            check_metadata(j, entry);
            continue;
        }
        for (size_t k = 0; k < entry->key_bytes; k++)
            if ((unsigned char)entry->key[k] < 0x20)
                json_die(j, entry->offset, "a control character in a tensor's name");
        Tensor *t = &s->tensors[s->n++];
        *t = (Tensor){ .name = entry->key, .path = path };
        json_expect(j, entry, JSON_OBJECT);
        read_dtype(t, j, entry);
        size_t bytes = read_shape(t, j, entry);
        read_offsets(t, j, entry, bytes, s->file.size - s->data_start);
        t->offset += s->data_start;
        t->data = s->file.data + t->offset;
    }
}

// ---- the tensors among each other

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Tensor *)a)->name, ((const Tensor *)b)->name);
}

static int by_offset(const void *a, const void *b)
{
    const Tensor *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    if (x->bytes != y->bytes)  // an empty one first
        return x->bytes < y->bytes ? -1 : 1;
    return by_name(a, b);
}

static void check_names(Safetensors *s, const char *path)
{
    qsort(s->tensors, s->n, sizeof *s->tensors, by_name);
    for (size_t i = 1; i < s->n; i++)
        if (by_name(&s->tensors[i - 1], &s->tensors[i]) == 0)
            die("%s: two tensors are named %s", path, s->tensors[i].name);
}

// Each byte behind the header must belong to exactly one tensor.
static void check_offsets(Safetensors *s, const char *path)
{
    size_t at = s->data_start;
    qsort(s->tensors, s->n, sizeof *s->tensors, by_offset);
    for (size_t i = 0; i < s->n; i++) {
        const Tensor *t = &s->tensors[i];
        if (t->offset < at)
            die("%s: tensor %s at offset %zu overlaps %s, which ends at %zu", path,
                t->name, t->offset, s->tensors[i - 1].name, at);
        if (t->offset > at)
            die("%s: a gap of %zu bytes before tensor %s at offset %zu", path,
                t->offset - at, t->name, t->offset);
        at += t->bytes;
    }
    if (at != s->file.size)
        die("%s: the last tensor ends at offset %zu, but the file is %zu bytes long",
            path, at, s->file.size);
}

void safetensors_open(Safetensors *s, const char *path)
{
    *s = (Safetensors){ .file = file_open(path, NULL) };
    size_t length = header_length(&s->file, path);
    size_t room = strlen(path) + sizeof " (header)";
    s->title = memory_alloc(room, 1, "a path");
    snprintf(s->title, room, "%s (header)", path);
    s->data_start = PREFIX + length;
    json_parse(&s->header, s->title, (const char *)s->file.data + PREFIX, length);
    read_tensors(s, path);
    check_names(s, path);
    check_offsets(s, path);
}

void safetensors_close(Safetensors *s)
{
    free(s->tensors);
    json_close(&s->header);
    free(s->title);
    file_close(&s->file);
    *s = (Safetensors){ 0 };
}

// ---- numbers

size_t tensor_count(const Tensor *t)
{
    return t->bytes / dtype_size(t->dtype);
}

// The number at p, which need not be aligned: so it is copied, not pointed to.
static float number_at(const unsigned char *p, DType dtype)
{
    union {
        float f32;
        double f64;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
    } v;
    memcpy(&v, p, dtype_size(dtype));
    switch (dtype) {
    case F32:
        return v.f32;
    case F16:
        return float_from_f16(v.u16);
    case BF16:
        return float_from_bf16(v.u16);
    case F8_E4M3:
        return float_from_f8_e4m3(*p);
    case F8_E5M2:
        return float_from_f8_e5m2(*p);
    case F64:
        return (float)v.f64;
    case BOOL:
    case U8:
        return *p;
    case INT8:
        return (signed char)*p;
    case I16:
        return v.i16;
    case U16:
        return v.u16;
    case I32:
        return (float)v.i32;
    case U32:
        return (float)v.u32;
    case I64:
        return (float)v.i64;
    case U64:
        return (float)v.u64;
    default:
        die("numbers of type %s are not read yet", dtype_name(dtype));
    }
}

void tensor_floats(float *out, const Tensor *t, size_t first, size_t n)
{
    size_t size = dtype_size(t->dtype);
    const unsigned char *p = (const unsigned char *)t->data + first * size;
    assert(first <= tensor_count(t) && n <= tensor_count(t) - first);
    for (size_t i = 0; i < n; i++, p += size)
        out[i] = number_at(p, t->dtype);
}
