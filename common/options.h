// The options that stages share, by args.h, and what follows from them: the model's
// directory, the prompt, the threads.
#ifndef OPTIONS_H
#define OPTIONS_H

#include "args.h"
#include "device.h"
#include "dtype.h"
#include <stddef.h>

typedef struct {
    // all stages
    const char *model;  // a directory or a weights file; set by options_start
    char *found;        // the default model's path, if it was looked for
    bool json, quiet, verbose;
    // options_prompt: 02 on
    const char *argument, *prompt_file;
    bool keep_stdin;  // set by the program: stdin is for something else than the prompt
    // options_compute: 03 on
    int dtype;  // a DType, or -1: the file's own
    int threads;
    const char *ids, *dump;
    bool computes;
    // options_kernels: 04 on
    ArgList kernel;
    const char *profile;
    bool list_kernels, dry_run, invariant;
    // options_seed: 07 on
    uint64_t seed;
    // options_graph: 08 on
    int graph;
} Options;

typedef struct {
    char *text;  // [n] and a final 0; NULL: none was given, use the built-in one
    size_t n;
} Prompt;

void options_shared(Args *a, Options *o);   // -m --json -q -v
void options_prompt(Args *a, Options *o);   // PROMPT, -f
void options_compute(Args *a, Options *o);  // -d -t --ids --dump
// --kernel --list-kernels --invariant --profile --dry-run
void options_kernels(Args *a, Options *o);
void options_seed(Args *a, Options *o);   // --seed
void options_graph(Args *a, Options *o);  // --graph

// After args_parse: finds the default model whatever the working directory (dies if there
// is none), sets the number of threads, and opens the files of --dump and --profile.
void options_start(Options *o);
// At the end of main: writes what --dump and --profile asked for, tells what was recorded
// (--graph, --verbose); dies if stdout could not be written.
void options_end(Options *o);
// For the passes of a state; NULL if none is to be recorded: by --graph off, or since
// --profile, --dump or --dry-run look at each operation.
DeviceGraphs *options_graphs(const Options *o);
// Does the command line or stdin give a prompt, or ids?  If not, the program shows its
// idea on a built-in one.
bool prompt_given(const Options *o);
// The prompt: the argument, or -f FILE, or stdin if that is a pipe or a file.  Not read
// when --ids is given.  One final newline is dropped; an empty text means none.  Release
// with prompt_free.
Prompt prompt_read(const Options *o);
void prompt_free(Prompt *p);
// The list of --ids: *n numbers from 0 to V - 1, release with free().  Dies on anything
// else.
int *ids_read(const char *list, int V, int *n);

// --kernel OP=NAME.  `names`: the kernels of operation `op`, best first, NULL at the end;
// returns the number of the chosen one.
int kernel_choice(const char *op, const char *const *names);

typedef struct {
    const char *op;
    const char *const *names;
} KernelTable;

// Checks --kernel against the tables (op NULL at the end) and matmul's; --list-kernels
// prints them and exits.  Tells matmul of --invariant.
void kernels_start(const Options *o, const KernelTable *tables);

#endif
