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
    char text[2048];
    vsnprintf(text, sizeof text, format, list);
    for (char *c = text; *c; c++)  // a name in a broken file may hold anything
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "%s: %s%s\n", program, kind, text);
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
