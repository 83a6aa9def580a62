// Errors of the user and of the machine; see error.h.
#include "error.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *program = "run";

void error_program(const char *name)
{
    program = name;
}

static void message(const char *kind, const char *format, va_list list)
{
    fflush(stdout);  // so that the two streams stay in order on a terminal
    fprintf(stderr, "%s: %s", program, kind);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
}

void die(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    message("", format, list);
    va_end(list);
    exit(1);
}

void note(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    message("note: ", format, list);
    va_end(list);
}
