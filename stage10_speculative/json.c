// JSON: one function a rule of the grammar, each reading what it is named after.  Chapter
// 1.
#include "json.h"
#include "error.h"
#include "memory.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { DEPTH = 64 };  // containers inside each other: bounds the recursion

typedef struct {
    Json *json;
    size_t at;       // offset of the next byte
    size_t room;     // for nodes
    char *text_end;  // free part of json->texts
} Reader;

void json_die(const Json *j, size_t offset, const char *format, ...)
{
    char message[512];
    size_t line = 1, column = 1;
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    for (char *p = message; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = '?';  // from a string of the file: the message stays one line
    for (size_t i = 0; i < offset && i < j->size; i++, column++)
        if (j->source[i] == '\n') {
            line++;
            column = 0;
        }
    die("%s, line %zu, column %zu: %s", j->name, line, column, message);
}

// ---- the text, byte by byte

static int peek(const Reader *r)
{
    return r->at < r->json->size ? (unsigned char)r->json->source[r->at] : -1;
}

static void skip_space(Reader *r)
{
    int c;
    while ((c = peek(r)) == ' ' || c == '\n' || c == '\r' || c == '\t')
        r->at++;
}

static _Noreturn void unexpected(const Reader *r, const char *wanted)
{
    int c = peek(r);
    if (c < 0)
        json_die(r->json, r->at, "the file ends where %s should be", wanted);
    if (c > 0x20 && c < 0x7f)
        json_die(r->json, r->at, "'%c' where %s should be", c, wanted);
    json_die(r->json, r->at, "byte 0x%02x where %s should be", (unsigned)c, wanted);
}

static void expect(Reader *r, char c, const char *wanted)
{
    if (peek(r) != c)
        unexpected(r, wanted);
    r->at++;
}

// ---- strings

static unsigned read_hex4(Reader *r)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = peek(r), letter = c | 0x20;  // lower case
        if (c >= '0' && c <= '9')
            value = value << 4 | (unsigned)(c - '0');
        else if (letter >= 'a' && letter <= 'f')
            value = value << 4 | (unsigned)(letter - 'a' + 10);
        else
            unexpected(r, "a hexadecimal digit");
    }
    return value;
}

// \uXXXX; a character beyond U+FFFF is written as two of them, a "surrogate pair".
static void read_unicode_escape(Reader *r)
{
    size_t start = r->at - 2;
    utf8proc_int32_t c = (utf8proc_int32_t)read_hex4(r);
    if (c >= 0xd800 && c < 0xdc00) {
        expect(r, '\\', "the second half of a surrogate pair");
        expect(r, 'u', "the second half of a surrogate pair");
        int low = (int)read_hex4(r);
        if (low >= 0xdc00 && low < 0xe000)
            c = 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00);
    }
    if (c >= 0xd800 && c < 0xe000)
        json_die(r->json, start, "half a surrogate pair is not a character");
    r->text_end += utf8proc_encode_char(c, (utf8proc_uint8_t *)r->text_end);
}

static void read_escape(Reader *r)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    const char *found = c > 0 ? strchr(letters, c) : NULL;
    if (!found && c != 'u')
        unexpected(r, "an escape sequence");
    r->at++;
    if (found)
        *r->text_end++ = meanings[found - letters];
    else
        read_unicode_escape(r);
}

// Copies one character, of any length.
static void read_character(Reader *r)
{
    const char *from = r->json->source + r->at;
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)from,
                                          (utf8proc_ssize_t)(r->json->size - r->at), &c);
    if (n < 0)
        json_die(r->json, r->at, "byte 0x%02x is not UTF-8", (unsigned)peek(r));
    if (c < 0x20)
        unexpected(r, "a character (control characters must be escaped)");
    memcpy(r->text_end, from, (size_t)n);
    r->text_end += n;
    r->at += (size_t)n;
}

// The text is never longer than its source with both quotes, so json->texts has room for
// it.
static const char *read_string(Reader *r, size_t *bytes)
{
    const char *start = r->text_end;
    expect(r, '"', "a string");
    for (int c; (c = peek(r)) != '"';) {
        if (c < 0)
            unexpected(r, "the end of a string");
        if (c == '\\') {
            r->at++;
            read_escape(r);
        } else {
            read_character(r);
        }
    }
    r->at++;
    *bytes = (size_t)(r->text_end - start);
    *r->text_end++ = '\0';
    return start;
}

// ---- numbers and words

static void read_digits(Reader *r)
{
    if (peek(r) < '0' || peek(r) > '9')
        unexpected(r, "a digit");
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
}

static double read_number(Reader *r)
{
    size_t start = r->at;
    if (peek(r) == '-')
        r->at++;
    if (peek(r) == '0')
        r->at++;  // no digits after a leading 0
    else
        read_digits(r);
    if (peek(r) == '.') {
        r->at++;
        read_digits(r);
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        if (peek(r) == '+' || peek(r) == '-')
            r->at++;
        read_digits(r);
    }
    // strtod wants a final 0; the free part of texts serves for a moment.
    memcpy(r->text_end, r->json->source + start, r->at - start);
    r->text_end[r->at - start] = '\0';
    double number = strtod(r->text_end, NULL);
    if (!isfinite(number))
        json_die(r->json, start, "this number is too large");
    return number;
}

static void read_word(Reader *r, const char *word)
{
    for (size_t i = 0; word[i]; i++)
        expect(r, word[i], "true, false or null");
}

// ---- values

static void read_value(Reader *r, const char *key, size_t key_bytes, int depth);

// Elements or members up to `closing`; node number `me` is the container.
static void read_container(Reader *r, size_t me, char closing, int depth)
{
    if (depth == DEPTH)
        json_die(r->json, r->at, "more than %d containers inside each other", DEPTH);
    r->at++;
    skip_space(r);
    while (peek(r) != closing) {
        const char *key = NULL;
        size_t key_bytes = 0;
        if (r->json->nodes[me].count++ > 0)
            expect(r, ',', closing == '}' ? "',' or '}'" : "',' or ']'");
        skip_space(r);
        if (closing == '}') {
            key = read_string(r, &key_bytes);
            skip_space(r);
            expect(r, ':', "':'");
        }
        read_value(r, key, key_bytes, depth + 1);
    }
    r->at++;
}

static void read_value(Reader *r, const char *key, size_t key_bytes, int depth)
{
    Json *j = r->json;
    skip_space(r);
    if (j->n == r->room) {
        r->room *= 2;
        j->nodes = memory_grow(j->nodes, r->room, sizeof *j->nodes, j->name);
    }
    size_t me = j->n++;
    int c = peek(r);
    JsonNode node = { .offset = r->at, .key = key, .key_bytes = key_bytes };
    node.kind = c == '{'               ? JSON_OBJECT
                : c == '['             ? JSON_ARRAY
                : c == '"'             ? JSON_TEXT
                : c == 't' || c == 'f' ? JSON_BOOL
                : c == 'n'             ? JSON_NULL
                                       : JSON_NUMBER;
    node.number = c == 't';
    if (node.kind == JSON_NUMBER && c != '-' && (c < '0' || c > '9'))
        unexpected(r, "a value");
    if (node.kind == JSON_TEXT)
        node.text = read_string(r, &node.bytes);
    if (node.kind == JSON_NUMBER)
        node.number = read_number(r);
    if (node.kind == JSON_BOOL || node.kind == JSON_NULL)
        read_word(r, c == 't' ? "true" : c == 'f' ? "false" : "null");
    j->nodes[me] = node;
    if (node.kind >= JSON_ARRAY)
        read_container(r, me, c == '{' ? '}' : ']', depth);  // may move j->nodes
    j->nodes[me].span = j->n - me;
    skip_space(r);
}

void json_parse(Json *j, const char *name, const char *source, size_t size)
{
    *j = (Json){ .name = name, .source = source, .size = size };
    Reader r = { .json = j, .room = size / 16 + 16 };
    j->texts = r.text_end = memory_alloc(size + 1, 1, name);
    j->nodes = memory_grow(NULL, r.room, sizeof *j->nodes, name);
    read_value(&r, NULL, 0, 0);
    if (r.at < size)
        unexpected(&r, "the end of the file");
}

void json_open(Json *j, const char *path, const char *hint)
{
    File file = file_open(path, hint);
    json_parse(j, path, (const char *)file.data, file.size);
    j->file = file;
}

void json_close(Json *j)
{
    free(j->nodes);
    free(j->texts);
    file_close(&j->file);
    *j = (Json){ 0 };
}

// ---- what the nodes hold

const JsonNode *json_first(const JsonNode *container)
{
    return container + 1;
}

const JsonNode *json_next(const JsonNode *node)
{
    return node + node->span;
}

void json_expect(const Json *j, const JsonNode *node, JsonKind kind)
{
    static const char *const kinds[] = { "null",     "true or false", "a number",
                                         "a string", "an array",      "an object" };
    if (node->kind != kind)
        json_die(j, node->offset, "%.40s is %s; it should be %s",
                 node->key ? node->key : "this", kinds[node->kind], kinds[kind]);
}

const JsonNode *json_member(const Json *j, const JsonNode *object, const char *key)
{
    const JsonNode *found = NULL;
    json_expect(j, object, JSON_OBJECT);
    const JsonNode *n = json_first(object);
    for (size_t i = 0; i < object->count; i++, n = json_next(n)) {
        if (n->key_bytes != strlen(key) || memcmp(n->key, key, n->key_bytes) != 0)
            continue;
        if (found)
            json_die(j, n->offset, "\"%s\" is given twice", key);
        found = n;
    }
    return found;
}

const char *json_string(const Json *j, const JsonNode *node)
{
    json_expect(j, node, JSON_TEXT);
    if (strlen(node->text) != node->bytes)
        json_die(j, node->offset, "a \\u0000 inside of this string");
    return node->text;
}

double json_number(const Json *j, const JsonNode *node)
{
    json_expect(j, node, JSON_NUMBER);
    return node->number;
}

int64_t json_integer(const Json *j, const JsonNode *node, int64_t least, int64_t greatest)
{
    double x = json_number(j, node);
    if (x != floor(x) || x < (double)least || x > (double)greatest)
        json_die(j, node->offset, "%.17g is not a whole number from %lld to %lld", x,
                 (long long)least, (long long)greatest);
    return (int64_t)x;
}

bool json_boolean(const Json *j, const JsonNode *node)
{
    json_expect(j, node, JSON_BOOL);
    return node->number != 0;
}
