// The exhibit of stage 02.  Chapter 2; see show.h.
#include "show.h"
#include "jsonout.h"
#include "memory.h"
#include "pretokenize.h"
#include "terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

// ---- tokens and ids

typedef struct {
    char s[256];
} Text;

static Text token_text(const Tokenizer *t, int id)
{
    Text text;
    size_t n;
    const char *bytes = tokenizer_bytes(t, id, &n);
    terminal_escape(text.s, sizeof text.s, bytes, n);
    return text;
}

// Columns on the terminal.
static int width_of(const char *text)
{
    int width = 0;
    utf8proc_int32_t c;
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)text;
    for (utf8proc_ssize_t n; *p && (n = utf8proc_iterate(p, -1, &c)) > 0; p += n)
        width += utf8proc_charwidth(c);
    return width;
}

static int cell_width(const Tokenizer *t, int id)
{
    Text text = token_text(t, id);
    int width = width_of(text.s), digits = snprintf(NULL, 0, "%d", id);
    return width > digits ? width : digits;
}

// One line of tokens, and their ids below.
static void print_cells(const Tokenizer *t, const int *ids, int first, int end)
{
    for (int i = first; i < end; i++) {
        Text text = token_text(t, ids[i]);
        printf("%s%s%s%*s%s", paper(i), text.s, ink(PLAIN),
               cell_width(t, ids[i]) - width_of(text.s), "",
               terminal_color() ? " " : "|");
    }
    printf("\n%s", ink(DIM));
    for (int i = first; i < end; i++)
        printf("%-*d ", cell_width(t, ids[i]), ids[i]);
    printf("%s\n", ink(PLAIN));
}

static void print_tokens(const Tokenizer *t, const int *ids, int n)
{
    int first = 0, columns = 0;
    for (int i = 0; i < n; i++) {
        int width = cell_width(t, ids[i]) + 1;
        if (i > first && columns + width > terminal_width()) {
            print_cells(t, ids, first, i);
            first = i;
            columns = 0;
        }
        columns += width;
    }
    print_cells(t, ids, first, n);
}

void show_ids(const int *ids, int n)
{
    for (int i = 0; i < n; i++)
        printf("%s%d", i ? "," : "", ids[i]);
    printf("\n");
}

void show_json(const Tokenizer *t, const int *ids, int n, const char *text, size_t bytes)
{
    json_begin("{", NULL);
    json_ints("ids", ids, n);
    json_begin("[", "tokens");
    for (int i = 0; i < n; i++) {
        size_t length;
        const char *token = tokenizer_bytes(t, ids[i], &length);
        json_text(NULL, token, length);
    }
    json_end();
    json_text("text", text, bytes);
    json_end();
}

// ---- merges

enum { TRACE_MAX = 100 };  // bytes of a piece; longer ones are too wide to be read

static void print_state(const Tokenizer *t, const int *ids, int n, int joined)
{
    printf("  |");
    for (int i = 0; i < n; i++)
        printf("%s%s%s|", i == joined ? ink(GREEN) : "", token_text(t, ids[i]).s,
               i == joined ? ink(PLAIN) : "");
    printf("\n");
}

// The rule as it is told, without bpe.c's heap: look at all pairs, join the one of lowest
// rank.
static void print_merges(const Tokenizer *t, const char *piece, size_t bytes)
{
    int ids[TRACE_MAX], n = (int)bytes;
    for (int i = 0; i < n; i++)
        ids[i] = t->byte[(unsigned char)piece[i]];
    printf("  %30s", "bytes");
    print_state(t, ids, n, -1);
    for (;;) {
        const Merge *best = NULL;
        int at = 0;
        for (int i = 0; i + 1 < n; i++) {
            const Merge *m = bpe_find(&t->bpe, ids[i], ids[i + 1]);
            if (m && (!best || m->rank < best->rank)) {
                best = m;
                at = i;
            }
        }
        if (!best)
            return;
        Text left = token_text(t, best->left), right = token_text(t, best->right);
        char rule[80];
        snprintf(rule, sizeof rule, "\"%.20s\" + \"%.20s\"", left.s, right.s);
        printf("  rank %5d %*s%s", best->rank, 19 - width_of(rule), "", rule);
        ids[at] = best->merged;
        memmove(&ids[at + 1], &ids[at + 2], (size_t)(n - at - 2) * sizeof *ids);
        n--;
        print_state(t, ids, n, at);
    }
}

static void print_piece(const Tokenizer *t, const char *piece, size_t bytes)
{
    Text text;
    terminal_escape(text.s, sizeof text.s, piece, bytes);
    printf("%s\"%s\"%s\n", ink(BOLD), text.s, ink(PLAIN));
    if (bytes <= TRACE_MAX)
        print_merges(t, piece, bytes);
    else
        printf("  %zu bytes; merges are shown for at most %d\n", bytes, TRACE_MAX);
}

void show_trace(const Tokenizer *t, const char *text, size_t bytes)
{
    size_t name_n;
    const char *name = tokenizer_bytes(t, t->special, &name_n);
    for (size_t at = 0, next; at < bytes; at = next) {
        const char *special = name_n ? memmem(text + at, bytes - at, name, name_n) : NULL;
        size_t end = special ? (size_t)(special - text) : bytes;
        for (next = at; next < end;) {
            size_t piece = next;
            next = pretokenize_next(text, end, piece);
            print_piece(t, text + piece, next - piece);
        }
        if (special) {
            printf("%s%.*s%s\n  the special token %d: no merges\n", ink(BOLD),
                   (int)name_n, name, ink(PLAIN), t->special);
            next = end + name_n;
        }
    }
}

static void print_longest(const Tokenizer *t, const char *text, size_t bytes)
{
    size_t longest = 0, length = 0;
    for (size_t at = 0, end; at < bytes; at = end) {
        end = pretokenize_next(text, bytes, at);
        if (end - at > length && end - at <= TRACE_MAX) {
            longest = at;
            length = end - at;
        }
    }
    if (length == 0)
        return;
    printf("\nThe longest piece, pair by pair; the lowest rank joins first:\n\n");
    print_piece(t, text + longest, length);
}

// ---- characters a token

static int characters(const char *text, size_t bytes)
{
    int n = 0;
    for (size_t i = 0; i < bytes; i++)
        n += (text[i] & 0xc0) != 0x80;  // all but the further bytes of a character
    return n;
}

static void print_ratio(const Tokenizer *t, const char *kind, const char *text,
                        size_t bytes)
{
    enum { FULL = 6 };  // characters a token that fill the bar
    int n;
    int *ids = tokenizer_encode(t, text, bytes, &n);
    double ratio = (double)characters(text, bytes) / (n ? n : 1);
    printf("  %-12s %4.2f %s%s%s %3d characters, %3d tokens\n", kind, ratio, ink(CYAN),
           terminal_bar(ratio / FULL, 24), ink(PLAIN), characters(text, bytes), n);
    free(ids);
}

static void print_ratios(const Tokenizer *t, const char *text, size_t bytes)
{
    static const struct {
        const char *kind, *text;
    } samples[] = {
        { "English",
          "The old woman went into the forest, and there she found a little house." },
        { "code", "for (int i = 0; i < n; i++) { sum += x[i] * y[i]; }" },
        { "numbers", "3.14159 2718281828 1,000,000 1969-07-20 00:42" },
        { "rare words", "pneumonoultramicroscopic antidisestablishmentarianism" },
        { "repetition", "ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha" },
        { "capitals", "THE OLD WOMAN WENT INTO THE FOREST" },
        { "other script", "Жили-были старик со старухой у самого синего моря" },
    };
    printf("\nCharacters a token: the fewer tokens, the less work for the model\n\n");
    print_ratio(t, "this text", text, bytes);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        print_ratio(t, samples[i].kind, samples[i].text, strlen(samples[i].text));
}

void show_text(const Tokenizer *t, const char *text, size_t bytes)
{
    int n;
    int *ids = tokenizer_encode(t, text, bytes, &n);
    printf(
        "%s%d tokens%s for %d characters (%zu bytes); the vocabulary has %d tokens\n\n",
        ink(BOLD), n, ink(PLAIN), characters(text, bytes), bytes, t->n);
    print_tokens(t, ids, n);
    print_longest(t, text, bytes);
    print_ratios(t, text, bytes);
    free(ids);
}
