// Reads JSON strictly (RFC 8259): config.json, vocab.json, indexes, headers of
// safetensors files.
//
//     Json j;
//     json_open(&j, "config.json", "is it a model?");
//     const JsonNode *width = json_member(&j, j.nodes, "n_embd");
//     int C = width ? (int)json_integer(&j, width, 1, 65536) : 768;
//     json_close(&j);
//
// The nodes stand in one array in the order of the text: a container is followed by all
// that it contains.  So nodes[0] is the whole value, and to go through a container takes
// no links:
//
//     const JsonNode *n = json_first(list);
//     for (size_t i = 0; i < list->count; i++, n = json_next(n))
//         ...
//
// Wrong input ends the program with one line that names file, line and column.
#ifndef JSON_H
#define JSON_H

#include "file.h"
#include <stdint.h>

typedef enum {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_TEXT,
    JSON_ARRAY,
    JSON_OBJECT
} JsonKind;

typedef struct {
    JsonKind kind;
    size_t offset;    // of its first byte, for messages
    const char *key;  // [key_bytes] and a final 0: its name in an object, else NULL
    size_t key_bytes;
    const char *text;  // [bytes] and a final 0: JSON_TEXT, without escapes
    size_t bytes;
    double number;  // JSON_NUMBER; JSON_BOOL: 0 or 1
    size_t count;   // elements of an array, members of an object
    size_t span;    // the next sibling is this + span
} JsonNode;

typedef struct {
    const char *name;    // in messages; not copied
    const char *source;  // [size]
    size_t size;
    File file;        // json_open's
    JsonNode *nodes;  // [n]
    size_t n;
    char *texts;  // what the nodes' keys and texts point to
} Json;

// Reads `path`; `hint` says what to do if it is not there.  Release with json_close.
void json_open(Json *j, const char *path, const char *hint);
// The same for bytes in memory, which must live until json_close.
void json_parse(Json *j, const char *name, const char *source, size_t size);
void json_close(Json *j);

// The first node in a container (if its count is not 0), and the one beside a node.
const JsonNode *json_first(const JsonNode *container);
const JsonNode *json_next(const JsonNode *node);
// The member with that name, or NULL.  Dies if `object` is none, or has two of that name.
const JsonNode *json_member(const Json *j, const JsonNode *object, const char *key);

// The value of a node.  They die if it is something else, or out of range.
const char *json_string(const Json *j, const JsonNode *node);  // without bytes of value 0
double json_number(const Json *j, const JsonNode *node);
int64_t json_integer(const Json *j, const JsonNode *node, int64_t least,
                     int64_t greatest);
bool json_boolean(const Json *j, const JsonNode *node);
void json_expect(const Json *j, const JsonNode *node, JsonKind kind);

// "name, line 3, column 7: message", and the end of the program.
void json_die(const Json *j, size_t offset, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

#endif
