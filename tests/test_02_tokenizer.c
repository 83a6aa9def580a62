// Stage 02: merges by hand, pieces, round trips.
#include "pretokenize.h"
#include "tokenizer.h"
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TALES TEST_ROOT "/models/tales"

// ---- merges

static void expect_join(const Bpe *b, const char *letters, const char *want)
{
    BpeScratch s = { 0 };
    int ids[32];
    size_t n = strlen(letters);
    for (size_t i = 0; i < n; i++)
        ids[i] = letters[i];
    n = bpe_join(b, &s, ids, n);
    char got[32] = "";
    for (size_t i = 0; i < n; i++)
        got[i] = (char)ids[i];
    cr_assert_str_eq(got, want, "%s: want %s, got %s", letters, want, got);
    bpe_scratch_free(&s);
}

// A merged token is written as a capital or a digit here.
Test(bpe, by_hand)
{
    Bpe b;
    bpe_init(&b, 4);
    cr_assert(bpe_add(&b, 'b', 'c', 'X'));
    cr_assert(bpe_add(&b, 'a', 'b', 'Y'));
    cr_assert(bpe_add(&b, 'a', 'a', 'A'));
    cr_assert(bpe_add(&b, 'A', 'a', 'B'));
    cr_assert_not(bpe_add(&b, 'a', 'b', 'Z'));  // there already
    cr_assert_null(bpe_find(&b, 'b', 'a'));
    cr_assert_eq(bpe_find(&b, 'A', 'a')->rank, 3);
    expect_join(&b, "", "");
    expect_join(&b, "a", "a");
    expect_join(&b, "abc", "aX");  // b c comes first, and takes the b away
    expect_join(&b, "abab", "YY");
    expect_join(&b, "aa", "A");
    expect_join(&b, "aaa", "B");    // the left pair joins first
    expect_join(&b, "aaaa", "AA");  // a a before A a
    expect_join(&b, "aaaaa", "AB");
    expect_join(&b, "zaabcz", "zAXz");
    bpe_free(&b);
}

// The rule without a heap: look at all pairs, join the best.
static size_t join_slowly(const Bpe *b, int *ids, size_t n)
{
    for (;;) {
        const Merge *best = NULL;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const Merge *m = bpe_find(b, ids[i], ids[i + 1]);
            if (m && (!best || m->rank < best->rank)) {
                best = m;
                at = i;
            }
        }
        if (!best)
            return n;
        ids[at] = best->merged;
        memmove(&ids[at + 1], &ids[at + 2], (--n - at - 1) * sizeof *ids);
    }
}

// Any list of merges, also ones that no training would give.
Test(bpe, as_the_rule_says)
{
    BpeScratch s = { 0 };
    uint32_t random = 1;
    for (int round = 0; round < 300; round++) {
        Bpe b;
        bpe_init(&b, 60);
        for (int i = 0; i < 60; i++) {
            random = random * 1664525u + 1013904223u;
            bpe_add(&b, random >> 8 & 7, random >> 12 & 7, random >> 16 & 7);
        }
        for (size_t n = 0; n < 60; n++) {
            int fast[60], slow[60];
            for (size_t i = 0; i < n; i++) {
                random = random * 1664525u + 1013904223u;
                fast[i] = slow[i] = random >> 20 & 7;
            }
            size_t fast_n = bpe_join(&b, &s, fast, n), slow_n = join_slowly(&b, slow, n);
            cr_assert_eq(fast_n, slow_n);
            cr_assert_arr_eq(fast, slow, fast_n * sizeof *fast);
        }
        bpe_free(&b);
    }
    bpe_scratch_free(&s);
}

// ---- pieces; '|' stands between them

static void expect_pieces(const char *want)
{
    char text[64] = "", got[96] = "";
    size_t n = 0, g = 0;
    for (const char *p = want; *p; p++)
        if (*p != '|')
            text[n++] = *p;
    for (size_t at = 0, end; at < n; at = end) {
        end = pretokenize_next(text, n, at);
        cr_assert(end > at && end <= n, "%s: a piece from %zu to %zu", want, at, end);
        g += (size_t)snprintf(got + g, sizeof got - g, "%s%.*s", at ? "|" : "",
                              (int)(end - at), text + at);
    }
    cr_assert_str_eq(got, want, "want %s, got %s", want, got);
}

Test(pretokenize, by_hand)
{
    expect_pieces("Hello|,| world|!");
    expect_pieces("I|'ll| take| 2| dogs|,| don|'t| you|'ve|'re|'m|'d|'s");
    expect_pieces("'s|omething");  // the contraction comes first
    expect_pieces(" '|s");         // but not with a space
    expect_pieces("I|'|LL");       // nor in capitals
    expect_pieces("a| | b");       // the last space goes with the word
    expect_pieces("a|  | b");
    expect_pieces("a|\n|b");
    expect_pieces("a|\n|\n|b");
    expect_pieces("a|\n| b");
    expect_pieces("a| \n|\t|b");
    expect_pieces("a|  \n");  // at the end of the text all of it
    expect_pieces(" ");
    expect_pieces(" a|1|b| 22|!?| !");
    expect_pieces("x|=|10|;| //| é|½");
    expect_pieces("naïve| старик| 日本|。");
    expect_pieces("e|\u0301|a");    // a combining mark is no letter
    expect_pieces("a|\xc2\xa0|b");  // white space, but not the plain space
    expect_pieces("a|\xc2\x85|\u2028|b");
    expect_pieces("a|\u200b|b");  // not white space
    expect_pieces("a| \u200b|b");
}

Test(pretokenize, invalid_bytes)
{
    expect_pieces("a|\xff|b");
    expect_pieces("a| \xc3|b");
    expect_pieces("\xe2\x82\xc3|é");  // cut characters; one whole
    expect_pieces("!\x80\xf0\x9f\x98");
}

// ---- texts

static void expect_same(const Tokenizer *t, const char *text, size_t bytes)
{
    int n;
    size_t back;
    int *ids = tokenizer_encode(t, text, bytes, &n);
    char *again = tokenizer_decode(t, ids, n, &back);
    cr_assert(back == bytes && memcmp(again, text, bytes) == 0,
              "%zu bytes came back as %zu", bytes, back);
    TextStream s;
    size_t at = 0, length;
    textstream_init(&s, t);
    for (int i = 0; i <= n; i++) {
        const char *part =
            i < n ? textstream_push(&s, ids[i], &length) : textstream_end(&s, &length);
        cr_assert(at + length <= bytes && memcmp(text + at, part, length) == 0);
        at += length;
    }
    cr_assert_eq(at, bytes);
    textstream_free(&s);
    free(again);
    free(ids);
}

Test(tokenizer, every_byte_and_pair_of_bytes)
{
    Tokenizer t;
    tokenizer_open(&t, TALES);
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            char text[2] = { (char)a, (char)b };
            expect_same(&t, text, 1);
            expect_same(&t, text, 2);
        }
    tokenizer_close(&t);
}

Test(tokenizer, random_bytes)
{
    Tokenizer t;
    uint32_t random = 7;
    tokenizer_open(&t, TALES);
    for (size_t bytes = 0; bytes < 400; bytes++) {
        char text[400];
        for (size_t i = 0; i < bytes; i++) {
            random = random * 1664525u + 1013904223u;
            text[i] = (char)(random >> 24);
        }
        expect_same(&t, text, bytes);
    }
    tokenizer_close(&t);
}

Test(tokenizer, special)
{
    Tokenizer t;
    int n;
    size_t bytes;
    tokenizer_open(&t, TALES);
    cr_assert_geq(t.special, 0);
    int *ids = tokenizer_encode(&t, "a<|endoftext|>b", 15, &n);
    cr_assert(n == 3 && ids[1] == t.special);
    char *text = tokenizer_decode(&t, ids, n, &bytes);
    cr_assert_str_eq(text, "a<|endoftext|>b");
    cr_assert_eq(bytes, 15);
    free(text);
    free(ids);
    tokenizer_close(&t);
}

Test(tokenizer, ids_without_a_token)
{
    Tokenizer t;
    size_t n = 9;
    tokenizer_open(&t, TALES);
    tokenizer_bytes(&t, t.n, &n);
    cr_assert_eq(n, 0);
    tokenizer_bytes(&t, -1, &n);
    cr_assert_eq(n, 0);
    tokenizer_close(&t);
}

// Pushes single bytes; '|' in `want` is where the text comes out.
static void expect_stream(const Tokenizer *t, const char *text, const char *want)
{
    TextStream s;
    char got[64] = "";
    size_t n, at = 0;
    textstream_init(&s, t);
    for (const char *p = text; *p; p++) {
        const char *part = textstream_push(&s, t->byte[(unsigned char)*p], &n);
        at += (size_t)snprintf(got + at, sizeof got - at, "%.*s|", (int)n, part);
    }
    const char *rest = textstream_end(&s, &n);
    snprintf(got + at, sizeof got - at, "%.*s", (int)n, rest);
    cr_assert_str_eq(got, want, "%s: want %s, got %s", text, want, got);
    textstream_free(&s);
}

Test(tokenizer, stream)
{
    Tokenizer t;
    tokenizer_open(&t, TALES);
    expect_stream(&t, "ab", "a|b|");
    expect_stream(&t, "é!", "|é|!|");
    expect_stream(&t, "€", "||€|");
    expect_stream(&t, "😀", "|||😀|");
    expect_stream(&t, "\xc3!", "|\xc3!|");  // it never becomes a character
    expect_stream(&t, "\xc3\xc3\xa9", "|\xc3|é|");
    expect_stream(&t, "\x80\xff", "\x80|\xff|");
    expect_stream(&t, "a\xe2\x82", "a|||\xe2\x82");  // cut off: the end gives the rest
    tokenizer_close(&t);
}

// A "word" of a million letters: must take about a second, not an hour.
Test(tokenizer, long_word, .timeout = 60)
{
    Tokenizer t;
    size_t bytes = 1000000;
    char *text = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        text[i] = "tha"[i * i % 3];
    tokenizer_open(&t, TALES);
    expect_same(&t, text, bytes);
    memset(text, ' ', bytes);
    expect_same(&t, text, bytes);
    tokenizer_close(&t);
    free(text);
}
