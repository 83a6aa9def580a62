// The text of new tokens, as far as it may be shown: a stop text may begin in one token
// and end in a later one, so what could be its beginning waits.
//
//     Stops s;
//     stops_init(&s, list, n, 1000);
//     if (stops_push(&s, bytes, size))  // a stop text came up; s.text ends before it
//         ...
//     print(s.text + s.shown, stops_ready(&s) - s.shown);
//     stops_free(&s);
#ifndef STOPS_H
#define STOPS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *const *list;  // [n_list] stop texts; not copied
    int n_list;
    char *text;       // [room] all text so far
    size_t n, shown;  // its bytes; of these, what the owner has shown (he counts)
    size_t room;
} Stops;

// Room for `room` bytes in all.  Release with stops_free.
void stops_init(Stops *s, const char *const *list, int n_list, size_t room);
void stops_free(Stops *s);
// Appends text.  true: a stop text is complete; the text is cut where it begins.
bool stops_push(Stops *s, const char *bytes, size_t size);
// How many bytes cannot be the beginning of a stop text.
size_t stops_ready(const Stops *s);

#endif
