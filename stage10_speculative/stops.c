// Stop texts.  Chapter 7.
#include "stops.h"
#include "memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void stops_init(Stops *s, const char *const *list, int n_list, size_t room)
{
    *s = (Stops){ .list = list, .n_list = n_list, .room = room };
    s->text = memory_alloc(room, 1, "the new text");
}

void stops_free(Stops *s)
{
    free(s->text);
}

bool stops_push(Stops *s, const char *bytes, size_t size)
{
    assert(s->n + size <= s->room);
    size_t from = stops_ready(s), end = s->n + size;  // before `from` none can begin
    memcpy(s->text + s->n, bytes, size);
    s->n = end;
    for (; from < end; from++)
        for (int i = 0; i < s->n_list; i++) {
            size_t length = strlen(s->list[i]);
            if (length <= end - from && memcmp(s->text + from, s->list[i], length) == 0) {
                s->n = from;
                return true;
            }
        }
    return false;
}

size_t stops_ready(const Stops *s)
{
    size_t ready = s->n;
    for (int i = 0; i < s->n_list; i++) {
        size_t length = strlen(s->list[i]), held = length - 1 < s->n ? length - 1 : s->n;
        while (held > 0 && memcmp(s->text + s->n - held, s->list[i], held) != 0)
            held--;
        ready = s->n - held < ready ? s->n - held : ready;
    }
    return ready;
}
