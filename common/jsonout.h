// --json: one object on stdout, written as it becomes known.  Commas are set where they
// belong.
//
//     json_begin("{", NULL);
//     json_int("parameters", n);
//     json_begin("[", "shape");
//     json_int(NULL, 3);
//     json_end();
//     json_end();                // the outermost one also ends the line
#ifndef JSONOUT_H
#define JSONOUT_H

#include <stddef.h>
#include <stdint.h>

// `key` is NULL inside an array and for the outermost value.
void json_begin(const char *bracket, const char *key);  // "{" or "["
void json_end(void);
void json_int(const char *key, int64_t value);
void json_float(const char *key, double value);  // %.9g; null unless finite
void json_bool(const char *key, int value);
void json_null(const char *key);
// n bytes of text; what is not UTF-8 becomes U+FFFD.
void json_text(const char *key, const char *text, size_t n);
void json_ints(const char *key, const int *values, int n);

#endif
