// A model's directory, written beside its place; see directory.h.
#include "directory.h"
#include "error.h"
#include "file.h"
#include "threads.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PATH = 4096 };  // bytes, with the final 0

const char *const directory_files[FILES] = { "model.safetensors", "config.json",
                                             "vocab.json", "merges.txt" };
static char directory[PATH], partial[PATH + 32], partial_files[FILES][PATH + 64];

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

char *directory_argument(int *argc, char **argv)
{
    threads_wait_briefly(argv);  // starts the program anew: args_parse would be too late
    for (int i = 1, words = 0; i < *argc; i++) {
        if (argv[i][0] == '-') {
            i += !strchr(argv[i], '=') && strcmp(argv[i], "--force") != 0;  // its value
        } else if (++words == 2) {
            char *second = argv[i];
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
            --*argc;
            return second;
        }
    }
    return NULL;
}

void directory_begin(const char *name, const char *program, bool force)
{
    if (file_exists(name) && !force)
        die("%s is there already; --force replaces it", name);
    snprintf(directory, sizeof directory, "%s", name);
    snprintf(partial, sizeof partial, "%s.%s.partial", directory, program);
    for (int i = 0; i < FILES; i++) {
        snprintf(partial_files[i], sizeof partial_files[i], "%s/%s", partial,
                 directory_files[i]);
        unlink(partial_files[i]);  // what a run that was killed has left
    }
    check(mkdir(partial, 0777) == 0 || errno == EEXIST, partial);
    atexit(clean_up);
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
}

void directory_end(void)
{
    char to[PATH + 64];
    bool renamed = rename(partial, directory) == 0;
    for (int i = 0; !renamed && i < FILES; i++) {  // --force: file by file
        snprintf(to, sizeof to, "%s/%s", directory, directory_files[i]);
        check(!rename(partial_files[i], to) || !unlink(to) || errno == ENOENT, to);
    }
}

const char *directory_partial(void)
{
    return partial;
}

FILE *directory_file(int file)
{
    FILE *to = fopen(partial_files[file], "wb");
    check(to, partial_files[file]);
    return to;
}

void directory_put(FILE *to, const void *data, size_t bytes)
{
    check(fwrite(data, 1, bytes, to) == bytes, partial);
}

void directory_close(FILE *to)
{
    check(fclose(to) == 0, partial);
}

void directory_need(size_t bytes)
{
    struct statvfs disk;
    check(statvfs(partial, &disk) == 0, partial);
    double need = 1e-6 * (double)bytes,
           space = 1e-6 * (double)disk.f_bavail * (double)disk.f_frsize;
    if (space < need)
        die("no space: %s needs %.1f MB, %.1f MB are free", directory, need, space);
}
