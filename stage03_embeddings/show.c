// The exhibit of stage 3: the sum of two rows, and what lies near what.
#include "show.h"
#include "jsonout.h"
#include "memory.h"
#include "terminal.h"
#include "vec.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR = 5, TOP = 10, WORDS = 4, PLACES = 20 };

typedef struct {
    int *ids, n;  // mostly one token
} Word;

typedef struct {
    int id;
    float cosine;
} Neighbour;

// Positions, and how alike their rows of wpe are.
typedef struct {
    int n, at[PLACES];
    float cosines[PLACES * PLACES];  // [n, n]
} Places;

static const float *row(const Tables *t, const float *table, int i)
{
    return table + (size_t)i * (size_t)t->C;
}

static float norm(const float *a, int n)
{
    return sqrtf(vec_square_sum(a, 0, n));
}

static float cosine(const float *a, const float *b, int n)
{
    float dot;
    vec_dots(&dot, a, b, F32, n, 1, n);
    return dot / (norm(a, n) * norm(b, n));
}

// The tokens whose rows of wte point most nearly the same way as `target`, the nearest
// first, without those of words[n].  Returns how many: `most`, or all there are.
static int nearest(const Tables *t, const float *target, const Word *words, int n,
                   Neighbour *found, int most)
{
    float c, length = norm(target, t->C);
    int count = 0;
    for (int id = 0; id < t->in->config.V; id++) {
        vec_dots(&c, target, row(t, t->wte, id), F32, t->C, 1, t->C);
        c /= length * t->norms[id];
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

static void json_begin_token(const Tables *t, int id)
{
    json_begin("{", NULL);
    json_int("id", id);
    input_json_token(t->in, "token", id);
}

static void json_list(const Tables *t, const char *key, const Neighbour *found, int n)
{
    json_begin("[", key);
    for (int i = 0; i < n; i++) {
        json_begin_token(t, found[i].id);
        json_float("cosine", (double)found[i].cosine);
        json_end();
    }
    json_end();
}

// As " word", which is how words look inside a text; as "word" if only that is one token.
static Word find_word(const Tables *t, const char *given)
{
    char *text = memory_alloc(strlen(given) + 2, 1, "a word");
    Word spaced, bare;
    strcpy(text + 1, given)[-1] = ' ';
    spaced.ids = tokenizer_encode(&t->in->tokenizer, text, strlen(text), &spaced.n);
    bare.ids = tokenizer_encode(&t->in->tokenizer, given, strlen(given), &bare.n);
    bool take = *given != ' ' && (spaced.n == 1 || bare.n > 1);
    free(take ? bare.ids : spaced.ids);
    free(text);
    return take ? spaced : bare;
}

// target += sign * the mean of the rows of its tokens.
static void add_word(const Tables *t, const Word *w, float sign, float *target)
{
    float share = sign / (float)w->n;
    for (int i = 0; i < w->n; i++)
        vec_mix(target, &share, row(t, t->wte, w->ids[i]), F32, t->C, 1, t->C);
}

static void print_words(const Tables *t, const Word *words, int n, const Neighbour *found,
                        int count)
{
    char label[INPUT_LABEL];
    if (!t->in->options->quiet)
        printf("%sNear %s%s: tokens whose rows of wte point the same way (cosine)\n\n",
               ink(BOLD), n == 1 ? "A" : "B - A + C", ink(PLAIN));
    for (int i = 0; i < n && !t->in->options->quiet; i++) {
        printf("  %c =", "ABC"[i]);
        for (int k = 0; k < words[i].n; k++) {
            input_label(t->in, words[i].ids[k], label);
            printf(" %s%s%s", paper(k), label, ink(PLAIN));
        }
        printf("%s%s\n",
               words[i].n == 1 ? "" : ", several tokens: the mean of their rows",
               i == n - 1 ? "\n" : "");
    }
    for (int i = 0; i < count; i++) {
        input_label(t->in, found[i].id, label);
        printf("  %-14s  %5.2f  %s%s%s\n", label, (double)found[i].cosine, ink(CYAN),
               terminal_bar((double)found[i].cosine, 40), ink(PLAIN));
    }
}

void show_words(const Tables *t, const char *key, const char *const *given, int n)
{
    Word words[3];
    Neighbour found[TOP];
    float *target = memory_alloc((size_t)t->C, sizeof *target, "a row");
    for (int i = 0; i < n; i++) {
        words[i] = find_word(t, given[i]);
        add_word(t, &words[i], n == 3 && i == 0 ? -1 : 1, target);
    }
    int count = nearest(t, target, words, n, found, TOP);
    if (t->in->options->json) {
        json_begin("{", key);
        json_begin("[", "words");
        for (int i = 0; i < n; i++) {
            json_begin("[", NULL);
            for (int k = 0; k < words[i].n; k++) {
                json_begin_token(t, words[i].ids[k]);
                json_end();
            }
            json_end();
        }
        json_end();
        json_list(t, "nearest", found, count);
        json_end();
    } else {
        print_words(t, words, n, found, count);
    }
    for (int i = 0; i < n; i++)
        free(words[i].ids);
    free(target);
}

// At 0 1 2 5 10 20 50 ... and the last one.
static void compare_places(const Tables *t, Places *p)
{
    int n = 0;
    for (int at = 0; at < t->n_ctx - 1; at = n < 3 ? n : at * (n % 3 ? 4 : 5) / 2)
        p->at[n++] = at;
    p->at[n++] = t->n_ctx - 1;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            p->cosines[i * n + k] =
                cosine(row(t, t->wpe, p->at[i]), row(t, t->wpe, p->at[k]), t->C);
    p->n = n;
}

static void json_floats(const char *key, const float *values, int n)
{
    json_begin("[", key);
    for (int i = 0; i < n; i++)
        json_float(NULL, (double)values[i]);
    json_end();
}

void show_positions(const Tables *t)
{
    Places p;
    compare_places(t, &p);
    if (t->in->options->json) {
        json_ints("positions", p.at, p.n);
        json_begin("[", "cosines");
        for (int i = 0; i < p.n; i++)
            json_floats(NULL, p.cosines + i * p.n, p.n);
        json_end();
        json_floats("decay", p.cosines, p.n);
        return;
    }
    printf("%sPositions%s: cosine of rows of wpe\n\n%6s", ink(BOLD), ink(PLAIN), "");
    for (int i = 0; i < p.n; i++)
        printf("%6d", p.at[i]);
    for (int i = 0; i < p.n; i++) {
        printf("\n%6d", p.at[i]);
        for (int k = 0; k < p.n; k++)
            printf("%6.2f", (double)p.cosines[i * p.n + k]);
    }
    printf("\n\n%sDecay%s: with position 0, from -1 to 1\n\n", ink(BOLD), ink(PLAIN));
    for (int i = 0; i < p.n; i++)
        printf("%6d%6.2f  %s%s%s\n", p.at[i], (double)p.cosines[i], ink(CYAN),
               terminal_bar(0.5 + (double)p.cosines[i] / 2, 40), ink(PLAIN));
}

static void print_rows(const Tables *t)
{
    const Input *in = t->in;
    char label[INPUT_LABEL];
    printf("%sx[t] = wte[id] + wpe[t]%s: %d rows of %d numbers\n\n", ink(BOLD),
           ink(PLAIN), in->n, t->C);
    printf("%4s %-14s %6s %9s %9s %9s   first numbers of x\n", "t", "token", "id",
           "|wte|", "|wpe|", "|x|");
    for (int i = 0; i < in->n; i++) {
        const float *x = row(t, t->x, i);
        input_label(in, in->ids[i], label);
        printf("%4d %s%-14s%s %6d %9.3f %9.3f %9.3f  ", i, paper(i), label, ink(PLAIN),
               in->ids[i], (double)t->norms[in->ids[i]],
               (double)norm(row(t, t->wpe, i), t->C), (double)norm(x, t->C));
        for (int k = 0; k < 2 && k < t->C; k++)
            printf(" %7.3f", (double)x[k]);
        printf("\n");
    }
}

static void print_neighbours(const Tables *t)
{
    const Input *in = t->in;
    char label[INPUT_LABEL];
    printf("\n%sNeighbours%s: tokens whose rows of wte point the same way (cosine)\n\n",
           ink(BOLD), ink(PLAIN));
    for (int i = in->n > WORDS ? in->n - WORDS : 0; i < in->n; i++) {
        Neighbour found[NEAR];
        Word itself = { &in->ids[i], 1 };
        int n = nearest(t, row(t, t->wte, in->ids[i]), &itself, 1, found, NEAR);
        input_label(in, in->ids[i], label);
        printf("  %s%-12s%s", paper(i), label, ink(PLAIN));
        for (int k = 0, columns = 14; k < n; k++) {
            input_label(in, found[k].id, label);
            columns += (int)strlen(label) + 7;
            if (columns > terminal_width())
                break;
            printf("  %s %.2f", label, (double)found[k].cosine);
        }
        printf("\n");
    }
}

// Returns the mean length of a row.
static double print_table(const Tables *t, const char *name, const float *table, int n)
{
    double count = (double)n * t->C, sum = 0, squares = 0, length = 0;
    for (int i = 0; i < n; i++) {
        float square = vec_square_sum(row(t, table, i), 0, t->C);
        sum += (double)vec_sum(row(t, table, i), t->C);
        squares += (double)square;
        length += sqrt((double)square) / n;
    }
    double mean = sum / count, std = sqrt(fmax(squares / count - mean * mean, 0));
    printf("  %-4s %9d %9d %11.4f %9.4f %9.3f\n", name, n, t->C, mean, std, length);
    return length;
}

// The cosine between a token's x at position 0 and at p.
static double moved(const Tables *t, int id, int p)
{
    const float *token = row(t, t->wte, id), *place = row(t, t->wpe, p);
    float x[t->C], y[t->C];
    for (int i = 0; i < t->C; i++) {
        x[i] = token[i] + t->wpe[i];
        y[i] = token[i] + place[i];
    }
    return (double)cosine(x, y, t->C);
}

static void print_tables(const Tables *t)
{
    char label[INPUT_LABEL];
    int id = t->in->ids[t->in->n - 1], last = t->n_ctx - 1;
    printf("\n%sTables%s %9s %9s %11s %9s %9s\n\n", ink(BOLD), ink(PLAIN), "rows",
           "columns", "mean", "std", "|row|");
    double wte = print_table(t, "wte", t->wte, t->in->config.V),
           wpe = print_table(t, "wpe", t->wpe, t->n_ctx);
    printf("  rows of wte are on average %.2f times as long as those of wpe\n",
           wte / wpe);
    input_label(t->in, id, label);
    printf("  x of %s at position 0 and at %d: cosine %.3f; at %d: %.3f\n", label,
           last > 0, moved(t, id, last > 0), last, moved(t, id, last));
}

static void print_map(const Tables *t)
{
    Places p;
    char text[PLACES][12];
    const char *labels[PLACES];
    compare_places(t, &p);
    for (int i = 0; i < p.n; i++) {
        snprintf(text[i], sizeof text[i], "%d", p.at[i]);
        labels[i] = text[i];
    }
    printf("\n%sPositions%s: cosine of rows of wpe, from -1 to 1\n\n", ink(BOLD),
           ink(PLAIN));
    terminal_heatmap(p.cosines, p.n, p.n, labels, -1, 1);
}

static void json_rows(const Tables *t)
{
    const Input *in = t->in;
    json_ints("ids", in->ids, in->n);
    json_begin("[", "rows");
    for (int i = 0; i < in->n; i++) {
        Neighbour found[NEAR];
        Word itself = { &in->ids[i], 1 };
        int n = nearest(t, row(t, t->wte, in->ids[i]), &itself, 1, found, NEAR);
        json_begin_token(t, in->ids[i]);
        json_int("position", i);
        json_float("wte_norm", (double)t->norms[in->ids[i]]);
        json_float("wpe_norm", (double)norm(row(t, t->wpe, i), t->C));
        json_float("norm", (double)norm(row(t, t->x, i), t->C));
        json_list(t, "near", found, n);
        json_end();
    }
    json_end();
}

void show_prompt(const Tables *t)
{
    if (t->in->options->json)
        json_rows(t);
    else
        print_rows(t);
    if (t->in->options->json || t->in->options->quiet)
        return;
    print_neighbours(t);
    print_tables(t);
    print_map(t);
}
