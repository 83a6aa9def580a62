// Shared options; see options.h.
#include "options.h"
#include "device.h"
#include "error.h"
#include "file.h"
#include "jsonout.h"
#include "matmul.h"
#include "memory.h"
#include "terminal.h"
#include "trace.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#endif

void options_shared(Args *a, Options *o)
{
    args_group(a, "Shared");
    args_text(a, "model=DIR|FILE", 'm', &o->model, NULL,
              "a model in Hugging Face's layout (models/tales)");
    args_flag(a, "json", 0, &o->json, "one JSON object on stdout, nothing else");
    args_flag(a, "quiet", 'q', &o->quiet, "the result alone");
    args_flag(a, "verbose", 'v', &o->verbose, "more about what is done");
}

void options_prompt(Args *a, Options *o)
{
    args_rest(a, "PROMPT", &o->argument,
              "the text; or use -f, or a pipe; a built-in one if none");
    args_text(a, "file=FILE", 'f', &o->prompt_file, NULL, "read the prompt from a file");
}

void options_compute(Args *a, Options *o)
{
    static const char *const dtypes[] = { "f32", "f16", "bf16", "int8", "int4", NULL };
    o->computes = true;
    args_group(a, "Computation");
    args_choice(a, "dtype=TYPE", 'd', &o->dtype, -1, dtypes,
                "what weights are held in; else as in the file");
    args_int(a, "threads=N", 't', &o->threads, 0, 0, 1024,
             "0: as many as there are cores");
    args_text(a, "ids=LIST", 0, &o->ids, NULL, "token ids instead of a prompt: 464,3290");
    args_text(a, "dump=FILE", 0, &o->dump, NULL,
              "write the stage's tensors as safetensors");
}

void options_kernels(Args *a, Options *o)
{
    args_list(a, "kernel=OP=NAME", 0, &o->kernel,
              "choose how an operation is computed; may be given several times");
    args_flag(a, "list-kernels", 0, &o->list_kernels, "what --kernel can choose");
    args_flag(a, "invariant", 0, &o->invariant,
              "CUDA: no cuBLAS, so that long prompts give the same bits in any chunks");
    args_text(a, "profile=FILE", 0, &o->profile, NULL,
              "write a Chrome trace of all operations");
    args_flag(a, "dry-run", 0, &o->dry_run,
              "count operations, bytes and flops; compute nothing");
}

void options_seed(Args *a, Options *o)
{
    args_seed(a, "seed=N", 0, &o->seed, "the same seed gives the same text");
}

void options_graph(Args *a, Options *o)
{
    static const char *const states[] = { "off", "on", NULL };
    args_choice(a, "graph=on|off", 0, &o->graph, 1, states,
                "CUDA: record passes of few rows, and replay them as a whole");
}

DeviceGraphs *options_graphs(const Options *o)
{
    bool looked_at = o->profile || o->dump || o->dry_run;
    return o->graph && !looked_at ? device_graphs_new() : NULL;
}

static void tell_graphs(void)
{
    int recorded, replayed;
    device_graphs_count(&recorded, &replayed);
    if (strcmp(device_name(), "cpu") == 0)
        note("graphs: none on the CPU");
    else
        note("graphs: %d recorded, replayed %d times", recorded, replayed);
}

void options_start(Options *o)
{
    if ((o->ids != NULL) + (o->argument != NULL) + (o->prompt_file != NULL) > 1)
        die("a prompt, --file and --ids exclude each other; give one of them");
    if (o->dry_run && o->dump)
        die("--dry-run computes nothing that --dump could write; leave one out");
    if (!o->model)
        o->model = o->found = file_of_project("models/tales");
    if (!o->model)
        die("the default model models/tales is not there; give one with --model DIR");
    if (!file_exists(o->model))
        die("no model at '%s': %s; try --model models/tales, or models/get gpt2",
            o->model, strerror(errno));
#ifdef _OPENMP
    if (o->threads > 0)
        omp_set_num_threads(o->threads);
    else
        o->threads = omp_get_max_threads();
#else
    o->threads = 1;
#endif
    if (o->computes && !o->quiet && !o->dry_run && strcmp(device_name(), "emu") == 0)
        note("CUDA is emulated on the CPU: to test kernels, not to be fast");
    if (o->json)
        terminal_set_color(false);
    if (o->dump)
        trace_dump_to(o->dump);
    if (o->profile)
        trace_profile_to(o->profile);
    if (o->dry_run)
        trace_dry_run(o->json);
}

void options_end(Options *o)
{
    trace_end();
    if (o->verbose && o->graph)
        tell_graphs();
    free(o->found);
    if (fflush(stdout) != 0 || ferror(stdout))
        die("cannot write to stdout: %s", strerror(errno));
}

// Is stdin a pipe or a file that may hold the prompt?
static bool stdin_given(const Options *o)
{
    struct stat in;
    return !o->keep_stdin && fstat(STDIN_FILENO, &in) == 0 &&
           (S_ISFIFO(in.st_mode) || S_ISREG(in.st_mode));
}

bool prompt_given(const Options *o)
{
    return o->ids || o->argument || o->prompt_file || stdin_given(o);
}

Prompt prompt_read(const Options *o)
{
    Prompt p = { NULL, 0 };
    if (o->ids)
        return p;
    if (o->argument) {
        p.n = strlen(o->argument);
        p.text = strdup(o->argument);
    } else if (o->prompt_file) {
        p.text = file_read(o->prompt_file, &p.n);
    } else if (stdin_given(o)) {
        p.text = file_read_stream(stdin, &p.n);
    }
    if (p.n > 0 && p.text[p.n - 1] == '\n')
        p.text[--p.n] = '\0';
    if (p.n == 0)
        prompt_free(&p);
    return p;
}

void prompt_free(Prompt *p)
{
    free(p->text);
    *p = (Prompt){ NULL, 0 };
}

int *ids_read(const char *list, int V, int *n)
{
    int *ids = memory_alloc(strlen(list) / 2 + 1, sizeof *ids, "--ids");
    const char *p = list;
    for (*n = 0; *p || *n == 0; (*n)++) {
        char *end;
        errno = 0;
        long id = strtol(p, &end, 10);
        if (end == p || errno || (*end && *end != ','))
            die("--ids: '%s' at character %ld is no token id; try --ids 464,3290", p,
                (long)(p - list) + 1);
        if (id < 0 || id >= V)
            die("--ids: %ld is not a token of this model; ids are 0 to %d", id, V - 1);
        ids[*n] = (int)id;
        p = *end ? end + 1 : end;
        if (*end && !*p)
            die("--ids: the list ends with a comma; give e.g. --ids 464,3290");
    }
    return ids;
}

static ArgList kernel_options;  // process-wide, as are threads and traces

static bool names_kernel(const char *option, const char *op, const char *name)
{
    size_t n = strlen(op);
    return strncmp(option, op, n) == 0 && option[n] == '=' &&
           strcmp(option + n + 1, name) == 0;
}

int kernel_choice(const char *op, const char *const *names)
{
    for (int k = kernel_options.n - 1; k >= 0; k--)  // the last one counts
        for (int i = 0; names[i]; i++)
            if (names_kernel(kernel_options.items[k], op, names[i]))
                return i;
    return 0;
}

static void list_kernels(const KernelTable *t, bool json)
{
    if (json)
        json_begin("[", t->op);
    for (int i = 0; t->names[i]; i++)
        if (json)
            json_text(NULL, t->names[i], strlen(t->names[i]));
        else
            printf("%s=%s%s\n", t->op, t->names[i], i ? "" : "  (default)");
    if (json)
        json_end();
}

static bool has_kernel(const KernelTable *t, const char *option)
{
    for (int i = 0; t->names[i]; i++)
        if (names_kernel(option, t->op, t->names[i]))
            return true;
    return false;
}

void kernels_start(const Options *o, const KernelTable *tables)
{
    const KernelTable ours = { "matmul", matmul_kernels };
    if (o->list_kernels) {
        if (o->json)
            json_begin("{", NULL);
        for (const KernelTable *t = tables; t->op; t++)
            list_kernels(t, o->json);
        list_kernels(&ours, o->json);
        if (o->json)
            json_end();
        exit(0);
    }
    kernel_options = o->kernel;
    matmul_set_invariant(o->invariant);
    for (int k = 0; k < o->kernel.n; k++) {
        bool known = has_kernel(&ours, o->kernel.items[k]);
        for (const KernelTable *t = tables; t->op; t++)
            known = known || has_kernel(t, o->kernel.items[k]);
        if (!known)
            die("--kernel: there is no '%s'; see --list-kernels", o->kernel.items[k]);
    }
}
