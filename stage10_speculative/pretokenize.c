// GPT-2's regular expression, by hand.  Chapter 2; see pretokenize.h.
#include "pretokenize.h"
#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

typedef enum { END, LETTER, NUMBER, SPACE, OTHER } CharClass;

// Unicode's property White_Space.  It is not a category: U+0085 is a control character,
// and U+200B "zero width space" does not have it.
static bool is_space(utf8proc_int32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

// The class of the character at `at`, and its length in bytes.
static CharClass class_at(const char *text, size_t bytes, size_t at, size_t *length)
{
    *length = 0;
    if (at == bytes)
        return END;
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                          (utf8proc_ssize_t)(bytes - at), &c);
    *length = n < 1 ? 1 : (size_t)n;
    if (n < 1)
        return OTHER;  // not UTF-8: one byte by itself
    if (is_space(c))
        return SPACE;
    utf8proc_category_t category = utf8proc_category(c);
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO)
        return LETTER;
    if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO)
        return NUMBER;
    return OTHER;
}

// 's 't 're 've 'm 'll 'd: the length of the one at `at`, or 0.
static size_t contraction(const char *text, size_t bytes, size_t at)
{
    static const char *const list[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        size_t n = strlen(list[i]);
        if (bytes - at >= n && memcmp(text + at, list[i], n) == 0)
            return n;
    }
    return 0;
}

// Goes on while the class stays the same; *last is where the last character began.
static size_t run_end(const char *text, size_t bytes, size_t at, CharClass class,
                      size_t *last)
{
    size_t length;
    while (class_at(text, bytes, at, &length) == class) {
        *last = at;
        at += length;
    }
    return at;
}

size_t pretokenize_next(const char *text, size_t bytes, size_t at)
{
    size_t length, last = at, n = contraction(text, bytes, at);
    if (n > 0)
        return at + n;
    CharClass class = class_at(text, bytes, at, &length);
    if (text[at] == ' ') {  // " ?": one plain space goes with what follows
        CharClass next = class_at(text, bytes, at + 1, &length);
        if (next != SPACE && next != END)
            return run_end(text, bytes, at + 1, next, &last);
    }
    size_t end = run_end(text, bytes, at, class, &last);
    // White space before a word leaves its last character to that word, unless it is the
    // only one.
    if (class == SPACE && end < bytes && last > at)
        return last;
    return end;
}
