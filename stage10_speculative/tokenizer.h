// Text to token ids and back: byte-level byte-pair encoding (BPE), as GPT-2 has it.
//
//     Tokenizer t;
//     int n;
//     tokenizer_open(&t, "models/tales");
//     int *ids = tokenizer_encode(&t, "Hello, world!", 13, &n);
//     ...
//     free(ids);
//     tokenizer_close(&t);
//
// vocab.json gives each token its id, merges.txt the pairs of tokens that join, the most
// urgent first.  Text is cut into pieces (pretokenize.h); a piece starts as one token for
// each byte, then neighbours join (bpe.h).
//
// Any bytes can be encoded, UTF-8 or not, and come back the same.  Source: Sennrich et
// al., https://arxiv.org/abs/1508.07909; byte-level: GPT-2's encoder.py.
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include "bpe.h"

typedef struct {
    int n;           // the size of the vocabulary: ids are 0 to n - 1
    int special;     // the id of <|endoftext|>; -1: there is none
    size_t longest;  // bytes of the longest token
    char *text;      // all tokens' bytes, one after the other
    size_t *start;   // [n + 1] where each begins in `text`
    int byte[256];   // the token of each single byte
    int *ids;        // [slots] hash table from bytes to ids; -1: an empty place
    size_t slots;    // a power of two
    Bpe bpe;
} Tokenizer;

// Are vocab.json and merges.txt there?  `model`: a directory, or the weights file beside
// them.
bool tokenizer_there(const char *model);
// Reads both.  Dies if one is missing or wrong.
void tokenizer_open(Tokenizer *t, const char *model);
void tokenizer_close(Tokenizer *t);

// The ids of a text, *n of them; release with free().  <|endoftext|> in the text is the
// special token of that name.
int *tokenizer_encode(const Tokenizer *t, const char *text, size_t bytes, int *n);
// The token with just these bytes, or -1.
int tokenizer_find(const Tokenizer *t, const char *text, size_t bytes);

// The bytes of a token (*n of them, no final 0), which t owns.  None for ids that have no
// token: a model may know more ids than its vocabulary.
const char *tokenizer_bytes(const Tokenizer *t, int id, size_t *n);
// The bytes of all tokens, *bytes of them and a final 0; release with free().
char *tokenizer_decode(const Tokenizer *t, const int *ids, int n, size_t *bytes);

// Text as tokens come in.  A character may be spread over several tokens: its first bytes
// are held back until the rest is there.
//
//     TextStream s;
//     textstream_init(&s, &t);
//     const char *text = textstream_push(&s, id, &n);   // print these n bytes, if any
//     text = textstream_end(&s, &n);                    // and what is left
//     textstream_free(&s);
typedef struct {
    const Tokenizer *tokenizer;
    char *text;    // [longest + 4]
    size_t n;      // bytes in `text`
    size_t ready;  // of these, given out already
} TextStream;

void textstream_init(TextStream *s, const Tokenizer *t);
void textstream_free(TextStream *s);
// The text that id completes, *n bytes, valid until the next call.
const char *textstream_push(TextStream *s, int id, size_t *n);
const char *textstream_end(TextStream *s, size_t *n);

#endif
