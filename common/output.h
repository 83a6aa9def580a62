// Files that are written whole or not at all: under a temporary name first, which is
// removed if the program ends before output_close.
//
//     Output *o = output_open("trace.json");
//     fprintf(output_file(o), ...);
//     output_close(o);
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdio.h>

typedef struct Output Output;

// Dies at once if a file of that name cannot be written.
Output *output_open(const char *path);
FILE *output_file(const Output *o);
// Gives the file its name.  Dies, leaving nothing behind, if not all could be written.
void output_close(Output *o);

#endif
