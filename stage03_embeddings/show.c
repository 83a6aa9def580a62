// The exhibit of stage 3: the sum of two rows, and what lies near what.
#include "show.h"
#include "device.h"
#include "embeddings.h"
#include "error.h"
#include "jsonout.h"
#include "memory.h"
#include "terminal.h"
#include "trace.h"
#include "vec.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR = 5, TOP = 10, WORDS = 4, PLACES = 20 };

// The tables as the file has them, and the rows of the pass; all on the host.
typedef struct {
    const Input *in;
    int C, n_ctx;
    float *wte;    // [V, C]
    float *wpe;    // [n_ctx, C]
    float *norms;  // [V] lengths of the rows of wte
    float *x;      // [n, C]
} Tables;

typedef struct {
    const char *given;
    int *ids;  // [n] mostly one token
    int n;
} Word;

typedef struct {
    int id;
    float cosine;
} Neighbour;

static const float *row(const Tables *t, const float *table, int i)
{
    return table + (size_t)i * (size_t)t->C;
}

static float dot(const float *a, const float *b, int n)
{
    float result;
    vec_dots(&result, a, b, F32, n, 1, n);
    return result;
}

static float norm(const float *a, int n)
{
    return sqrtf(dot(a, a, n));
}

static float cosine(const float *a, const float *b, int n)
{
    return dot(a, b, n) / (norm(a, n) * norm(b, n));
}

// ---- neighbours

// The tokens whose rows of wte point most nearly the same way as `target`, the nearest
// first, without those of words[n].  Returns how many: `most`, or all there are.
static int nearest(const Tables *t, const float *target, const Word *words, int n,
                   Neighbour *found, int most)
{
    int count = 0;
    float length = norm(target, t->C);
    for (int id = 0; id < t->in->config.V; id++) {
        float c = dot(target, row(t, t->wte, id), t->C) / (length * t->norms[id]);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < words[i].n; k++)
                if (words[i].ids[k] == id)
                    c = NAN;
        int place = count;
        while (place > 0 && c > found[place - 1].cosine)
            place--;
        if (place == most || isnan(c))  // NaN, too: a row of zeros
            continue;
        count += count < most;
        memmove(found + place + 1, found + place,
                (size_t)(count - place - 1) * sizeof *found);
        found[place] = (Neighbour){ id, c };
    }
    return count;
}

static int nearest_to_token(const Tables *t, int id, Neighbour *found)
{
    Word itself = { NULL, &id, 1 };
    return nearest(t, row(t, t->wte, id), &itself, 1, found, NEAR);
}

static void json_neighbours(const Tables *t, const char *key, const Neighbour *found,
                            int n)
{
    json_begin("[", key);
    for (int i = 0; i < n; i++) {
        json_begin("{", NULL);
        json_int("id", found[i].id);
        input_json_token(t->in, "token", found[i].id);
        json_float("cosine", (double)found[i].cosine);
        json_end();
    }
    json_end();
}

// ---- words

// A word's tokens: of " word", which is how words look inside a text; or of "word", if
// only that is one token.
static Word find_word(const Tables *t, const char *given)
{
    size_t n = strlen(given);
    char *text = memory_alloc(n + 2, 1, "a word");
    Word spaced = { .given = given }, bare = spaced;
    snprintf(text, n + 2, " %s", given);
    spaced.ids = tokenizer_encode(&t->in->tokenizer, text, n + 1, &spaced.n);
    bare.ids = tokenizer_encode(&t->in->tokenizer, given, n, &bare.n);
    free(text);
    if (spaced.n > 1 && (bare.n == 1 || *given == ' ')) {
        free(spaced.ids);
        return bare;
    }
    free(bare.ids);
    return spaced;
}

// target += sign * the mean of the rows of its tokens.
static void add_word(const Tables *t, const Word *w, float sign, float *target)
{
    float share = sign / (float)w->n;
    for (int i = 0; i < w->n; i++) {
        if (w->ids[i] >= t->in->config.V)
            die("vocab.json has a token %d, config.json a vocabulary of %d; do the two "
                "belong together?",
                w->ids[i], t->in->config.V);
        vec_mix(target, &share, row(t, t->wte, w->ids[i]), F32, t->C, 1, t->C);
    }
}

static void print_words(const Tables *t, const Word *words, int n)
{
    char text[INPUT_LABEL];
    printf("%s%s%s: tokens whose rows of wte point the same way%s (cosine)\n\n",
           ink(BOLD), n == 1 ? "Near a word" : "A is to B as C is to what?", ink(PLAIN),
           n == 1 ? "" : " as B - A + C");
    for (int i = 0; i < n; i++) {
        terminal_escape(text, sizeof text, words[i].given, strlen(words[i].given));
        printf("  %-14s ", text);
        for (int k = 0; k < words[i].n; k++) {
            input_label(t->in, words[i].ids[k], text);
            printf(" %s%s%s", paper(k), text, ink(PLAIN));
        }
        printf("%s\n", words[i].n == 1 ? "" : ": several tokens; the mean of their rows");
    }
    printf("\n");
}

static void print_list(const Tables *t, const Neighbour *found, int n)
{
    char label[INPUT_LABEL];
    for (int i = 0; i < n; i++) {
        input_label(t->in, found[i].id, label);
        printf("  %-14s  %5.2f  %s%s%s\n", label, (double)found[i].cosine, ink(CYAN),
               terminal_bar((double)found[i].cosine, 40), ink(PLAIN));
    }
}

static void json_words(const Tables *t, const Word *words, int n)
{
    json_begin("[", "words");
    for (int i = 0; i < n; i++) {
        size_t bytes;
        const Word *w = &words[i];
        char *text = tokenizer_decode(&t->in->tokenizer, w->ids, w->n, &bytes);
        json_begin("{", NULL);
        json_text("word", w->given, strlen(w->given));
        json_text("text", text, bytes);
        json_ints("ids", w->ids, w->n);
        json_end();
        free(text);
    }
    json_end();
}

// What lies near one word, or near B - A + C of three.
static void show_words(const Tables *t, const char *key, const char *const *given, int n)
{
    Word words[3];
    Neighbour found[TOP];
    float *target = memory_alloc((size_t)t->C, sizeof *target, "a row");
    if (!t->in->has_text)
        die("--%s needs the model's vocab.json and merges.txt", key);
    for (int i = 0; i < n; i++) {
        words[i] = find_word(t, given[i]);
        add_word(t, &words[i], n == 3 && i == 0 ? -1 : 1, target);
    }
    int count = nearest(t, target, words, n, found, TOP);
    if (t->in->options->json) {
        json_begin("{", key);
        json_words(t, words, n);
        json_neighbours(t, "nearest", found, count);
        json_end();
    } else {
        if (!t->in->options->quiet)
            print_words(t, words, n);
        print_list(t, found, count);
    }
    for (int i = 0; i < n; i++)
        free(words[i].ids);
    free(target);
}

// ---- positions

// 0 1 2 5 10 20 50 ... and the last one; returns how many.
static int choose_places(const Tables *t, int *places)
{
    int n = 0, last = t->n_ctx - 1;
    for (int p = 0; p < last; p = n < 3 ? n : n % 3 ? 2 * p : 5 * p / 2)
        places[n++] = p;
    places[n++] = last;
    return n;
}

static float alike(const Tables *t, int p, int q)
{
    return cosine(row(t, t->wpe, p), row(t, t->wpe, q), t->C);
}

static void print_map(const Tables *t)
{
    float cosines[PLACES * PLACES];
    char text[PLACES][12];
    const char *labels[PLACES];
    int places[PLACES], n = choose_places(t, places);
    for (int i = 0; i < n; i++) {
        snprintf(text[i], sizeof text[i], "%d", places[i]);
        labels[i] = text[i];
        for (int j = 0; j < n; j++)
            cosines[i * n + j] = alike(t, places[i], places[j]);
    }
    printf("\n%sPositions%s: cosine of rows of wpe, from -1 to 1\n\n", ink(BOLD),
           ink(PLAIN));
    terminal_heatmap(cosines, n, n, labels, -1, 1);
}

static void print_positions(const Tables *t)
{
    int places[PLACES], n = choose_places(t, places);
    printf("%sPositions%s: cosine of rows of wpe, each with each\n\n%6s", ink(BOLD),
           ink(PLAIN), "");
    for (int i = 0; i < n; i++)
        printf("%6d", places[i]);
    for (int i = 0; i < n; i++) {
        printf("\n%6d", places[i]);
        for (int j = 0; j < n; j++)
            printf("%6.2f", (double)alike(t, places[i], places[j]));
    }
    printf("\n\n%sDecay%s: with position 0\n\n", ink(BOLD), ink(PLAIN));
    for (int i = 0; i < n; i++)
        printf("%6d%6.2f  %s%s%s\n", places[i], (double)alike(t, 0, places[i]), ink(CYAN),
               terminal_bar((double)alike(t, 0, places[i]), 40), ink(PLAIN));
}

static void json_cosines(const Tables *t, const char *key, int with, const int *places,
                         int n)
{
    json_begin("[", key);
    for (int i = 0; i < n; i++)
        json_float(NULL, (double)alike(t, with, places[i]));
    json_end();
}

static void json_positions(const Tables *t)
{
    int places[PLACES], n = choose_places(t, places);
    json_ints("positions", places, n);
    json_begin("[", "cosines");
    for (int i = 0; i < n; i++)
        json_cosines(t, NULL, places[i], places, n);
    json_end();
    json_cosines(t, "decay", 0, places, n);
}

// ---- the prompt
