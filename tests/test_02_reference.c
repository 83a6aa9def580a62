// Stage 02: 2,400 texts against Hugging Face's tokenizer (tests/reference/make_tokens.py writes
// tokens.json).
#include "json.h"
#include "tokenizer.h"
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TALES TEST_ROOT "/models/tales"

static uint32_t fnv(uint32_t h, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return h;
}

static uint32_t fnv_ids(const int *ids, int n)
{
    uint32_t h = 2166136261u;
    for (int i = 0; i < n; i++) {
        unsigned id = (unsigned)ids[i];
        unsigned char four[] = { (unsigned char)id, (unsigned char)(id >> 8),
                                 (unsigned char)(id >> 16), (unsigned char)(id >> 24) };
        h = fnv(h, four, 4);
    }
    return h;
}

static uint32_t fnv_vocabulary(const char *model)
{
    static const char *const names[] = { "vocab.json", "merges.txt" };
    uint32_t h = 2166136261u;
    for (int i = 0; i < 2; i++) {
        char *path = file_join(model, names[i]);
        File f = file_open(path, NULL);
        h = fnv(h, f.data, f.size);
        file_close(&f);
        free(path);
    }
    return h;
}

// Is encode(text * times) what the case says?  `column`: where its numbers are, 2 or 4.
static bool case_holds(const Tokenizer *t, const Json *j, const JsonNode *c, int column)
{
    const JsonNode *text = json_first(c), *times = json_next(text),
                   *want = times + column - 1;
    size_t repeat = (size_t)json_integer(j, times, 1, 1000000),
           bytes = text->bytes * repeat;
    char *all = malloc(bytes + 1);
    for (size_t i = 0; i < repeat; i++)
        memcpy(all + i * text->bytes, text->text, text->bytes);
    int n;
    int *ids = tokenizer_encode(t, all, bytes, &n);
    uint32_t hash = (uint32_t)json_integer(j, want + 1, 0, UINT32_MAX);
    bool holds = n == json_integer(j, want, 0, INT32_MAX) && fnv_ids(ids, n) == hash;
    if (!holds) {
        fprintf(stderr, "\"%s\" x %zu: want %g tokens", text->text, repeat, want->number);
        for (size_t i = 6; column == 2 && i < c->count; i++)
            fprintf(stderr, " %g", json_number(j, times + i - 1));
        fprintf(stderr, ", got %d:", n);
        for (int i = 0; i < n && i < 50; i++)
            fprintf(stderr, " %d", ids[i]);
        fprintf(stderr, "\n");
    }
    free(ids);
    free(all);
    return holds;
}

static void check_cases(const char *model, int column)
{
    Json j;
    Tokenizer t;
    int wrong = 0;
    json_open(&j, TEST_ROOT "/tests/reference/tokens.json", NULL);
    if (column == 2)
        cr_assert_eq(
            json_integer(&j, json_member(&j, j.nodes, "vocabulary"), 0, UINT32_MAX),
            fnv_vocabulary(model),
            "the vocabulary of models/tales has changed; run make_tokens.py");
    tokenizer_open(&t, model);
    const JsonNode *cases = json_member(&j, j.nodes, "cases"), *c = json_first(cases);
    cr_assert_geq(cases->count, 2000);
    for (size_t i = 0; i < cases->count; i++, c = json_next(c))
        wrong += !case_holds(&t, &j, c, column);
    cr_assert_eq(wrong, 0, "%d of %zu texts differ", wrong, cases->count);
    tokenizer_close(&t);
    json_close(&j);
}

Test(reference, tales)
{
    check_cases(TALES, 2);
}

Test(reference, gpt2)
{
    const char *model = getenv("GPT2_VOCAB");
    if (!model) {
        fprintf(
            stderr,
            "SKIP reference/gpt2: GPT2_VOCAB names no directory with its vocabulary\n");
        return;
    }
    Tokenizer t;
    int n;
    tokenizer_open(&t, model);
    cr_assert_eq(t.n, 50257);
    cr_assert_eq(t.special, 50256);
    int *ids = tokenizer_encode(&t, "Hello, world!", 13, &n);
    cr_assert_eq(n, 4);
    cr_assert_arr_eq(ids, ((int[]){ 15496, 11, 995, 0 }), 4 * sizeof *ids);
    free(ids);
    ids = tokenizer_encode(&t, "tokenization", 12, &n);
    cr_assert_eq(n, 2);
    cr_assert_arr_eq(ids, ((int[]){ 30001, 1634 }), 2 * sizeof *ids);
    free(ids);
    tokenizer_close(&t);
    check_cases(model, 4);
}
