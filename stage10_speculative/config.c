// config.json, read and checked.  Chapter 1.
#include "config.h"
#include "error.h"
#include "json.h"
#include <stdlib.h>
#include <string.h>

char *config_path(const char *model, const char *name)
{
    if (file_is_directory(model))
        return file_join(model, name);
    const char *slash = strrchr(model, '/');
    char *directory = slash ? strndup(model, (size_t)(slash - model) + 1) : strdup(".");
    char *path = file_join(directory, name);
    free(directory);
    return path;
}

// The member with that name; NULL if there is none, or null stands there.
static const JsonNode *given(const Json *j, const char *key)
{
    const JsonNode *n = json_member(j, j->nodes, key);
    return n && n->kind != JSON_NULL ? n : NULL;
}

static int dimension(const Json *j, const char *key, int greatest)
{
    const JsonNode *n = given(j, key);
    if (!n)
        die("%s: there is no \"%s\"; a GPT-2 needs it", j->name, key);
    return (int)json_integer(j, n, 1, greatest);
}

static void refuse(const Json *j, const char *key, bool wanted)
{
    const JsonNode *n = given(j, key);
    if (n && json_boolean(j, n) != wanted)
        json_die(j, n->offset, "\"%s\": %s is a variant of GPT-2 that is not supported",
                 key, wanted ? "false" : "true");
}

// A file for another architecture may have all our dimensions, and would give nonsense.
static void check_architecture(const Json *j)
{
    const JsonNode *type = given(j, "model_type");
    const JsonNode *activation = given(j, "activation_function");
    if (type && strcmp(json_string(j, type), "gpt2") != 0)
        json_die(j, type->offset, "this is a model of type %.40s; only gpt2 is supported",
                 type->text);
    if (activation && strcmp(json_string(j, activation), "gelu_new") != 0 &&
        strcmp(activation->text, "gelu_pytorch_tanh") != 0)
        json_die(j, activation->offset,
                 "the activation function %.40s is not supported; GPT-2's "
                 "are gelu_new and gelu_pytorch_tanh",
                 activation->text);
    refuse(j, "scale_attn_weights", true);
    refuse(j, "scale_attn_by_inverse_layer_idx", false);
    refuse(j, "add_cross_attention", false);
}

void config_read(Config *c, const char *model)
{
    Json j;
    char *path = config_path(model, "config.json");
    json_open(&j, path,
              "a model is a directory with config.json, model.safetensors, vocab.json "
              "and merges.txt");
    json_expect(&j, j.nodes, JSON_OBJECT);
    check_architecture(&j);
    c->V = dimension(&j, "vocab_size", 10000000);
    c->T = dimension(&j, given(&j, "n_positions") ? "n_positions" : "n_ctx", 1000000);
    c->C = dimension(&j, "n_embd", 100000);
    c->L = dimension(&j, "n_layer", 1000);
    c->NH = dimension(&j, "n_head", c->C);
    c->n_inner = given(&j, "n_inner") ? dimension(&j, "n_inner", 1000000) : 4 * c->C;
    if (c->C % c->NH != 0)
        die("%s: n_embd %d is not a multiple of n_head %d", path, c->C, c->NH);
    const JsonNode *eps = given(&j, "layer_norm_epsilon");
    const JsonNode *eos = given(&j, "eos_token_id");
    c->eps = eps ? (float)json_number(&j, eps) : 1e-5f;
    if (!(c->eps > 0 && c->eps < 1))
        die("%s: layer_norm_epsilon %g is not between 0 and 1", path, (double)c->eps);
    c->eos = eos ? (int)json_integer(&j, eos, -1, 2147483647) : -1;
    if (c->eos >= c->V)  // small models with GPT-2's default: it never occurs
        c->eos = -1;
    json_close(&j);
    free(path);
}
