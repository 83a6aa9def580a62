// A file of prompts; see prompts.h.  Chapter 9.
#include "prompts.h"
#include "error.h"
#include "file.h"
#include "memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A number as it stands in the JSON text: a seed has more digits than a double.
static void number_text(const Json *j, const JsonNode *node, char text[64])
{
    size_t n = strspn(j->source + node->offset, "+-.0123456789eE");
    snprintf(text, 64, "%.*s", (int)(n < 63 ? n : 63), j->source + node->offset);
}

static void set_option(PromptLine *line, const JsonNode *node, Args *a, const char *where)
{
    char name[64], number[64];
    const Json *j = &line->json;
    snprintf(name, sizeof name, "%s", node->key);
    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    bool stop = strcmp(name, "stop") == 0;
    if (strcmp(name, "ignore-eos") == 0) {
        line->generate.ignore_eos = json_boolean(j, node);
    } else if (stop && node->kind == JSON_ARRAY) {
        const JsonNode *item = json_first(node);
        for (size_t i = 0; i < node->count; i++, item = json_next(item))
            args_set(a, name, json_string(j, item), where);
    } else if (!stop && node->kind == JSON_NUMBER) {
        number_text(j, node, number);
        args_set(a, name, number, where);
    } else {
        args_set(a, name, json_string(j, node), where);
    }
}

static void read_ids(const Json *j, const JsonNode *node, PromptLine *line, int V)
{
    json_expect(j, node, JSON_ARRAY);
    line->ids = memory_alloc(node->count + 1, sizeof *line->ids, "a prompt");
    const JsonNode *item = json_first(node);
    for (; line->n < (int)node->count; item = json_next(item))
        line->ids[line->n++] = (int)json_integer(j, item, 0, V - 1);
}

static void read_object(PromptLine *line, const Input *in, const char *where)
{
    Args a = { 0 };
    GenerateOptions defaults = line->generate;
    const Json *j = &line->json;
    const JsonNode *object = j->nodes, *node = json_first(object);
    const JsonNode *prompt = json_member(j, object, "prompt");
    const JsonNode *ids = json_member(j, object, "ids");
    const ArgList *stop = &line->generate.stop;
    generate_options(&a, &line->generate);
    args_seed(&a, "seed=N", 0, &line->generate.sampling.seed, "");
    line->generate = defaults;
    if (json_member(j, object, "stop"))
        line->generate.stop.n = 0;
    for (size_t i = 0; i < object->count; i++, node = json_next(node)) {
        if (strcmp(node->key, "ids") == 0)
            read_ids(j, node, line, in->config.V);
        else if (strcmp(node->key, "prompt") != 0)
            set_option(line, node, &a, where);
        else if (!in->has_text)
            die("%sthe model has no vocabulary: give \"ids\", not \"prompt\"", where);
        else
            line->ids = tokenizer_encode(&in->tokenizer, json_string(j, node),
                                         node->bytes, &line->n);
    }
    if (prompt && ids)
        die("%sit has both \"prompt\" and \"ids\"; leave one out", where);
    for (int i = 0; i < stop->n; i++)
        if (!*stop->items[i])
            die("%sstop: an empty text would end every text at once", where);
}

static void read_line(PromptLine *line, char *text, const Input *in, const char *where)
{
    char name[520];
    if (*text == '{') {
        snprintf(name, sizeof name, "%sJSON", where);
        json_parse(&line->json, name, text, strlen(text));
        read_object(line, in, where);
    } else if (in->has_text) {
        line->ids = tokenizer_encode(&in->tokenizer, text, strlen(text), &line->n);
    } else {
        die("%sthe model has no vocabulary: give {\"ids\": [...]}", where);
    }
    if (line->n == 0)
        die("%sthe prompt is empty", where);
}

void prompts_read(Prompts *p, const char *path, const Input *in,
                  const GenerateOptions *defaults)
{
    size_t size;
    char where[512], *rest;
    *p = (Prompts){ .text = file_read(path, &size) };
    if (strlen(p->text) != size)
        die("%s: it has a byte of value 0; is it a text?", path);
    rest = p->text;
    for (int number = 1; *rest; number++) {
        char *text = rest;
        rest += strcspn(rest, "\n");
        if (*rest)
            *rest++ = '\0';
        size_t n = strlen(text);
        if (n > 0 && text[n - 1] == '\r')
            text[n - 1] = '\0';
        if (!*text)
            continue;
        p->list = memory_grow(p->list, (size_t)p->n + 1, sizeof *p->list, "the prompts");
        p->list[p->n] = (PromptLine){ .generate = *defaults };
        snprintf(where, sizeof where, "%s, line %d: ", path, number);
        read_line(&p->list[p->n++], text, in, where);
    }
    if (p->n == 0)
        die("%s: there is no prompt in it", path);
}

void prompts_free(Prompts *p)
{
    for (int i = 0; i < p->n; i++) {
        if (p->list[i].json.nodes)
            json_close(&p->list[i].json);
        free(p->list[i].ids);
    }
    free(p->list);
    free(p->text);
}
