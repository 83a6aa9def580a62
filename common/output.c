// Files that are written whole or not at all; see output.h.
#include "output.h"
#include "error.h"
#include "memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct Output {
    char *path, *partial;
    FILE *file;
    Output *next;  // of those that are open
};

static Output *open_outputs;

static void remove_partials(void)
{
    for (Output *o = open_outputs; o; o = o->next)
        remove(o->partial);
}

Output *output_open(const char *path)
{
    Output *o = memory_alloc(1, sizeof *o, "a file to write");
    size_t n = strlen(path) + sizeof ".partial";
    struct stat there;
    if (!*path)
        die("cannot write a file without a name; give one");
    if (lstat(path, &there) == 0 && !S_ISREG(there.st_mode))  // /dev/stdout is a link
        die("cannot write '%s': it is there and is no plain file; give another name",
            path);
    o->path = strdup(path);
    o->partial = memory_alloc(n, 1, "a path");
    snprintf(o->partial, n, "%s.partial", path);
    o->file = fopen(o->partial, "wb");
    if (!o->file)
        die("cannot write '%s': %s", path, strerror(errno));
    if (!open_outputs)
        atexit(remove_partials);
    o->next = open_outputs;
    open_outputs = o;
    return o;
}

FILE *output_file(const Output *o)
{
    return o->file;
}

void output_close(Output *o)
{
    int failed = ferror(o->file);
    if (fclose(o->file) != 0 || failed || rename(o->partial, o->path) != 0)
        die("cannot write '%s': %s", o->path, strerror(errno));
    for (Output **at = &open_outputs; *at; at = &(*at)->next)
        if (*at == o) {
            *at = o->next;
            break;
        }
    free(o->path);
    free(o->partial);
    free(o);
}
