// models/quantize: writes a model anew with its matrices in INT8 or INT4, so that programs
// need not quantise it whenever they start.  Rounded by the same code: the same logits.
// What is no matrix is copied; how a file has a matrix, matmul.h tells.
#include "../stage05_block/params.h"
#include "args.h"
#include "device.h"
#include "directory.h"
#include "error.h"
#include "memory.h"
#include "terminal.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *model;
    char directory[4096];
    int dtype;
    bool force;
} Options;

// Of a tensor whose name ends so.
static const struct {
    const char *end;
    MatrixLayout layout;
} matrices[] = {
    { "wte.weight", MATRIX_OUT_IN },     { "wpe.weight", MATRIX_OUT_IN },
    { "lm_head.weight", MATRIX_OUT_IN }, { ".c_attn.weight", MATRIX_IN_OUT },
    { ".c_proj.weight", MATRIX_IN_OUT }, { ".c_fc.weight", MATRIX_IN_OUT },
};
enum { MATRICES = sizeof matrices / sizeof *matrices };

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

// The number in `matrices`, or MATRICES.
static int matrix_kind(const Tensor *t)
{
    int i = 0;
    while (i < MATRICES && !ends_with(t->name, matrices[i].end))
        i++;
    return i;
}

// Dies unless all tensors are there, with the shapes that config.json says, as when a
// program loads the model.
static void check_model(const Weights *w, const Config *c, const Options *o)
{
    Params p = { .weights = w, .config = c, .dtype = (DType)o->dtype };
    Embeddings embeddings;
    Block block;
    Norm norm;
    if (weights_quantised(w))
        die("%s is quantised already, to %s; take the model that it was made from",
            o->model, dtype_option(weights_dtype(w)));
    params_embeddings(&p, &embeddings);
    params_norm(&p, &norm, "ln_f");
    if (weights_find(w, "lm_head.weight"))
        params_matrix(&p, "lm_head.weight", c->C, c->V, MATRIX_OUT_IN);
    for (int l = 0; l < c->L; l++)
        params_block(&p, &block, l);
}

// ---- the weights: each tensor's turn comes twice, for the header and for the numbers

typedef struct {
    FILE *header, *to;  // `to`: NULL the first time
    DType dtype;
    size_t bytes, total;  // of the tensors up to here, and of all
} Output;

static void emit(Output *o, const Tensor *t, const char *suffix)
{
    size_t begin = o->bytes, end = o->bytes += t->bytes;
    if (o->to) {
        directory_put(o->to, t->data, t->bytes);
        terminal_progress("quantising", (double)end / (double)o->total);
        return;
    }
    if (strpbrk(t->name, "\"\\\n\t"))
        die("the tensor %s cannot be copied: its name has quotes", t->name);
    fprintf(o->header, ",\"%s%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, suffix,
            dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        fprintf(o->header, "%s%zu", i ? "," : "", t->shape[i]);
    fprintf(o->header, "],\"data_offsets\":[%zu,%zu]}", begin, end);
}

static Tensor rows_of(const Tensor *t, MatrixRows row, int out)
{
    return (Tensor){ .name = t->name,
                     .dtype = row.dtype,
                     .rank = 2,
                     .shape = { (size_t)out, row.columns },
                     .bytes = (size_t)out * row.bytes };
}

static void emit_matrix(Output *o, const Tensor *t, MatrixLayout layout)
{
    bool turned = layout == MATRIX_IN_OUT;
    int in = (int)t->shape[turned ? 0 : 1], out = (int)t->shape[turned ? 1 : 0];
    DType dtype = matrix_dtype(o->dtype, layout);
    Tensor numbers = rows_of(t, matrix_numbers(dtype, in), out),
           scales = rows_of(t, matrix_scales(dtype, in), out);
    char *rows = NULL;
    if (o->to) {
        Matrix m = { t->name, dtype, in, out,
                     device_alloc(matrix_bytes(dtype, in, out), t->name) };
        rows = memory_alloc(numbers.bytes + scales.bytes, 1, t->name);
        numbers.data = rows;
        scales.data = rows + numbers.bytes;
        matrix_pack(&m, t->data, t->dtype, layout);
        matrix_save(rows, rows + numbers.bytes, &m);
        device_free(m.panels);
        file_release(t->data, t->bytes);
    }
    emit(o, &numbers, "");
    emit(o, &scales, ".scale");
    free(rows);
}

// Masks, which old files have and nothing reads, are left out.
static void emit_all(Output *o, const Weights *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const Tensor *t = &w->tensors[i];
        int kind = matrix_kind(t);
        if (kind < MATRICES)
            emit_matrix(o, t, matrices[kind].layout);
        else if (!ends_with(t->name, ".attn.bias") &&
                 !ends_with(t->name, ".attn.masked_bias"))
            emit(o, t, "");
    }
}

static void write_weights(const Options *o, const Weights *w)
{
    char *text;
    size_t n;
    Output out = { .header = open_memstream(&text, &n), .dtype = (DType)o->dtype };
    fprintf(out.header, "{\"__metadata__\":{\"format\":\"pt\",\"quantised\":\"%s\"}",
            dtype_option(out.dtype));
    emit_all(&out, w);
    fflush(out.header);
    fprintf(out.header, "%*s", 8 - (int)(n % 8), "}");  // so that the numbers are aligned
    fclose(out.header);
    directory_need(out.bytes);
    out.to = directory_file(WEIGHTS);
    directory_put(out.to, (uint64_t[]){ n }, 8);
    directory_put(out.to, text, n);
    out.total = out.bytes;
    out.bytes = 0;
    emit_all(&out, w);
    terminal_progress_end();
    directory_close(out.to);
    free(text);
}

static void copy_file(const char *model, int file)
{
    char *path = config_path(model, directory_files[file]);
    if (file_exists(path)) {
        size_t n;
        char *text = file_read(path, &n);
        FILE *to = directory_file(file);
        directory_put(to, text, n);
        directory_close(to);
        free(text);
    }
    free(path);
}

static void read_options(Options *o, int argc, char **argv)
{
    static const char *const dtypes[] = { "int8", "int4", NULL };
    const char *directory = directory_argument(&argc, argv);
    Args a;
    args_init(&a, "models/quantize", "Writes a model with matrices of 8 or 4 bits.",
              argv[0]);
    args_choice(&a, "dtype=TYPE", 0, &o->dtype, -1, dtypes, "of the matrices");
    args_flag(&a, "force", 0, &o->force, "replaces what is in DIR");
    args_rest(&a, "MODEL [DIR]", &o->model,
              "a model's directory, and the one to write (MODEL-int8 or MODEL-int4)");
    args_parse(&a, argc, argv);
    if (!o->model || !*o->model || o->dtype < 0)
        die("give --dtype int8 or int4, and a model's directory; see --help");
    if (strcmp(device_name(), "cpu") != 0)
        die("int8 and int4 are for the CPU only so far; make models/quantize DEVICE=cpu");
    const char *base = directory ? directory : o->model;
    int n = (int)strlen(base);
    while (n > 1 && base[n - 1] == '/')
        n--;
    snprintf(o->directory, sizeof o->directory, "%.*s%s%s", n, base, directory ? "" : "-",
             directory ? "" : dtypes[o->dtype]);
    o->dtype += INT8;
}

int main(int argc, char **argv)
{
    Options o;
    Config c;
    Weights w;
    read_options(&o, argc, argv);
    config_read(&c, o.model);
    weights_open(&w, o.model);
    check_model(&w, &c, &o);
    directory_begin(o.directory, "quantize", o.force);
    for (int i = CONFIG; i < FILES; i++)
        copy_file(o.model, i);
    write_weights(&o, &w);
    weights_close(&w);
    directory_end();
    printf("%s: %d blocks of width %d, matrices in %s\n", o.directory, c.L, c.C,
           dtype_option((DType)o.dtype));
    return 0;
}
