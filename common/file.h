// Files: mapped for reading, read whole, and found.
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

// A file in memory.  Mapped where the system can, else read; the bytes are the same.
typedef struct {
    const unsigned char *data;  // [size]; not to be written to
    size_t size;
} File;

// Opens `path` for reading.  Dies, saying why and adding `hint` (what to do; may be
// NULL).
File file_open(const char *path, const char *hint);
void file_close(File *f);
// `size` bytes of an open file have been read and are not wanted any more: their pages
// need not count as our memory.  If they are read again, they come back.
void file_release(const void *data, size_t size);
// All that a stream (a pipe, stdin) has: *size bytes and a final 0, release with free().
char *file_read_stream(FILE *from, size_t *size);
// All of a file likewise.  Dies if it cannot be read.
char *file_read(const char *path, size_t *size);

bool file_exists(const char *path);
bool file_is_directory(const char *path);
// "dir/name", release with free().
char *file_join(const char *dir, const char *name);
// A path of the project (e.g. "models/tales"), whatever the working directory: looked for
// in the folders above the running program.  NULL if it is not there.  Release with
// free().
char *file_of_project(const char *relative);

#endif
