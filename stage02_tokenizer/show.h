// What stage 02 prints about text and its tokens.
#ifndef SHOW_H
#define SHOW_H

#include "tokenizer.h"

// The text's tokens in colour with their ids, the merges of its longest word, and how
// many characters a token stands for in texts of different kinds.
void show_text(const Tokenizer *t, const char *text, size_t bytes);
// --trace: every merge of every piece.
void show_trace(const Tokenizer *t, const char *text, size_t bytes);
// The ids alone, with commas between them.
void show_ids(const int *ids, int n);
// --json.
void show_json(const Tokenizer *t, const int *ids, int n, const char *text, size_t bytes);

#endif
