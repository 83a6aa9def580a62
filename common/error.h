// Errors of the user and of the machine: one clear line, then exit status 1.
//
//     if (!file)
//         die("cannot read %s: %s; try: models/get gpt2", path, strerror(errno));
//
// A message says what is wrong, where (file, tensor, option), and what to do.  `assert`
// is for our own mistakes only.
#ifndef ERROR_H
#define ERROR_H

#define ERROR_PRINTF(n) __attribute__((format(printf, n, n + 1)))

// Prints "program: message" to stderr, on one line, and ends the program with status 1.
// Stdout is not touched.
void die(const char *format, ...) ERROR_PRINTF(1) __attribute__((noreturn));
// Prints "program: note: message" to stderr and goes on.
void note(const char *format, ...) ERROR_PRINTF(1);
// The name that messages begin with; args_parse calls it with argv[0].  Not copied.
void error_program(const char *name);

#endif
