// Files; see file.h.
#include "file.h"
#include "error.h"
#include "memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

File file_open(const char *path, const char *hint)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0)
        die("cannot read %s: %s%s%s", path, strerror(errno), hint ? "; " : "",
            hint ? hint : "");
    if (!S_ISREG(st.st_mode))
        die("cannot read %s: it is not a regular file%s%s", path, hint ? "; " : "",
            hint ? hint : "");
    File f = { NULL, (size_t)st.st_size };
    if (f.size > 0) {  // an empty file cannot be mapped
        void *p = mmap(NULL, f.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            die("cannot map %s into memory: %s", path, strerror(errno));
        f.data = p;
    }
    close(fd);  // the mapping stays
    return f;
}

void file_close(File *f)
{
    if (f->data)
        munmap((void *)f->data, f->size);
    *f = (File){ NULL, 0 };
}

void file_release(const void *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)data;
    uintptr_t first = (at + page - 1) / page * page, end = (at + size) / page * page;
    if (first < end)
        madvise((void *)first, end - first, MADV_DONTNEED);
}

char *file_read_stream(FILE *from, size_t *size)
{
    size_t n = 0, room = 4096, got;
    char *text = memory_grow(NULL, room, 1, "text");
    while ((got = fread(text + n, 1, room - n - 1, from)) > 0) {
        n += got;
        if (room - n < 2)
            text = memory_grow(text, room *= 2, 1, "text");
    }
    text[n] = '\0';
    *size = n;
    return text;
}

char *file_read(const char *path, size_t *size)
{
    FILE *from = file_is_directory(path) ? NULL : fopen(path, "rb");
    if (!from)
        die("cannot read %s: %s", path,
            file_is_directory(path) ? "it is a directory" : strerror(errno));
    char *text = file_read_stream(from, size);
    if (ferror(from))
        die("cannot read %s: %s", path, strerror(errno));
    fclose(from);
    return text;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *file_join(const char *dir, const char *name)
{
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = memory_alloc(n, 1, "a path");
    snprintf(path, n, "%s%s%s", dir, *dir && dir[strlen(dir) - 1] == '/' ? "" : "/",
             name);
    return path;
}

char *file_of_project(const char *relative)
{
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n < 0)
        return file_exists(relative) ? file_join(".", relative) : NULL;
    program[n] = '\0';
    for (char *slash; (slash = strrchr(program, '/')) != NULL;) {
        *slash = '\0';
        char *path = file_join(program, relative);
        if (file_exists(path))
            return path;
        free(path);
    }
    return NULL;
}
