// The exhibit of stage 01.  Chapter 1; see show.h.
#include "show.h"
#include "config.h"
#include "error.h"
#include "jsonout.h"
#include "memory.h"
#include "terminal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- shapes

typedef struct {
    char s[64];
} Text;

static Text shape_text(const Tensor *t)
{
    Text text = { "" };  // of a single number
    size_t n = 0;
    for (int i = 0; i < t->rank && n < sizeof text.s; i++)
        n += (size_t)snprintf(text.s + n, sizeof text.s - n, "%s%zu", i ? " x " : "",
                              t->shape[i]);
    return text;
}

// ---- kinds

enum { BUFFERS, SCALES, KINDS = 8 };

// What belongs to which, by names in GPT-2's files: the first row that has a part of the
// name.  `attn.bias` is no bias but the causal mask; old files store it, nothing reads
// it.
static const struct {
    const char *name, *part, *or_part;
    Ink ink;
} kinds[KINDS] = {
    { "buffers", ".attn.bias", ".attn.masked_bias", DIM },
    { "scales", ".weight.scale", ".weight.scale", DIM },
    { "embeddings", "wte.", "wpe.", CYAN },
    { "norms", "ln_", "ln_", MAGENTA },
    { "attention", ".attn.", ".attn.", GREEN },
    { "MLP", ".mlp.", ".mlp.", YELLOW },
    { "head", "lm_head.", "lm_head.", BLUE },
    { "other", "", "", PLAIN },
};

static int kind_of(const char *name)
{
    int k = 0;
    while (!strstr(name, kinds[k].part) && !strstr(name, kinds[k].or_part))
        k++;
    return k;
}

static size_t parameters(const Weights *w)
{
    size_t total = 0;
    for (size_t i = 0; i < w->n; i++)
        if (kind_of(w->tensors[i].name) > SCALES)
            total += weights_count(w, &w->tensors[i]);
    return total;
}

// ---- statistics

enum { CHUNK = 4096 };  // numbers widened at a time

typedef struct {
    double mean, std;
    float least, greatest;
} Stats;

static Stats stats_of(const Tensor *t)
{
    Stats s = { .least = INFINITY, .greatest = -INFINITY };
    float x[CHUNK];
    double sum = 0, squares = 0;
    size_t count = tensor_count(t), n;
    for (size_t at = 0; at < count; at += n) {
        n = count - at < CHUNK ? count - at : CHUNK;
        tensor_floats(x, t, at, n);
        for (size_t i = 0; i < n; i++) {
            sum += (double)x[i];
            squares += (double)x[i] * (double)x[i];
            s.least = fminf(s.least, x[i]);
            s.greatest = fmaxf(s.greatest, x[i]);
        }
    }
    s.mean = sum / (double)count;  // a NaN among the numbers makes it NaN
    s.std = sqrt(fdim(squares / (double)count, s.mean * s.mean));
    return s;
}

// ---- the architecture

// A way out of the residual stream and back to it.
static void print_branch(const char *path)
{
    printf("  │   ├─ %s ─┐\n  │   + ◄", path);
    for (size_t i = 0; i < strlen(path) + 2; i++)
        printf("─");
    printf("┘\n");
}

static void print_architecture(const Config *c, bool tied)
{
    char path[160];
    printf("  token ids [T]; T is at most %d\n      ▼\n", c->T);
    printf("  wte [%d, %d] + wpe [%d, %d]: a row for the token, one for its place\n",
           c->V, c->C, c->T, c->C);
    printf("      ▼\n  ┌─► │  %d blocks:\n", c->L);
    snprintf(path, sizeof path,
             "ln_1 - c_attn [%d, %d] - %d heads of %d - c_proj [%d, %d]", c->C, 3 * c->C,
             c->NH, c->C / c->NH, c->C, c->C);
    print_branch(path);
    snprintf(path, sizeof path, "ln_2 - c_fc [%d, %d] - GELU - c_proj [%d, %d]", c->C,
             c->n_inner, c->n_inner, c->C);
    print_branch(path);
    printf("  └───┤\n      ▼\n");
    printf("  ln_f, then %s [%d, %d]\n", tied ? "wte once more" : "lm_head", c->V, c->C);
    printf("      ▼\n  logits [T, %d]: a score for each token that may come next\n\n",
           c->V);
}

// ---- all tensors

static int name_width(const Weights *w)
{
    size_t width = 0;
    for (size_t i = 0; i < w->n; i++)
        width = strlen(w->tensors[i].name) > width ? strlen(w->tensors[i].name) : width;
    return (int)width;
}

static void print_tensors(const Weights *w)
{
    int width = name_width(w);
    Stats *stats = memory_alloc(w->n, sizeof *stats, "statistics");
    #pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < w->n; i++)
        stats[i] = stats_of(&w->tensors[i]);
    printf("%s%-*s %-4s %11s %9s %8s %8s %7s %7s %7s%s\n", ink(BOLD), width, "tensor",
           "type", "shape", "offset", "bytes", "mean", "std", "min", "max", ink(PLAIN));
    for (size_t i = 0; i < w->n; i++) {
        const Tensor *t = &w->tensors[i];
        const Stats *s = &stats[i];
        if (w->n_files > 1 && (i == 0 || t->path != w->tensors[i - 1].path))
            printf("%s%s%s\n", ink(DIM), t->path, ink(PLAIN));
        printf("%s%-*s%s %-4s %11s %9zu %8zu %8.4f %7.4f %7.3f %7.3f\n",
               ink(kinds[kind_of(t->name)].ink), width, t->name, ink(PLAIN),
               dtype_name(t->dtype), shape_text(t).s, t->offset, t->bytes, s->mean,
               s->std, (double)s->least, (double)s->greatest);
    }
    free(stats);
}

static void print_totals(const Weights *w)
{
    size_t count[KINDS] = { 0 }, total = 0;
    for (size_t i = 0; i < w->n; i++) {
        count[kind_of(w->tensors[i].name)] += weights_count(w, &w->tensors[i]);
        total += weights_count(w, &w->tensors[i]);
    }
    printf("\n%s%-12s %11s%s\n", ink(BOLD), "kind", "numbers", ink(PLAIN));
    for (int k = 0; k < KINDS; k++) {
        double part = (double)count[k] / (double)total;
        if (count[k])
            printf("%-12s %11zu %s%s%s %5.1f %%\n", kinds[k].name, count[k],
                   ink(kinds[k].ink), terminal_bar(part, 40), ink(PLAIN), 100 * part);
    }
}

void show_model(const Weights *w, const Options *o)
{
    Config c;
    char *path = config_path(o->model, "config.json");
    bool architecture = !o->quiet && file_exists(path);
    if (architecture)
        config_read(&c, o->model);
    if (!o->quiet)
        printf("%s%s%s: %zu parameters in %zu tensors, %zu bytes in %zu file%s\n\n",
               ink(BOLD), o->model, ink(PLAIN), parameters(w), w->n, w->bytes, w->n_files,
               w->n_files > 1 ? "s" : "");
    if (architecture)
        print_architecture(&c, !weights_find(w, "lm_head.weight"));
    print_tensors(w);
    if (!o->quiet)
        print_totals(w);
    free(path);
}

void show_json(const Weights *w)
{
    json_begin("{", NULL);
    json_begin("[", "tensors");
    for (size_t i = 0; i < w->n; i++) {
        const Tensor *t = &w->tensors[i];
        const char *dtype = dtype_name(t->dtype);
        json_begin("{", NULL);
        json_text("name", t->name, strlen(t->name));
        json_text("dtype", dtype, strlen(dtype));
        json_begin("[", "shape");
        for (int d = 0; d < t->rank; d++)
            json_int(NULL, (int64_t)t->shape[d]);
        json_end();
        json_int("offset", (int64_t)t->offset);
        json_int("bytes", (int64_t)t->bytes);
        json_text("file", t->path, strlen(t->path));
        json_end();
    }
    json_end();
    json_int("parameters", (int64_t)parameters(w));
    json_int("file_bytes", (int64_t)w->bytes);
    json_end();
}

// ---- one tensor

// n numbers from number `first` on, eight a line.
static void print_values(const Tensor *t, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x;
        tensor_floats(&x, t, first + i, 1);
        if (i % 8 == 0)
            printf("%s%10zu:", i ? "\n" : "", first + i);
        printf(" %9.4g", (double)x);
    }
    printf("\n");
}

enum { BINS = 20 };

// Equal steps between four standard deviations below the mean and four above; the first
// and the last one take in what lies beyond.
static void print_histogram(const Tensor *t, const Stats *s)
{
    double low = fmax(s->mean - 4 * s->std, (double)s->least);
    double high = fmin(s->mean + 4 * s->std, (double)s->greatest);
    double step = high > low ? (high - low) / BINS : 1;
    size_t bins[BINS] = { 0 }, most = 1;
    for (size_t i = 0; i < tensor_count(t); i++) {
        float x;
        tensor_floats(&x, t, i, 1);
        double bin = ((double)x - low) / step;
        int b = bin < 0 ? 0 : bin < BINS ? (int)bin : BINS - 1;
        most = ++bins[b] > most ? bins[b] : most;
    }
    for (int b = 0; b < BINS; b++)
        printf("%10.4f  %s %zu\n", low + step * b,
               terminal_bar((double)bins[b] / (double)most, 40), bins[b]);
}

void show_tensor(const Weights *w, const char *name)
{
    const Tensor *t = weights_find(w, name);
    if (!t)
        die("--tensor: there is no tensor %s in %s; without --tensor all are listed",
            name, w->paths[0]);
    size_t n = tensor_count(t), shown = n < 32 ? n : 16;
    Stats s = stats_of(t);
    printf("%s%s%s: [%s], %zu numbers, %s\n%zu bytes at offset %zu of %s\n", ink(BOLD),
           t->name, ink(PLAIN), shape_text(t).s, n, dtype_name(t->dtype), t->bytes,
           t->offset, t->path);
    if (weights_scales(w, t))
        printf("quantised, %d in a byte: %s.scale\n", t->dtype == U8 ? 2 : 1, t->name);
    printf("mean %.6g, standard deviation %.6g, from %.6g to %.6g\n\n", s.mean, s.std,
           (double)s.least, (double)s.greatest);
    print_values(t, 0, shown);
    if (shown < n) {
        printf("       ...\n");
        print_values(t, n - shown, shown);
    }
    printf("\n%shistogram%s: how many from each value on\n", ink(BOLD), ink(PLAIN));
    print_histogram(t, &s);
}

// ---- the bytes

// At most 16 of the bytes from `at` to `end`, in hexadecimal and as text.
static void print_bytes(const File *f, size_t at, size_t end, const char *comment)
{
    printf("%s%8zu%s  ", ink(DIM), at, ink(PLAIN));
    for (size_t i = at; i < at + 16; i++)
        i < end ? printf("%02x ", f->data[i]) : printf("   ");
    printf(" ");
    for (size_t i = at; i < at + 16; i++)
        putchar(i >= end                                  ? ' '
                : f->data[i] >= 0x20 && f->data[i] < 0x7f ? f->data[i]
                                                          : '.');
    printf("  %s%s%s\n", ink(CYAN), comment, ink(PLAIN));
}

// The first number of a tensor as sign, exponent and fraction: see floats.h.
static void print_number(const Tensor *t)
{
    int bits = 8 * (int)dtype_size(t->dtype), exponent_bits = t->dtype == F16 ? 5 : 8;
    uint32_t pattern = 0;
    float x;
    if ((t->dtype != F32 && t->dtype != F16 && t->dtype != BF16) || t->bytes == 0)
        return;
    memcpy(&pattern, t->data, (size_t)bits / 8);
    tensor_floats(&x, t, 0, 1);
    printf("\nThe first number of %s: 0x%0*x =", t->name, bits / 4, pattern);
    for (int i = bits - 1; i >= 0; i--)
        printf("%s%u",
               i == bits - 1 || i == bits - 2 || i == bits - 2 - exponent_bits ? " " : "",
               pattern >> i & 1);
    printf(" (sign, exponent, fraction) = %.9g\n", (double)x);
}

// The header's text, a tensor a line.
static void print_header(const Json *header, bool verbose)
{
    int lines = 0;
    for (size_t i = 0; i < header->size && (verbose || lines < 8); i++) {
        putchar(header->source[i]);
        if (header->source[i] == ',' && header->source[i - 1] == '}') {
            putchar('\n');
            lines++;
        }
    }
    printf("%s\n", verbose ? "" : "... (-v shows all)");
}

void show_header(const Weights *w, bool verbose)
{
    const Safetensors *s = &w->files[0];
    const File *f = &s->file;
    char comment[80];
    printf("%s%s%s, %zu bytes\n\n", ink(BOLD), w->paths[0], ink(PLAIN), f->size);
    snprintf(comment, sizeof comment, "the length of the header, lowest byte first: %zu",
             s->data_start - 8);
    print_bytes(f, 0, 8, comment);
    for (size_t at = 8; at < s->data_start && at < 8 + 4 * 16; at += 16)
        print_bytes(f, at, s->data_start, at == 8 ? "the header" : "");
    printf("     ...\n");
    print_bytes(f, s->data_start, f->size, "the numbers");
    printf("\nThe header is JSON; data_offsets count from its end, byte %zu:\n\n",
           s->data_start);
    print_header(&s->header, verbose);
    if (s->n > 0)
        print_number(&s->tensors[0]);
    for (size_t i = 1; i < w->n_files; i++)
        printf("%s%s%s", i == 1 ? "\nOther files of this model, for --model: " : ", ",
               w->paths[i], i + 1 == w->n_files ? "\n" : "");
}
