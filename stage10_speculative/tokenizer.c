// Byte-level BPE: vocabulary, merges, encoding and decoding.  Chapter 2; see tokenizer.h.
#include "tokenizer.h"
#include "config.h"
#include "error.h"
#include "json.h"
#include "memory.h"
#include "pretokenize.h"
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

// ---- bytes written as characters

// vocab.json and merges.txt are text, but tokens are bytes.  So each byte is written as a
// character that can be seen: itself where it is printable in Latin-1, else the next one
// from U+0100 on.  The space is U+0120, "Ġ".
typedef struct {
    short byte[0x144];  // the byte of each character; -1: of none
} Alphabet;

static Alphabet alphabet_new(void)
{
    Alphabet a;
    int next = 0x100;
    memset(&a, -1, sizeof a);
    for (int b = 0; b < 256; b++) {
        bool printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        a.byte[printable ? b : next++] = (short)b;
    }
    return a;
}

// The bytes that `text` stands for; returns how many.  A token with other characters
// (someone added it by hand) stands for itself.
static size_t bytes_of(const Alphabet *a, char *out, const char *text, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t length = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                                   (utf8proc_ssize_t)(n - i), &c);
        if (length < 1 || c >= 0x144 || a->byte[c] < 0) {
            memcpy(out, text, n);
            return n;
        }
        out[bytes++] = (char)a->byte[c];
        i += (size_t)length;
    }
    return bytes;
}

// ---- from bytes to ids: a hash table with open addressing, at most half full

// The place of these bytes in t->ids, or the empty one where they belong.
static int *place(const Tokenizer *t, const char *text, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;  // the hash FNV-1a
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    for (size_t at = (size_t)(h ^ h >> 32);; at++) {
        size_t bytes;
        int *id = &t->ids[at & (t->slots - 1)];
        if (*id < 0)
            return id;
        const char *other = tokenizer_bytes(t, *id, &bytes);
        if (bytes == n && memcmp(text, other, n) == 0)
            return id;
    }
}

int tokenizer_find(const Tokenizer *t, const char *text, size_t bytes)
{
    return *place(t, text, bytes);
}

// ---- vocab.json: { "token": id, ... }

// The entries by id: each id from 0 on must occur once.
static const JsonNode **entries_by_id(const Json *j)
{
    const JsonNode *root = j->nodes, *n = json_first(root);
    json_expect(j, root, JSON_OBJECT);
    if (root->count == 0 || root->count > INT_MAX / 2)
        json_die(j, 0, "a vocabulary of %zu tokens", root->count);
    const JsonNode **entry = memory_alloc(root->count, sizeof *entry, "the vocabulary");
    for (size_t i = 0; i < root->count; i++, n = json_next(n)) {
        int64_t id = json_integer(j, n, 0, (int64_t)root->count - 1);
        if (entry[id])
            json_die(j, n->offset, "two tokens have the id %lld", (long long)id);
        entry[id] = n;
    }
    return entry;
}

static void read_vocabulary(Tokenizer *t, const Alphabet *a, const char *path)
{
    Json j;
    json_open(&j, path, "the tokenizer needs vocab.json and merges.txt beside the model");
    const JsonNode **entry = entries_by_id(&j);
    t->n = (int)j.nodes->count;
    t->text = memory_alloc(j.size, 1, "the vocabulary");
    t->start = memory_alloc((size_t)t->n + 1, sizeof *t->start, "the vocabulary");
    for (t->slots = 16; t->slots < 2 * (size_t)t->n;)
        t->slots *= 2;
    t->ids = memory_alloc(t->slots, sizeof *t->ids, "the vocabulary");
    memset(t->ids, -1, t->slots * sizeof *t->ids);
    for (int id = 0; id < t->n; id++) {
        const JsonNode *e = entry[id];
        char *to = t->text + t->start[id];
        size_t n = bytes_of(a, to, e->key, e->key_bytes);
        t->start[id + 1] = t->start[id] + n;
        t->longest = n > t->longest ? n : t->longest;
        int *slot = place(t, to, n);
        if (*slot >= 0)
            json_die(&j, e->offset, "token \"%s\" is there twice: ids %d and %d", e->key,
                     *slot, id);
        *slot = id;
    }
    for (int b = 0; b < 256; b++)
        if ((t->byte[b] = tokenizer_find(t, (char[]){ (char)b }, 1)) < 0)
            die("%s: there is no token for byte 0x%02x; is it GPT-2's format?", path,
                (unsigned)b);
    free(entry);
    json_close(&j);
}

// ---- merges.txt: a pair of tokens a line, the most urgent first

typedef struct {
    const Alphabet *alphabet;
    const char *path;
    int line;
    char *bytes;   // room for a token
    char *joined;  // room for a merged token, as it is written
} MergeFile;

static int token_named(const Tokenizer *t, const MergeFile *f, const char *text, size_t n)
{
    int id = tokenizer_find(t, f->bytes, bytes_of(f->alphabet, f->bytes, text, n));
    if (id < 0)
        die("%s, line %d: \"%.*s\" is not in vocab.json; are the two files of one model?",
            f->path, f->line, (int)n, text);
    return id;
}

static void read_merge(Tokenizer *t, const MergeFile *f, const char *text, size_t n)
{
    const char *space = memchr(text, ' ', n);
    size_t left = space ? (size_t)(space - text) : n, right = n - left - (space != NULL);
    if (left == 0 || right == 0 || memchr(space + 1, ' ', right))
        die("%s, line %d: a merge is two tokens with a space between them", f->path,
            f->line);
    memcpy(f->joined, text, left);
    memcpy(f->joined + left, space + 1, right);
    int left_id = token_named(t, f, text, left);
    int right_id = token_named(t, f, space + 1, right);
    int merged_id = token_named(t, f, f->joined, left + right);
    if (!bpe_add(&t->bpe, left_id, right_id, merged_id))
        die("%s, line %d: this merge is there already", f->path, f->line);
}

static void read_merges(Tokenizer *t, const Alphabet *a, const char *path)
{
    size_t size, lines = 1;
    char *text = file_read(path, &size);
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    bpe_init(&t->bpe, lines);
    MergeFile f = { a, path, 1, memory_alloc(2, size + 1, path), NULL };
    f.joined = f.bytes + size + 1;
    for (char *line = text; line < text + size; f.line++) {
        size_t n = strcspn(line, "\n"), ending = n > 0 && line[n - 1] == '\r';
        bool version = f.line == 1 && strncmp(line, "#version", 8) == 0;
        if (n > ending && !version)
            read_merge(t, &f, line, n - ending);
        line += n + 1;
    }
    free(f.bytes);
    free(text);
}

bool tokenizer_there(const char *model)
{
    char *vocab = config_path(model, "vocab.json");
    char *merges = config_path(model, "merges.txt");
    bool there = file_exists(vocab) && file_exists(merges);
    free(vocab);
    free(merges);
    return there;
}

void tokenizer_open(Tokenizer *t, const char *model)
{
    char *vocab = config_path(model, "vocab.json");
    char *merges = config_path(model, "merges.txt");
    Alphabet alphabet = alphabet_new();
    *t = (Tokenizer){ 0 };
    read_vocabulary(t, &alphabet, vocab);
    read_merges(t, &alphabet, merges);
    t->special = tokenizer_find(t, "<|endoftext|>", 13);
    free(vocab);
    free(merges);
}

void tokenizer_close(Tokenizer *t)
{
    free(t->text);
    free(t->start);
    free(t->ids);
    bpe_free(&t->bpe);
    *t = (Tokenizer){ 0 };
}

// ---- encoding

// Appends the tokens of text[at] to text[end - 1], in which nothing is special.
static void encode_plain(const Tokenizer *t, BpeScratch *s, const char *text, size_t at,
                         size_t end, int *ids, size_t *n)
{
    while (at < end) {
        size_t next = pretokenize_next(text, end, at), piece = next - at;
        for (size_t i = 0; i < piece; i++)
            ids[*n + i] = t->byte[(unsigned char)text[at + i]];
        *n += bpe_join(&t->bpe, s, ids + *n, piece);
        at = next;
    }
}

int *tokenizer_encode(const Tokenizer *t, const char *text, size_t bytes, int *n)
{
    size_t count = 0, at = 0, length = 0;
    if (bytes > INT_MAX)
        die("a text of %zu bytes is too long; the limit is %d", bytes, INT_MAX);
    int *ids = memory_grow(NULL, bytes + 1, sizeof *ids, "the tokens");  // at most
    const char *name = t->special >= 0 ? tokenizer_bytes(t, t->special, &length) : NULL;
    BpeScratch scratch = { 0 };
    while (at < bytes) {
        const char *special = name ? memmem(text + at, bytes - at, name, length) : NULL;
        size_t end = special ? (size_t)(special - text) : bytes;
        encode_plain(t, &scratch, text, at, end, ids, &count);
        if (special)
            ids[count++] = t->special;
        at = special ? end + length : bytes;
    }
    bpe_scratch_free(&scratch);
    *n = (int)count;
    return ids;
}

// ---- decoding

const char *tokenizer_bytes(const Tokenizer *t, int id, size_t *n)
{
    bool there = id >= 0 && id < t->n;
    *n = there ? t->start[id + 1] - t->start[id] : 0;
    return there ? t->text + t->start[id] : "";
}

char *tokenizer_decode(const Tokenizer *t, const int *ids, int n, size_t *bytes)
{
    size_t length, at = 0;
    *bytes = 0;
    for (int i = 0; i < n; i++) {
        tokenizer_bytes(t, ids[i], &length);
        *bytes += length;
    }
    char *text = memory_alloc(*bytes + 1, 1, "the text");
    for (int i = 0; i < n; i++) {
        const char *token = tokenizer_bytes(t, ids[i], &length);
        memcpy(text + at, token, length);
        at += length;
    }
    return text;
}

// How many bytes at the end of `text` may become a character when more come in.
static size_t unfinished(const char *text, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char c = (unsigned char)text[n - back];
        size_t length = c < 0xc2 || c > 0xf4 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (c < 0x80 || c >= 0xc0)  // here a character begins
            return back < length ? back : 0;
    }
    return 0;
}

void textstream_init(TextStream *s, const Tokenizer *t)
{
    *s = (TextStream){ .tokenizer = t };
    s->text = memory_alloc(t->longest + 4, 1, "a text");
}

void textstream_free(TextStream *s)
{
    free(s->text);
    *s = (TextStream){ 0 };
}

const char *textstream_push(TextStream *s, int id, size_t *n)
{
    size_t length;
    const char *token = tokenizer_bytes(s->tokenizer, id, &length);
    s->n -= s->ready;  // what was held back comes first
    memmove(s->text, s->text + s->ready, s->n);
    memcpy(s->text + s->n, token, length);
    s->n += length;
    *n = s->ready = s->n - unfinished(s->text, s->n);
    return s->text;
}

const char *textstream_end(TextStream *s, size_t *n)
{
    const char *rest = s->text + s->ready;
    *n = s->n - s->ready;
    s->n = s->ready = 0;
    return rest;
}
