// models/random: writes a GPT-2 with random weights, to measure speed at any size; or
// copies a model and adds blocks that change nothing but the time.
// Weights are drawn as GPT-2's were before its training: roughly normal, 0.02 wide, those
// that feed the residual stream narrower by sqrt(2 L); gains of LayerNorm 1, biases 0.  A
// number is a function of seed, tensor and index (random.h): the same bytes everywhere.
#include "random.h"
#include "../stage01_weights/config.h"
#include "../stage01_weights/weights.h"
#include "args.h"
#include "error.h"
#include "halves.h"
#include "terminal.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SIZES "gpt2, gpt2-medium, gpt2-large, gpt2-xl, distilgpt2, 1B, 2B, 4B, 10B, 16B"
enum { PATH = 4096 };  // bytes, with the final 0

typedef struct {
    const char *name;
    char directory[PATH];
    int dtype, deepen;
    uint64_t seed;
    bool force;
} Options;

// ---- the directory: written under a temporary name, and renamed when it is complete

enum { WEIGHTS, CONFIG, VOCABULARY, FILES = 4 };
static const char *const files[] = { "model.safetensors", "config.json", "vocab.json",
                                     "merges.txt" };
static char partial[PATH + 32], partial_files[FILES][PATH + 64];

static void clean_up(void)  // does only what a signal's handler may do
{
    for (int i = 0; i < FILES; i++)
        unlink(partial_files[i]);
    rmdir(partial);
}

static void interrupted(int number)
{
    clean_up();
    _exit(128 + number);
}

static void check(bool done, const char *path)
{
    if (!done)
        die("cannot write %s: %s; nothing is kept of it", path, strerror(errno));
}

static void begin_directory(const Options *o)
{
    if (file_exists(o->directory) && !o->force)
        die("%s is there already; --force replaces it", o->directory);
    snprintf(partial, sizeof partial, "%s.random.partial", o->directory);
    for (int i = 0; i < FILES; i++) {
        snprintf(partial_files[i], sizeof partial_files[i], "%s/%s", partial, files[i]);
        unlink(partial_files[i]);  // what a run that was killed has left
    }
    check(mkdir(partial, 0777) == 0 || errno == EEXIST, partial);
    atexit(clean_up);
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
}

static void end_directory(const char *directory)
{
    char to[PATH + 64];
    bool renamed = rename(partial, directory) == 0;
    for (int i = 0; !renamed && i < FILES; i++) {  // --force: file by file
        snprintf(to, sizeof to, "%s/%s", directory, files[i]);
        check(!rename(partial_files[i], to) || !unlink(to) || errno == ENOENT, to);
    }
}

static FILE *begin_file(int file)
{
    FILE *to = fopen(partial_files[file], "wb");
    check(to, partial_files[file]);
    return to;
}

static void put(FILE *to, const void *data, size_t bytes)
{
    check(fwrite(data, 1, bytes, to) == bytes, partial);
}

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
    FILE *to = begin_file(CONFIG);
    fprintf(to,
            "{\n \"model_type\": \"gpt2\",\n \"architectures\": [\"GPT2LMHeadModel\"],\n"
            " \"activation_function\": \"gelu_new\",\n \"layer_norm_epsilon\": 1e-05,\n"
            " \"vocab_size\": %d,\n \"n_positions\": %d,\n \"n_embd\": %d,\n"
            " \"n_layer\": %d,\n \"n_head\": %d,\n \"eos_token_id\": %d\n}\n",
            V, T, C, L, NH, V - 1);
    check(fclose(to) == 0, partial);
}

// Copies the model's file, if there is one; config.json with L as its n_layer.
static void copy_file(const char *model, int file, int L)
{
    char *path = config_path(model, files[file]);
    if (file_exists(path)) {
        size_t n, at = 0;
        char *text = file_read(path, &n);
        FILE *to = begin_file(file);
        if (file == CONFIG) {
            Json j;
            json_parse(&j, path, text, n);
            at = json_member(&j, j.nodes, "n_layer")->offset;
            put(to, text, at);
            fprintf(to, "%d", L);
            at += strspn(text + at, "0123456789.+-eE");
            json_close(&j);
        }
        put(to, text + at, n - at);
        check(fclose(to) == 0, partial);
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
        put(o->to, packed, (size_t)n * dtype_size(t->dtype));
    }
}

// A tensor: copied, or drawn if it has no data.
static void emit(Output *o, const Tensor *t, float mean, float spread)
{
    size_t begin = o->bytes, end = o->bytes += t->bytes;
    o->key.position++;
    if (o->to) {
        t->data ? put(o->to, t->data, t->bytes) : put_random(o, t, mean, spread);
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
    struct statvfs disk;
    Output out = { .header = open_memstream(&text, &n), .dtype = (DType)o->dtype };
    fputs("{\"__metadata__\":{\"format\":\"pt\"}", out.header);
    o->deepen ? emit_deeper(&out, w, c->L - o->deepen, c->L) : emit_model(&out, c);
    fflush(out.header);
    fprintf(out.header, "%*s", 8 - (int)(n % 8), "}");  // so that the numbers are aligned
    fclose(out.header);
    check(statvfs(partial, &disk) == 0, partial);
    double need = 1e-6 * out.bytes, space = 1e-6 * disk.f_bavail * disk.f_frsize;
    if (space < need)
        die("no space: %s needs %.1f MB, %.1f MB are free", o->directory, need, space);
    out.to = begin_file(WEIGHTS);
    put(out.to, (uint64_t[]){ n }, 8);
    put(out.to, text, n);
    out.key.seed = o->seed;
    out.total = out.bytes;
    out.bytes = out.key.position = 0;
    o->deepen ? emit_deeper(&out, w, c->L - o->deepen, c->L) : emit_model(&out, c);
    terminal_progress_end();
    check(fclose(out.to) == 0, partial);
    free(text);
}

// Takes DIR, the second word that is no option, out of argv: args_parse knows of one.
static char *take_directory(int *argc, char **argv)
{
    for (int i = 1, words = 0; i < *argc; i++) {
        if (argv[i][0] == '-') {
            i += !strchr(argv[i], '=') && strcmp(argv[i], "--force") != 0;  // its value
        } else if (++words == 2) {
            char *directory = argv[i];
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
            --*argc;
            return directory;
        }
    }
    return NULL;
}

static void read_options(Options *o, int argc, char **argv)
{
    static const char *const dtypes[] = { "f32", "f16", "bf16", NULL };  // as in DType
    const char *directory = take_directory(&argc, argv);
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
        snprintf(o->directory, PATH, "%.*s", n, base);
    else if (o->deepen)
        snprintf(o->directory, PATH, "%.*s-deep%d", n, base, o->deepen);
    else
        snprintf(o->directory, PATH, "%s/%s-random", models ? models : ".", base);
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
    begin_directory(&o);
    for (int i = CONFIG; o.deepen && i < FILES; i++)
        copy_file(o.name, i, c.L + o.deepen);
    if (!o.deepen)
        write_config(o.name);
    config_read(&c, partial);  // says what is wrong with numbers given by hand
    write_weights(&o, &c, &w);
    weights_close(&w);
    end_directory(o.directory);
    printf("%s: %d blocks of width %d\n", o.directory, c.L, c.C);
    return 0;
}
