// Stage 01: small floats against the compiler's own, and JSON, right and wrong.
#include "elementary.h"
#include "floats.h"
#include "json.h"
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <criterion/redirect.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- floats

static void expect_float(const char *format, unsigned pattern, float want, float got)
{
    bool same = isnan(want) ? isnan(got) : bits_of_float(want) == bits_of_float(got);
    cr_assert(same, "%s 0x%04x: want %.9g, got %.9g", format, pattern, (double)want,
              (double)got);
}

Test(floats, by_hand)
{
    expect_float("f16", 0x3c00, 1.0f, float_from_f16(0x3c00));
    expect_float("f16", 0xc000, -2.0f, float_from_f16(0xc000));
    expect_float("f16", 0x3555, 0.333251953125f, float_from_f16(0x3555));
    expect_float("f16", 0x7bff, 65504.0f, float_from_f16(0x7bff));
    expect_float("f16", 0x0001, 0x1p-24f, float_from_f16(0x0001));
    expect_float("f16", 0x8000, -0.0f, float_from_f16(0x8000));
    expect_float("f16", 0xfc00, -INFINITY, float_from_f16(0xfc00));
    expect_float("bf16", 0x3f80, 1.0f, float_from_bf16(0x3f80));
    expect_float("bf16", 0xc040, -3.0f, float_from_bf16(0xc040));
    expect_float("f8_e5m2", 0x3c, 1.0f, float_from_f8_e5m2(0x3c));
    expect_float("f8_e4m3", 0x38, 1.0f, float_from_f8_e4m3(0x38));
    expect_float("f8_e4m3", 0x7e, 448.0f, float_from_f8_e4m3(0x7e));
    expect_float("f8_e4m3", 0x01, 0x1p-9f, float_from_f8_e4m3(0x01));
    expect_float("f8_e4m3", 0xff, NAN, float_from_f8_e4m3(0xff));
}

Test(floats, all_f16)
{
    for (unsigned i = 0; i < 65536; i++) {
        uint16_t h = (uint16_t)i;
        _Float16 own;
        memcpy(&own, &h, sizeof own);
        expect_float("f16", i, (float)own, float_from_f16(h));
    }
}

Test(floats, all_bf16)
{
    for (unsigned i = 0; i < 65536; i++)
        expect_float("bf16", i, float_of_bits(i << 16), float_from_bf16((uint16_t)i));
}

// ---- JSON: what is right

static Json parsed(const char *text)
{
    Json j;
    json_parse(&j, "test", text, strlen(text));
    return j;
}

Test(json, nodes_in_order)
{
    Json j = parsed(" {\"a\": [1, [], {\"b\": null}], \"c\": true, \"\": \"x\"} ");
    cr_assert_eq(j.n, 8);
    cr_assert_eq(j.nodes->count, 3);
    const JsonNode *a = json_member(&j, j.nodes, "a"), *second = json_next(json_first(a));
    cr_assert_eq(a->count, 3);
    cr_assert_eq(json_integer(&j, json_first(a), 0, 9), 1);
    cr_assert(second->kind == JSON_ARRAY && second->count == 0);
    cr_assert_eq(json_member(&j, json_next(second), "b")->kind, JSON_NULL);
    cr_assert(json_boolean(&j, json_member(&j, j.nodes, "c")));
    cr_assert_str_eq(json_string(&j, json_member(&j, j.nodes, "")), "x");
    cr_assert_null(json_member(&j, j.nodes, "b"));
    json_close(&j);
}

Test(json, numbers)
{
    Json j = parsed("[0, -0, -12, 1.5, 1e3, 2E-2, 1.25e+1, 9007199254740993, 0.1]");
    const double want[] = {
        0, -0.0, -12, 1.5, 1000, 0.02, 12.5, 9007199254740992.0, 0.1
    };
    const JsonNode *n = json_first(j.nodes);
    cr_assert_eq(j.nodes->count, sizeof want / sizeof *want);
    for (size_t i = 0; i < j.nodes->count; i++, n = json_next(n))
        cr_assert(json_number(&j, n) == want[i], "number %zu: want %.17g, got %.17g", i,
                  want[i], json_number(&j, n));
    json_close(&j);
}

Test(json, texts)
{
    Json j = parsed("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", "
                    "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\", \"é€😀\","
                    "\"a\\u0000b\", \"\"]");
    const struct {
        const char *text;
        size_t bytes;
    } want[] = {
        { "\"\\/\b\f\n\r\t", 8 }, { "Aé€😀", 10 }, { "é€😀", 9 }, { "a\0b", 3 }, { "", 0 }
    };
    const JsonNode *n = json_first(j.nodes);
    for (size_t i = 0; i < 5; i++, n = json_next(n)) {
        cr_assert_eq(n->bytes, want[i].bytes, "text %zu: %zu bytes", i, n->bytes);
        cr_assert_arr_eq(n->text, want[i].text, n->bytes + 1, "text %zu: %s", i, n->text);
    }
    json_close(&j);
}

Test(json, many)
{
    size_t count = 200000, room = count * 8 + 8, at = 0;
    char *text = malloc(room);
    text[at++] = '[';
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, room - at, "%s%zu", i ? "," : "", i);
    text[at++] = ']';
    Json j;
    json_parse(&j, "test", text, at);
    cr_assert_eq(j.nodes->count, count);
    cr_assert_eq(json_integer(&j, &j.nodes[count], 0, 1 << 30), (int64_t)count - 1);
    json_close(&j);
    free(text);
}

// ---- and what is wrong: each of these must end the program with status 1

static char wrong[][96] = {
    "",
    " ",
    "{",
    "[",
    "\"",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{1:1}",
    "{'a':1}",
    "[1]]",
    "[1] 2",
    "01",
    "-",
    "+1",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x10",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "tru",
    "True",
    "nul",
    "nan",
    "\"\\x\"",
    "\"\\u12g4\"",
    "\"\\u123",
    "\"\\ud800\"",
    "\"\\ud800x\"",
    "\"\\ud800\\u0041\"",
    "\"\\udc00\"",
    "\"\n\"",
    "\"\x01\"",
    "\"\xff\"",
    "\"\xc3\"",
    "\"\xc0\xaf\"",
    "\"\xed\xa0\x80\"",
    "\"\xf5\x80\x80\x80\"",
    "\xef\xbb\xbf{}",
    "// x\n1",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]",
    "{\"a\":1}{",
};

ParameterizedTestParameters(json, wrong)
{
    return cr_make_param_array(char[96], wrong, sizeof wrong / sizeof *wrong);
}

ParameterizedTest(char text[96], json, wrong, .exit_code = 1)
{
    cr_redirect_stderr();  // test_program_01.py reads the messages
    parsed(text);
    printf("accepted: %s\n", text);
}

Test(json, duplicate_member, .exit_code = 1, .init = cr_redirect_stderr)
{
    Json j = parsed("{\"a\": 1, \"a\": 2}");
    json_member(&j, j.nodes, "a");
}

Test(json, not_whole, .exit_code = 1, .init = cr_redirect_stderr)
{
    Json j = parsed("1.5");
    json_integer(&j, j.nodes, 0, 9);
}

Test(json, out_of_range, .exit_code = 1, .init = cr_redirect_stderr)
{
    Json j = parsed("10");
    json_integer(&j, j.nodes, 0, 9);
}

Test(json, another_kind, .exit_code = 1, .init = cr_redirect_stderr)
{
    Json j = parsed("{\"a\": \"1\"}");
    json_number(&j, json_member(&j, j.nodes, "a"));
}

Test(json, zero_in_a_string, .exit_code = 1, .init = cr_redirect_stderr)
{
    Json j = parsed("\"a\\u0000\"");
    json_string(&j, j.nodes);
}
