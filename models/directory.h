// A model's directory as models/random and models/quantize write it: under a temporary
// name, and renamed when it is complete.  Whatever goes wrong ends the program and leaves
// nothing.
//
//     directory_begin("models/mine", "random", false);
//     FILE *to = directory_file(CONFIG);
//     directory_put(to, "{}", 2);
//     directory_close(to);
//     directory_end();
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { WEIGHTS, CONFIG, VOCABULARY, MERGES, FILES };
extern const char *const directory_files[FILES];

// Takes the second word that is no option out of argv, where args_parse knows of one; NULL
// if there is none.
char *directory_argument(int *argc, char **argv);
// `force`: replaces the files of one that is there.
void directory_begin(const char *name, const char *program, bool force);
void directory_end(void);
// The temporary name.
const char *directory_partial(void);
FILE *directory_file(int file);
void directory_put(FILE *to, const void *data, size_t bytes);
void directory_close(FILE *to);
// Is there room for so many bytes?
void directory_need(size_t bytes);

#endif
