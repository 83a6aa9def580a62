// Interactive mode.  Chapter 7.
#include "chat.h"
#include "memory.h"
#include "terminal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Set by Ctrl-C; a handler can reach nothing else.
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

// The text so far.
typedef struct {
    int *ids;  // [n]
    int n;
} History;

static void append(History *h, const int *ids, int n)
{
    h->ids =
        memory_grow(h->ids, (size_t)h->n + (size_t)n, sizeof *h->ids, "the conversation");
    memcpy(h->ids + h->n, ids, (size_t)n * sizeof *ids);
    h->n += n;
}

static void append_text(History *h, const Tokenizer *t, const char *text)
{
    int n;
    int *ids = tokenizer_encode(t, text, strlen(text), &n);
    append(h, ids, n);
    free(ids);
}

// Forgets the beginning, so that the model sees `room` tokens at most.
static void forget(History *h, int room)
{
    if (h->n <= room)
        return;
    memmove(h->ids, h->ids + h->n - room, (size_t)room * sizeof *h->ids);
    h->n = room;
}

static void print(void *to, const char *text, size_t n)
{
    (void)to;
    fwrite(text, 1, n, stdout);
    fflush(stdout);
}

// The reader's line, without its end; NULL when there is no more.  A Ctrl-C here starts a
// new line.
static char *read_line(bool ask)
{
    char *line = NULL;
    size_t room = 0;
    for (;;) {
        if (ask)
            printf("%s> %s", ink(CYAN), ink(PLAIN));
        fflush(stdout);
        errno = 0;
        ssize_t n = getline(&line, &room, stdin);
        if (n >= 0) {
            line[strcspn(line, "\n")] = '\0';
            return line;
        }
        if (errno != EINTR) {
            free(line);
            return NULL;
        }
        clearerr(stdin);
        printf("\n");
    }
}

static void take_turn(const Input *in, const GenerateOptions *o, History *h,
                      ChatWrite write, void *to)
{
    Sequence q;
    int room = in->config.T - o->n_new;
    forget(h, room > in->config.T / 2 ? room : in->config.T / 2);
    sequence_init(&q, o, h->ids, h->n, &in->tokenizer, &in->config, 0);
    q.emit = print;
    q.interrupt = &interrupted;
    interrupted = 0;
    write(to, &q);
    printf("%s\n", q.finish == INTERRUPT ? " ..." : "");
    append(h, q.ids + q.n_prompt, q.n - q.n_prompt - (q.finish == EOS));
    sequence_free(&q);
}

void chat(const Input *in, const GenerateOptions *o, ChatWrite write, void *to)
{
    struct sigaction action = { .sa_handler = on_interrupt },
                     before;  // no SA_RESTART: see EINTR
    bool ask = isatty(STDIN_FILENO);
    History h = { NULL, 0 };
    char *line;
    sigaction(SIGINT, &action, &before);
    if (ask)
        printf("Write a beginning; the model goes on.  "
               "Ctrl-C ends its turn, Ctrl-D the program.\n");
    append(&h, in->ids, in->n);
    while ((line = read_line(ask)) != NULL) {
        if (h.n > 0)
            append_text(&h, &in->tokenizer, "\n");
        append_text(&h, &in->tokenizer, line);
        free(line);
        if (h.n > 0)
            take_turn(in, o, &h, write, to);
    }
    if (ask)
        printf("\n");
    sigaction(SIGINT, &before, NULL);
    free(h.ids);
}
