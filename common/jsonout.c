// JSON on stdout; see jsonout.h.
#include "jsonout.h"
#include "error.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { DEPTH = 16 };

static struct {
    char closing[DEPTH];
    int depth;
    int comma;  // something stands before the next value
} out;

static void write_string(const char *text, size_t n)
{
    putchar('"');
    for (size_t i = 0; i < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                                  (utf8proc_ssize_t)(n - i), &c);
        if (bytes < 0) {
            fputs("\\ufffd", stdout);
            bytes = 1;
        } else if (c == '"' || c == '\\') {
            printf("\\%c", (char)c);
        } else if (c == '\n') {
            fputs("\\n", stdout);
        } else if (c < 0x20 || c == 0x7f) {
            printf("\\u%04x", (unsigned)c);
        } else {
            fwrite(text + i, 1, (size_t)bytes, stdout);
        }
        i += (size_t)bytes;
    }
    putchar('"');
}

static void before(const char *key)
{
    if (out.comma)
        fputs(", ", stdout);
    if (key) {
        write_string(key, strlen(key));
        fputs(": ", stdout);
    }
    out.comma = 1;
}

void json_begin(const char *bracket, const char *key)
{
    assert(out.depth < DEPTH);
    before(key);
    putchar(bracket[0]);
    out.closing[out.depth++] = bracket[0] == '{' ? '}' : ']';
    out.comma = 0;
}

void json_end(void)
{
    assert(out.depth > 0);
    putchar(out.closing[--out.depth]);
    out.comma = out.depth > 0;
    if (out.depth == 0) {
        putchar('\n');
        if (fflush(stdout) != 0 || ferror(stdout))
            die("cannot write to stdout; is the disk full, or the reader gone?");
    }
}

void json_int(const char *key, int64_t value)
{
    before(key);
    printf("%lld", (long long)value);
}

void json_float(const char *key, double value)
{
    before(key);
    if (isfinite(value))
        printf("%.9g", value);
    else
        fputs("null", stdout);
}

void json_bool(const char *key, int value)
{
    before(key);
    fputs(value ? "true" : "false", stdout);
}

void json_null(const char *key)
{
    before(key);
    fputs("null", stdout);
}

void json_text(const char *key, const char *text, size_t n)
{
    before(key);
    write_string(text, n);
}

void json_ints(const char *key, const int *values, int n)
{
    json_begin("[", key);
    for (int i = 0; i < n; i++)
        json_int(NULL, values[i]);
    json_end();
}
