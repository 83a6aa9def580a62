// models/random: writes a GPT-2 with random weights, to measure speed at any size; or
// copies a model and adds blocks that change nothing but the time.
// Weights are drawn as GPT-2's were before its training: roughly normal, 0.02 wide, those
// that feed the residual stream narrower by sqrt(2 L); gains of LayerNorm 1, biases 0.  A
// number is a function of seed, tensor and index (random.h): the same bytes everywhere.
#include "random.h"
#include "../stage05_block/config.h"
#include "../stage05_block/weights.h"
#include "args.h"
#include "directory.h"
#include "error.h"
#include "halves.h"
#include "terminal.h"
#include <stdlib.h>
#include <string.h>

#define SIZES "gpt2, gpt2-medium, gpt2-large, gpt2-xl, distilgpt2, 1B, 2B, 4B, 10B, 16B"

typedef struct {
    const char *name;
    char directory[4096];
    int dtype, deepen;
    uint64_t seed;
    bool force;
} Options;

// `shape` is a name, or "L,NH,C,V,T", of which V and T may be missing.
static void write_config(const char *shape)
{
    static const char *const sizes[] = {
        "gpt2",    "12,12,768",  "gpt2-medium", "24,16,1024", "gpt2-large", "36,20,1280",
        "gpt2-xl", "48,25,1600", "distilgpt2",  "6,12,768",   "1B",         "24,16,1792",
        "2B",      "32,32,2304", "4B",          "32,32,3328", "10B",        "48,48,4128",
        "16B",     "64,64,4608", NULL
    };
    int L, NH, C, V = 50257, T = 1024;
    const char *numbers = shape;
    for (int i = 0; sizes[i]; i += 2)
        if (strcmp(shape, sizes[i]) == 0)
            numbers = sizes[i + 1];
    if (sscanf(numbers, "%d,%d,%d,%d,%d", &L, &NH, &C, &V, &T) < 3 ||
        numbers[strspn(numbers, "0123456789,")])
        die("'%s' is none of %s, nor numbers L,NH,C[,V[,T]]", shape, SIZES);
    FILE *to = directory_file(CONFIG);
    fprintf(to,
            "{\n \"model_type\": \"gpt2\",\n \"architectures\": [\"GPT2LMHeadModel\"],\n"
            " \"activation_function\": \"gelu_new\",\n \"layer_norm_epsilon\": 1e-05,\n"
            " \"vocab_size\": %d,\n \"n_positions\": %d,\n \"n_embd\": %d,\n"
            " \"n_layer\": %d,\n \"n_head\": %d,\n \"eos_token_id\": %d\n}\n",
            V, T, C, L, NH, V - 1);
    directory_close(to);
}

// Copies the model's file, if there is one; config.json with L as its n_layer.
static void copy_file(const char *model, int file, int L)
{
    char *path = config_path(model, directory_files[file]);
    if (file_exists(path)) {
        size_t n, at = 0;
        char *text = file_read(path, &n);
        FILE *to = directory_file(file);
        if (file == CONFIG) {
            Json j;
            json_parse(&j, path, text, n);
            at = json_member(&j, j.nodes, "n_layer")->offset;
            directory_put(to, text, at);
            fprintf(to, "%d", L);
            at += strspn(text + at, "0123456789.+-eE");
            json_close(&j);
        }
        directory_put(to, text + at, n - at);
        directory_close(to);
        free(text);
    }
    free(path);
}

// ---- the weights: each tensor's turn comes twice, for the header and for the numbers

typedef struct {
    FILE *header, *to;  // `to`: NULL the first time
    DType dtype;
    RandomKey key;        // .position: the tensor's number
    size_t bytes, total;  // of the tensors up to here, and of all
} Output;

// The sum of four bytes: mean 510, standard deviation sqrt(21845).
static float roughly_normal(uint32_t bits)
{
    uint32_t pairs = (bits & 0x00ff00ffu) + (bits >> 8 & 0x00ff00ffu);
    return ((float)(int)((pairs & 0xffffu) + (pairs >> 16)) - 510.0f) * 0.0067658f;
}

static void put_random(const Output *o, const Tensor *t, float mean, float spread)
{
    enum { CHUNK = 1 << 16 };
    static float floats[CHUNK], packed[CHUNK];
    size_t count = tensor_count(t);
    RandomKey key = o->key;
    for (size_t first = 0; first < count; first += CHUNK) {
        int n = count - first < CHUNK ? (int)(count - first) : CHUNK;
        key.sample = (uint32_t)(first / 4 >> 32);
        for (int i = 0; i < n; i += 4) {
            RandomFour r = random_four(key, (uint32_t)(first / 4) + (uint32_t)i / 4);
            for (int j = 0; j < 4; j++)
                floats[i + j] = mean + spread * roughly_normal(r.v[j]);
        }
        floats_to_halves(packed, floats, t->dtype, n);
        directory_put(o->to, packed, (size_t)n * dtype_size(t->dtype));
    }
}

// A tensor: copied, or drawn if it has no data.
static void emit(Output *o, const Tensor *t, float mean, float spread)
{
    size_t begin = o->bytes, end = o->bytes += t->bytes;
    o->key.position++;
    if (o->to) {
        t->data ? directory_put(o->to, t->data, t->bytes)
                : put_random(o, t, mean, spread);
        terminal_progress("writing", (double)end / (double)o->total);
        return;
    }
    if (strpbrk(t->name, "\"\\\n\t"))
        die("the tensor %s cannot be copied: its name has quotes", t->name);
    fprintf(o->header, ",\"%s\":{\"data_offsets\":[%zu,%zu],", t->name, begin, end);
    fprintf(o->header, "\"dtype\":\"%s\",\"shape\":[", dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        fprintf(o->header, "%s%zu", i ? "," : "", t->shape[i]);
    fputs("]}", o->header);
}

// name.weight [rows, columns], or [columns] if rows is 0; if wanted, name.bias [columns].
static void emit_random(Output *o, const char *block, const char *name, int rows,
                        int columns, float spread, bool bias)
{
    char full[64];
    size_t m = (size_t)rows, n = (size_t)columns, size = dtype_size(o->dtype);
    Tensor weight = { full, o->dtype, 2, { m, n }, 0, m * n * size, NULL, NULL },
           vector = { full, o->dtype, 1, { n }, 0, n * size, NULL, NULL };
    snprintf(full, sizeof full, "%s%s.weight", block, name);
    emit(o, rows ? &weight : &vector, rows ? 0 : 1, spread);
    snprintf(full, sizeof full, "%s%s.bias", block, name);
    if (bias)
        emit(o, &vector, 0, 0);
}

static void emit_model(Output *o, const Config *c)
{
    int C = c->C;
    float wide = 0.02f, narrow = wide / sqrtf(2.0f * (float)c->L);
    emit_random(o, "", "wte", c->V, C, wide, false);
    emit_random(o, "", "wpe", c->T, C, wide, false);
    for (int l = 0; l < c->L; l++) {
        char block[16];
        snprintf(block, sizeof block, "h.%d.", l);
        emit_random(o, block, "ln_1", 0, C, 0, true);
        emit_random(o, block, "attn.c_attn", C, 3 * C, wide, true);
        emit_random(o, block, "attn.c_proj", C, C, narrow, true);
        emit_random(o, block, "ln_2", 0, C, 0, true);
        emit_random(o, block, "mlp.c_fc", C, 4 * C, wide, true);
        emit_random(o, block, "mlp.c_proj", 4 * C, C, narrow, true);
    }
    emit_random(o, "", "ln_f", 0, C, 0, true);
}

// All tensors; then copies of the L blocks that add nothing to the residual stream.
static void emit_deeper(Output *o, const Weights *w, int L, int L_new)
{
    for (size_t i = 0; i < w->n; i++)
        emit(o, &w->tensors[i], 0, 0);
    for (int l = L; l < L_new; l++)
        for (size_t i = 0; i < w->n; i++) {
            Tensor t = w->tensors[i];
            char new[256];
            const char *h = strstr(t.name, "h.");  // "transformer." may come before it
            int block, n;
            if (!h || sscanf(h, "h.%d%n", &block, &n) != 1 || block != l % L)
                continue;
            snprintf(new, sizeof new, "%.*sh.%d%s", (int)(h - t.name), t.name, l, h + n);
            t.name = new;
            t.data = strstr(new, ".c_proj.") ? NULL : t.data;  // NULL: zeros
            emit(o, &t, 0, 0);
        }
}

static void write_weights(const Options *o, const Config *c, const Weights *w)
{
    char *text;
    size_t n;
    Output out = { .header = open_memstream(&text, &n), .dtype = (DType)o->dtype };
    fputs("{\"__metadata__\":{\"format\":\"pt\"}", out.header);
    o->deepen ? emit_deeper(&out, w, c->L - o->deepen, c->L) : emit_model(&out, c);
    fflush(out.header);
    fprintf(out.header, "%*s", 8 - (int)(n % 8), "}");  // so that the numbers are aligned
    fclose(out.header);
    directory_need(out.bytes);
    out.to = directory_file(WEIGHTS);
    directory_put(out.to, (uint64_t[]){ n }, 8);
    directory_put(out.to, text, n);
    out.key.seed = o->seed;
    out.total = out.bytes;
    out.bytes = out.key.position = 0;
    o->deepen ? emit_deeper(&out, w, c->L - o->deepen, c->L) : emit_model(&out, c);
    terminal_progress_end();
    directory_close(out.to);
    free(text);
}

static void read_options(Options *o, int argc, char **argv)
{
    static const char *const dtypes[] = { "f32", "f16", "bf16", NULL };  // as in DType
    const char *directory = directory_argument(&argc, argv);
    Args a;
    args_init(&a, "models/random", "Writes a GPT-2 with random weights.", argv[0]);
    args_choice(&a, "dtype=TYPE", 0, &o->dtype, BF16, dtypes, "of the weights");
    args_seed(&a, "seed=N", 0, &o->seed, "other weights for each");
    args_int(&a, "deepen=N", 0, &o->deepen, 0, 1, 999,
             "adds N idle blocks to model NAME");
    args_flag(&a, "force", 0, &o->force, "replaces what is in DIR");
    args_rest(&a, "NAME [DIR]", &o->name,
              SIZES ",\n  or L,NH,C[,V[,T]].  DIR: the directory (models/NAME-random)");
    args_parse(&a, argc, argv);
    if (!o->name || !*o->name)
        die("name one of %s, or --deepen N and a model; see --help", SIZES);
    if (o->deepen && (args_given(&a, "dtype") || args_given(&a, "seed")))
        die("--deepen keeps the weights: --dtype and --seed do not go with it");
    const char *base = directory ? directory : o->name;
    char *models = file_of_project("models");
    int n = (int)strlen(base);
    while (n > 1 && base[n - 1] == '/')
        n--;
    if (directory)
        snprintf(o->directory, sizeof o->directory, "%.*s", n, base);
    else if (o->deepen)
        snprintf(o->directory, sizeof o->directory, "%.*s-deep%d", n, base, o->deepen);
    else
        snprintf(o->directory, sizeof o->directory, "%s/%s-random", models ? models : ".",
                 base);
    free(models);
}

int main(int argc, char **argv)
{
    Options o;
    Config c;
    Weights w = { 0 };
    read_options(&o, argc, argv);
    if (o.deepen) {
        config_read(&c, o.name);
        weights_open(&w, o.name);
    }
    directory_begin(o.directory, "random", o.force);
    for (int i = CONFIG; o.deepen && i < FILES; i++)
        copy_file(o.name, i, c.L + o.deepen);
    if (!o.deepen)
        write_config(o.name);
    // Says what is wrong with numbers given by hand.
    config_read(&c, directory_partial());
    write_weights(&o, &c, &w);
    weights_close(&w);
    directory_end();
    printf("%s: %d blocks of width %d\n", o.directory, c.L, c.C);
    return 0;
}
