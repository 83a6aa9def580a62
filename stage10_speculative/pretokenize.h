// Cuts text into pieces, as GPT-2 does before it looks for tokens: a token never spans
// two pieces.
//
//     for (size_t at = 0, end; at < bytes; at = end) {
//         end = pretokenize_next(text, bytes, at);
//         ... the piece is text[at] to text[end - 1]
//     }
//
// "I'll take 2 dogs!" is cut into  I | 'll |  take |  2 |  dogs | !   The rule is this
// regular expression, of which the first alternative that matches counts:
//
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// where \p{L} are the letters and \p{N} the digits of all scripts, \s is all white space
// of Unicode, and (?!\S) means "where white space or the end of the text follows".  Bytes
// that are not UTF-8 count as punctuation.  Source: https://github.com/openai/gpt-2,
// src/encoder.py.
#ifndef PRETOKENIZE_H
#define PRETOKENIZE_H

#include <stddef.h>

// The end of the piece that begins at `at` (< bytes); looks at text[at] to text[bytes -
// 1].
size_t pretokenize_next(const char *text, size_t bytes, size_t at);

#endif
