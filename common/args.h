// Command-line options: declared in one line each, checked, and shown by --help.
//
//     Args a;
//     args_init(&a, "stage07", "Generates text.", argv[0]);
//     args_group(&a, "Sampling");
//     args_float(&a, "top-p=P", 0, &top_p, 1, 0, 1, "the likeliest tokens up to P");
//     args_rest(&a, "PROMPT", &prompt, "the text to go on with");
//     args_parse(&a, argc, argv);
//
// In "top-p=P" P is what --help calls the value.  `letter` is the short form, or 0.  Each
// call sets the target to its default at once.  Values outside [least, greatest] are
// refused, with a message that names the option.
#ifndef ARGS_H
#define ARGS_H

#include <stdbool.h>
#include <stdint.h>

enum { ARGS_MAX = 96, ARGS_LIST = 16 };

typedef enum {
    ARG_FLAG,
    ARG_INT,
    ARG_SEED,
    ARG_FLOAT,
    ARG_TEXT,
    ARG_LIST,
    ARG_CHOICE,
    ARG_GROUP
} ArgKind;

// An option that may be given several times.
typedef struct {
    const char *items[ARGS_LIST];
    int n;
} ArgList;

typedef struct {
    ArgKind kind;
    const char *name, *help;
    char letter;
    bool given;
    void *target;
    double initial, least, greatest;
    const char *text;            // ARG_TEXT: the default
    const char *const *choices;  // ARG_CHOICE: names, NULL at the end
} Arg;

typedef struct {
    const char *stage, *summary;
    const char *rest_name, *rest_help;
    const char **rest;  // the argument that is no option; NULL: none allowed
    const char *const *examples;
    Arg list[ARGS_MAX];
    int n;
} Args;

void args_init(Args *a, const char *stage, const char *summary, const char *program);
void args_group(Args *a, const char *title);
void args_flag(Args *a, const char *name, char letter, bool *target, const char *help);
void args_int(Args *a, const char *name, char letter, int *target, int initial, int least,
              int greatest, const char *help);
void args_seed(Args *a, const char *name, char letter, uint64_t *target,
               const char *help);
void args_float(Args *a, const char *name, char letter, float *target, float initial,
                float least, float greatest, const char *help);
void args_text(Args *a, const char *name, char letter, const char **target,
               const char *initial, const char *help);
void args_list(Args *a, const char *name, char letter, ArgList *target, const char *help);
// *target is the number of the name in `choices`; -1 as `initial`: none.
void args_choice(Args *a, const char *name, char letter, int *target, int initial,
                 const char *const *choices, const char *help);
void args_rest(Args *a, const char *name, const char **target, const char *help);
// Lines for the end of --help: commands, NULL at the end.
void args_examples(Args *a, const char *const *lines);

// Reads argv; sets error_program.  --help and --version print and exit with 0.  Dies on
// an unknown option, a wrong value, or a second argument.
void args_parse(Args *a, int argc, char **argv);
// Sets one option as if "--key value" had been given; dies, naming `where`, if it cannot.
void args_set(Args *a, const char *key, const char *value, const char *where);
// Was this option given?
bool args_given(const Args *a, const char *name);

#endif
