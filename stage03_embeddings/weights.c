// Which files a model's weights are in, and where each tensor is.  Chapter 1.
#include "weights.h"
#include "config.h"
#include "error.h"
#include "memory.h"
#include <stdlib.h>
#include <string.h>

static const char *without_prefix(const char *name)
{
    static const char prefix[] = "transformer.";
    size_t n = sizeof prefix - 1;
    return strncmp(name, prefix, n) == 0 ? name + n : name;
}

// ---- the files

static bool is_index(const char *path)
{
    static const char end[] = ".index.json";
    size_t n = strlen(path), m = sizeof end - 1;
    return n >= m && strcmp(path + n - m, end) == 0;
}

// The path of the weights file, or of the index.
static char *main_file(const char *model)
{
    if (!file_is_directory(model))
        return strdup(model);
    char *single = file_join(model, "model.safetensors");
    if (file_exists(single))
        return single;
    free(single);
    char *index = file_join(model, "model.safetensors.index.json");
    if (!file_exists(index))
        die("%s has no model.safetensors (nor an index of shards); fetch a model with "
            "models/get gpt2",
            model);
    return index;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// The index's weight_map: { "tensor": "file", ... }.
static const JsonNode *weight_map(const Json *index)
{
    const JsonNode *map = json_member(index, index->nodes, "weight_map");
    if (!map)
        die("%s: there is no \"weight_map\"", index->name);
    json_expect(index, map, JSON_OBJECT);
    if (map->count == 0)
        json_die(index, map->offset, "the weight_map is empty");
    return map;
}

// Opens each file that the map names, once.
static void open_shards(Weights *w, const Json *index, const char *model)
{
    const JsonNode *map = weight_map(index), *n = json_first(map);
    const char **names = memory_alloc(map->count, sizeof *names, "the list of shards");
    for (size_t i = 0; i < map->count; i++, n = json_next(n)) {
        names[i] = json_string(index, n);
        if (!*names[i] || strchr(names[i], '/'))
            json_die(index, n->offset,
                     "\"%.80s\" is not the name of a file beside this one", names[i]);
    }
    qsort(names, map->count, sizeof *names, by_text);
    w->files = memory_alloc(map->count, sizeof *w->files, "the shards");
    w->paths = memory_alloc(map->count, sizeof *w->paths, "the shards");
    for (size_t i = 0; i < map->count; i++) {
        if (i > 0 && strcmp(names[i - 1], names[i]) == 0)
            continue;
        w->paths[w->n_files] = config_path(model, names[i]);
        safetensors_open(&w->files[w->n_files], w->paths[w->n_files]);
        w->n_files++;
    }
    free(names);
}

// Is each tensor in the file that the index says?  (config_path gives paths with a '/'.)
static void check_shards(const Weights *w, const Json *index)
{
    const JsonNode *map = weight_map(index), *n = json_first(map);
    for (size_t i = 0; i < map->count; i++, n = json_next(n)) {
        const Tensor *t = weights_find(w, n->key);
        if (!t || strcmp(strrchr(t->path, '/') + 1, n->text) != 0)
            json_die(index, n->offset, "tensor %s is not in %s", n->key, n->text);
    }
}

// ---- the tensors of all files

static int by_name(const void *a, const void *b)
{
    const Tensor *x = *(const Tensor *const *)a, *y = *(const Tensor *const *)b;
    return strcmp(without_prefix(x->name), without_prefix(y->name));
}

static void collect(Weights *w)
{
    for (size_t f = 0; f < w->n_files; f++)
        w->n += w->files[f].n;
    w->tensors = memory_alloc(w->n, sizeof *w->tensors, "the list of tensors");
    w->by_name = memory_alloc(w->n, sizeof *w->by_name, "the list of tensors");
    size_t i = 0;
    for (size_t f = 0; f < w->n_files; f++) {
        w->bytes += w->files[f].file.size;
        for (size_t k = 0; k < w->files[f].n; k++, i++) {
            w->tensors[i] = w->files[f].tensors[k];
            w->by_name[i] = &w->tensors[i];
        }
    }
    qsort(w->by_name, w->n, sizeof *w->by_name, by_name);
    for (i = 1; i < w->n; i++)
        if (by_name(&w->by_name[i - 1], &w->by_name[i]) == 0)
            die("tensor %s is in %s, and again (as %s) in %s", w->by_name[i - 1]->name,
                w->by_name[i - 1]->path, w->by_name[i]->name, w->by_name[i]->path);
}

void weights_open(Weights *w, const char *model)
{
    *w = (Weights){ 0 };
    char *path = main_file(model);
    if (is_index(path)) {
        Json index;
        json_open(&index, path, NULL);
        open_shards(w, &index, model);
        collect(w);
        check_shards(w, &index);
        json_close(&index);
        free(path);
    } else {
        w->files = memory_alloc(1, sizeof *w->files, "the weights");
        w->paths = memory_alloc(1, sizeof *w->paths, "the weights");
        w->n_files = 1;
        w->paths[0] = path;
        safetensors_open(&w->files[0], path);
        collect(w);
    }
}

void weights_close(Weights *w)
{
    for (size_t f = 0; f < w->n_files; f++) {
        safetensors_close(&w->files[f]);
        free(w->paths[f]);
    }
    free(w->files);
    free(w->paths);
    free(w->tensors);
    free(w->by_name);
    *w = (Weights){ 0 };
}

static int compare_name(const void *key, const void *element)
{
    const Tensor *t = *(const Tensor *const *)element;
    return strcmp(key, without_prefix(t->name));
}

const Tensor *weights_find(const Weights *w, const char *name)
{
    const Tensor **found =
        bsearch(without_prefix(name), w->by_name, w->n, sizeof *w->by_name, compare_name);
    return found ? *found : NULL;
}

bool weights_quantised(const Weights *w)
{
    DType dtype = weights_dtype(w);
    return dtype == INT8 || dtype == INT4;
}

DType weights_dtype(const Weights *w)
{
    const Tensor *wte = weights_find(w, "wte.weight");
    const Json *j = &w->files[0].header;
    const JsonNode *metadata = json_member(j, j->nodes, "__metadata__");
    const JsonNode *type = metadata ? json_member(j, metadata, "quantised") : NULL;
    if (!wte)
        die("%s: there is no tensor wte.weight; is this a GPT-2?", w->paths[0]);
    if (!type)
        return wte->dtype;
    for (DType dtype = INT8; dtype <= INT4; dtype++)
        if (strcmp(type->text, dtype_option(dtype)) == 0)
            return dtype;
    json_die(j, type->offset,
             "weights quantised to %.40s, which is neither int8 nor int4", type->text);
}

const Tensor *weights_scales(const Weights *w, const Tensor *t)
{
    char name[256];
    snprintf(name, sizeof name, "%s.scale", t->name);
    return weights_find(w, name);
}

size_t weights_count(const Weights *w, const Tensor *t)
{
    return t->dtype == U8 && weights_scales(w, t) ? 2 * t->bytes : tensor_count(t);
}
