// Command-line options; see args.h.
#include "args.h"
#include "error.h"
#include "terminal.h"
#include "threads.h"
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char version[] = "0.1";

void args_init(Args *a, const char *stage, const char *summary, const char *program)
{
    *a = (Args){ .stage = stage, .summary = summary };
    error_program(program);
}

static Arg *add(Args *a, ArgKind kind, const char *name, char letter, void *target,
                const char *help)
{
    assert(a->n < ARGS_MAX);
    Arg *arg = &a->list[a->n++];
    *arg = (Arg){
        .kind = kind, .name = name, .letter = letter, .target = target, .help = help
    };
    return arg;
}

void args_group(Args *a, const char *title)
{
    add(a, ARG_GROUP, title, 0, NULL, NULL);
}

void args_flag(Args *a, const char *name, char letter, bool *target, const char *help)
{
    add(a, ARG_FLAG, name, letter, target, help);
    *target = false;
}

void args_int(Args *a, const char *name, char letter, int *target, int initial, int least,
              int greatest, const char *help)
{
    Arg *arg = add(a, ARG_INT, name, letter, target, help);
    arg->initial = *target = initial;
    arg->least = least;
    arg->greatest = greatest;
}

void args_seed(Args *a, const char *name, char letter, uint64_t *target, const char *help)
{
    add(a, ARG_SEED, name, letter, target, help);
    *target = 0;
}

void args_float(Args *a, const char *name, char letter, float *target, float initial,
                float least, float greatest, const char *help)
{
    Arg *arg = add(a, ARG_FLOAT, name, letter, target, help);
    arg->initial = *target = initial;
    arg->least = least;
    arg->greatest = greatest;
}

void args_text(Args *a, const char *name, char letter, const char **target,
               const char *initial, const char *help)
{
    add(a, ARG_TEXT, name, letter, target, help)->text = initial;
    *target = initial;
}

void args_list(Args *a, const char *name, char letter, ArgList *target, const char *help)
{
    add(a, ARG_LIST, name, letter, target, help);
    target->n = 0;
}

void args_choice(Args *a, const char *name, char letter, int *target, int initial,
                 const char *const *choices, const char *help)
{
    Arg *arg = add(a, ARG_CHOICE, name, letter, target, help);
    arg->initial = *target = initial;
    arg->choices = choices;
}

void args_rest(Args *a, const char *name, const char **target, const char *help)
{
    a->rest_name = name;
    a->rest = target;
    a->rest_help = help;
    *target = NULL;
}

void args_examples(Args *a, const char *const *lines)
{
    a->examples = lines;
}

// The name before '='.
static int name_length(const Arg *arg)
{
    return (int)strcspn(arg->name, "=");
}

static bool named(const Arg *arg, const char *name)
{
    size_t n = (size_t)name_length(arg);
    return arg->kind != ARG_GROUP && strlen(name) == n &&
           strncmp(arg->name, name, n) == 0;
}

static void set_number(const Arg *arg, const char *value, const char *where)
{
    char *end;
    errno = 0;
    double x = strtod(value, &end);
    if (end == value || *end || isnan(x))
        die("%s--%.*s: '%s' is not a number", where, name_length(arg), arg->name, value);
    if (arg->kind == ARG_INT && x != floor(x))
        die("%s--%.*s: '%s' is not a whole number", where, name_length(arg), arg->name,
            value);
    if (arg->kind == ARG_FLOAT)
        x = (double)(float)x;  // the limits are floats, too
    if (x < arg->least || (arg->greatest < INT_MAX && x > arg->greatest) ||
        x > 2147483647.0)
        die("%s--%.*s: %s is out of range; give %g%s%.*g", where, name_length(arg),
            arg->name, value, arg->least,
            arg->greatest < INT_MAX ? " to " : " or more, at most ", 10,
            arg->greatest < INT_MAX ? arg->greatest : 2147483647.0);
    if (arg->kind == ARG_INT)
        *(int *)arg->target = (int)x;
    else
        *(float *)arg->target = (float)x;
}

static void set_seed(const Arg *arg, const char *value, const char *where)
{
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(value, &end, 10);
    if (end == value || *end || errno || strchr(value, '-'))
        die("%s--%.*s: '%s' is not a whole number from 0 to 18446744073709551615", where,
            name_length(arg), arg->name, value);
    *(uint64_t *)arg->target = seed;
}

static void set_choice(const Arg *arg, const char *value, const char *where)
{
    char list[512] = "";
    for (int i = 0; arg->choices[i]; i++) {
        if (strcmp(value, arg->choices[i]) == 0) {
            *(int *)arg->target = i;
            return;
        }
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
                 arg->choices[i]);
    }
    die("%s--%.*s: '%s' is not one of: %s", where, name_length(arg), arg->name, value,
        list);
}

static void set_list(const Arg *arg, const char *value, const char *where)
{
    ArgList *list = arg->target;
    if (list->n == ARGS_LIST)
        die("%s--%.*s: more than %d of them", where, name_length(arg), arg->name,
            ARGS_LIST);
    list->items[list->n++] = value;
}

static void set(Arg *arg, const char *value, const char *where)
{
    arg->given = true;
    switch (arg->kind) {
    case ARG_FLAG:
        *(bool *)arg->target = true;
        break;
    case ARG_TEXT:
        *(const char **)arg->target = value;
        break;
    case ARG_LIST:
        set_list(arg, value, where);
        break;
    case ARG_SEED:
        set_seed(arg, value, where);
        break;
    case ARG_CHOICE:
        set_choice(arg, value, where);
        break;
    default:
        set_number(arg, value, where);
    }
}

void args_set(Args *a, const char *key, const char *value, const char *where)
{
    for (int i = 0; i < a->n; i++)
        if (named(&a->list[i], key)) {
            set(&a->list[i], value, where);
            return;
        }
    die("%sthere is no option '%s' here", where, key);
}

bool args_given(const Args *a, const char *name)
{
    for (int i = 0; i < a->n; i++)
        if (named(&a->list[i], name))
            return a->list[i].given;
    return false;
}

static void help_default(const Arg *arg)
{
    if (arg->kind == ARG_CHOICE) {
        printf(" [");
        for (int i = 0; arg->choices[i]; i++)
            printf("%s%s", i ? "|" : "", arg->choices[i]);
        printf("]");
        if (arg->initial >= 0)
            printf(" (%s)", arg->choices[(int)arg->initial]);
    } else if (arg->kind == ARG_INT || arg->kind == ARG_FLOAT) {
        printf(" (%g)", (double)(float)arg->initial);
    } else if (arg->kind == ARG_SEED) {
        printf(" (0)");
    } else if (arg->kind == ARG_TEXT && arg->text) {
        printf(" (%s)", arg->text);
    }
}

static void help(const Args *a, const char *program)
{
    printf("%s%s%s: %s\n\nUsage: %s [OPTION]... %s%s%s\n", ink(BOLD), a->stage,
           ink(PLAIN), a->summary, program, a->rest ? "[" : "",
           a->rest ? a->rest_name : "", a->rest ? "]" : "");
    if (a->rest)
        printf("%s: %s\n", a->rest_name, a->rest_help);
    for (int i = 0; i < a->n; i++) {
        const Arg *arg = &a->list[i];
        if (arg->kind == ARG_GROUP) {
            printf("\n%s%s%s\n", ink(BOLD), arg->name, ink(PLAIN));
            continue;
        }
        char left[64], letter[] = { '-', arg->letter, ',', ' ', '\0' };
        snprintf(left, sizeof left, "%s--%.*s%s%s", arg->letter ? letter : "    ",
                 name_length(arg), arg->name, arg->name[name_length(arg)] ? " " : "",
                 arg->name[name_length(arg)] ? arg->name + name_length(arg) + 1 : "");
        printf("  %-28s %s", left, arg->help);
        help_default(arg);
        printf("\n");
    }
    printf("\n      --help                   this text\n"
           "      --version                the version\n");
    for (int i = 0; a->examples && a->examples[i]; i++)
        printf("%s  %s\n", i ? "" : "\nExamples:\n", a->examples[i]);
}

enum { HELP = 1000, VERSION = 1001 };

// getopt_long's tables; number i of `options` is a->list[which[i]].
static void tables(const Args *a, struct option *options, char *letters,
                   char (*names)[40])
{
    int n = 0;
    letters += sprintf(letters, ":h");  // ':': we write the messages
    for (int i = 0; i < a->n; i++) {
        const Arg *arg = &a->list[i];
        if (arg->kind == ARG_GROUP)
            continue;
        snprintf(names[n], sizeof names[n], "%.*s", name_length(arg), arg->name);
        options[n] =
            (struct option){ names[n],
                             arg->kind == ARG_FLAG ? no_argument : required_argument,
                             NULL, 2000 + i };
        n++;
        if (arg->letter)
            letters +=
                sprintf(letters, "%c%s", arg->letter, arg->kind == ARG_FLAG ? "" : ":");
    }
    options[n++] = (struct option){ "help", no_argument, NULL, HELP };
    options[n++] = (struct option){ "version", no_argument, NULL, VERSION };
    options[n] = (struct option){ 0 };
}

static Arg *by_code(Args *a, int code)
{
    if (code >= 2000)
        return &a->list[code - 2000];
    for (int i = 0; i < a->n; i++)
        if (a->list[i].letter && a->list[i].letter == code)
            return &a->list[i];
    return NULL;
}

void args_parse(Args *a, int argc, char **argv)
{
    struct option options[ARGS_MAX + 3];
    char letters[3 * ARGS_MAX], names[ARGS_MAX][40];
    int code;
    threads_wait_briefly(argv);
    tables(a, options, letters, names);
    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        if (code == 'h' || code == HELP) {
            help(a, argv[0]);
            exit(0);
        }
        if (code == VERSION) {
            printf("%s %s\n", a->stage, version);
            exit(0);
        }
        if (code == ':')
            die("%s needs a value; see --help", argv[optind - 1]);
        if (code == '?')
            die("%s is not an option of this stage (or is ambiguous); see --help",
                optopt > 0 && optopt < 256 ? (char[]){ '-', (char)optopt, '\0' }
                                           : argv[optind - 1]);
        set(by_code(a, code), optarg, "");
    }
    if (optind < argc && !a->rest)
        die("'%s': this program takes no argument; see --help", argv[optind]);
    if (optind + 1 < argc)
        die("'%s': one argument only; put a prompt of several words in quotes",
            argv[optind + 1]);
    if (optind < argc)
        *a->rest = argv[optind];
}
