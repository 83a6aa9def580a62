// Stage 01: safetensors files of every dtype, broken ones, shards.
#include "config.h"
#include "weights.h"
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <criterion/redirect.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODELS TEST_ROOT "/tests/models/"

// ---- files made here

// A file that goes away by itself, as a path.
static const char *temporary(const void *data, size_t n)
{
    static char path[32];
    FILE *f = tmpfile();
    cr_assert(f && fwrite(data, 1, n, f) == n && fflush(f) == 0);
    snprintf(path, sizeof path, "/dev/fd/%d", fileno(f));
    return path;
}

// The length, the header, and `bytes` bytes of data that count from 0 on.
static const char *tensor_file(const char *header, size_t bytes)
{
    size_t length = strlen(header), n = 8 + length + bytes;
    unsigned char *all = calloc(n, 1);
    for (int i = 0; i < 8; i++)
        all[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(all + 8, header, length);
    for (size_t i = 0; i < bytes; i++)
        all[8 + length + i] = (unsigned char)i;
    const char *path = temporary(all, n);
    free(all);
    return path;
}

// ---- safetensors

Test(safetensors, by_hand)
{
    Safetensors s;
    safetensors_open(
        &s, tensor_file(
                "{\"__metadata__\":{\"format\":\"pt\"},"
                "\"b\":{\"dtype\":\"U8\",\"shape\":[2,3],\"data_offsets\":[1,7]},"
                "\"a\":{\"dtype\":\"I8\",\"shape\":[],\"data_offsets\":[0,1]},"
                "\"none\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[1,1]}}  ",
                7));
    const Tensor *a = &s.tensors[0], *none = &s.tensors[1], *b = &s.tensors[2];
    cr_assert_eq(s.n, 3);
    cr_assert_str_eq(a->name, "a");
    cr_assert_str_eq(none->name, "none");
    cr_assert_str_eq(b->name, "b");
    cr_assert(a->rank == 0 && tensor_count(a) == 1);
    cr_assert_eq(tensor_count(none), 0);
    cr_assert(b->rank == 2 && b->shape[0] == 2 && b->shape[1] == 3);
    cr_assert_eq(b->offset, s.data_start + 1);
    float x[4];
    tensor_floats(x, b, 2, 4);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(x[i], (float)(3 + i));
    safetensors_close(&s);
}

Test(safetensors, every_dtype)
{
    static const struct {
        const char *name;
        unsigned char bytes[8];
        int size;
        float want;
    } cases[] = {
        { "F32", { 0, 0, 0xc0, 0xbf }, 4, -1.5f },
        { "F16", { 0, 0xbe }, 2, -1.5f },
        { "BF16", { 0xc0, 0xbf }, 2, -1.5f },
        { "F64", { 0, 0, 0, 0, 0, 0, 0xf8, 0xbf }, 8, -1.5f },
        { "F8_E4M3", { 0xbc }, 1, -1.5f },
        { "F8_E5M2", { 0xbe }, 1, -1.5f },
        { "I8", { 0xfe }, 1, -2 },
        { "U8", { 0xfe }, 1, 254 },
        { "BOOL", { 1 }, 1, 1 },
        { "I16", { 0xfe, 0xff }, 2, -2 },
        { "U16", { 0xfe, 0xff }, 2, 65534 },
        { "I32", { 0xfe, 0xff, 0xff, 0xff }, 4, -2 },
        { "U32", { 0, 0, 0, 0x80 }, 4, 0x1p31f },
        { "I64", { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 8, -2 },
        { "U64", { 0, 0, 0, 0, 0, 0, 0, 0x80 }, 8, 0x1p63f },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char file[9] = { 0 };  // the number at an odd address
        memcpy(file + 1, cases[i].bytes, 8);
        Tensor t = { .name = "t", .dtype = dtype_named(cases[i].name), .data = file + 1 };
        t.bytes = dtype_size(t.dtype);
        float x = 0;
        cr_assert_eq((int)t.bytes, cases[i].size);
        tensor_floats(&x, &t, 0, 1);
        cr_assert_eq(x, cases[i].want, "%s: want %g, got %g", cases[i].name,
                     (double)cases[i].want, (double)x);
    }
}

// Headers that must be refused; 8 bytes of data follow.
static char broken[][192] = {
    "",
    "[]",
    "null",
    "{\"a\":1}",
    "{\"a\":{}}",
    "{\"__metadata__\":{\"x\":1}}",
    "{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[9007199254740992,9007199254740992],"
    "\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296,0],"
    "\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,8],\"data_offsets\":[0,8]}}",
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]}}",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[5,8]}}",
    "{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
};

ParameterizedTestParameters(safetensors, broken)
{
    return cr_make_param_array(char[192], broken, sizeof broken / sizeof *broken);
}

ParameterizedTest(char header[192], safetensors, broken, .exit_code = 1)
{
    Safetensors s;
    cr_redirect_stderr();  // test_program_01.py reads the messages
    safetensors_open(&s, tensor_file(header, 8));
    printf("accepted: %s\n", header);
}

Test(safetensors, too_short, .exit_code = 1, .init = cr_redirect_stderr)
{
    Safetensors s;
    safetensors_open(&s, temporary("1234567", 7));
}

Test(safetensors, length_beyond_the_limit, .exit_code = 1, .init = cr_redirect_stderr)
{
    Safetensors s;
    safetensors_open(&s, temporary("\x01\xe1\xf5\x05\0\0\0\0{}", 10));  // 100,000,001
}

Test(safetensors, length_beyond_the_file, .exit_code = 1, .init = cr_redirect_stderr)
{
    Safetensors s;
    safetensors_open(&s, temporary("\x03\0\0\0\0\0\0\0{}", 10));
}

// ---- models

// Does the tensor have this shape, whatever its prefix?
static void expect_shape(const Weights *w, const char *name, int rows, int columns)
{
    const Tensor *t = weights_find(w, name);
    cr_assert_not_null(t, "%s: no %s", w->paths[0], name);
    cr_assert(t->rank == 2 && (int)t->shape[0] == rows && (int)t->shape[1] == columns,
              "%s: %s", w->paths[0], name);
}

static void check_model(const char *model)
{
    Weights w;
    Config c;
    config_read(&c, model);
    weights_open(&w, model);
    expect_shape(&w, "wte.weight", c.V, c.C);
    expect_shape(&w, "transformer.wpe.weight", c.T, c.C);
    for (int l = 0; l < c.L; l++) {
        char name[64];
        snprintf(name, sizeof name, "h.%d.mlp.c_fc.weight", l);
        expect_shape(&w, name, c.C, c.n_inner);
    }
    cr_assert_eq(weights_find(&w, "transformer.wte.weight"),
                 weights_find(&w, "wte.weight"));
    cr_assert_eq(weights_dtype(&w), weights_find(&w, "wte.weight")->dtype);
    cr_assert_null(weights_find(&w, "wte"));
    cr_assert_null(weights_find(&w, "wte.weight2"));
    cr_assert_null(weights_find(&w, ""));
    for (size_t i = 0; i < w.n; i++)
        cr_assert_eq(weights_find(&w, w.tensors[i].name), &w.tensors[i]);
    weights_close(&w);
}

Test(weights, models)
{
    static const char *const models[] = {
        MODELS "tiny",
        MODELS "odd",
        MODELS "heads12",
        MODELS "heads64",
        MODELS "head80",
        MODELS "chunk33",
        MODELS "shards",
        MODELS "odd/model.safetensors",
        MODELS "shards/model.safetensors.index.json",
        TEST_ROOT "/models/tales",
        TEST_ROOT "/models/tales-draft",
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        check_model(models[i]);
}

Test(weights, shards)
{
    Weights w;
    weights_open(&w, MODELS "shards");
    size_t bytes = 0, tensors = 0;
    for (size_t i = 0; i < w.n_files; i++) {
        bytes += w.files[i].file.size;
        tensors += w.files[i].n;
    }
    cr_assert_gt(w.n_files, 1);
    cr_assert(w.bytes == bytes && w.n == tensors);
    weights_close(&w);
}

Test(weights, no_model, .exit_code = 1, .init = cr_redirect_stderr)
{
    Weights w;
    weights_open(&w, TEST_ROOT "/tests");
}
