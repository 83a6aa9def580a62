// The pages of a cache; see pages.h.  Chapter 9.
#include "pages.h"
#include "memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Puts a free page behind `place` in the ring of free pages; place n: at the front.
static void link_free(Pages *p, int page, int place)
{
    p->next[page] = p->next[place];
    p->previous[page] = place;
    p->previous[p->next[place]] = page;
    p->next[place] = page;
    p->n_free++;
}

static void unlink_free(Pages *p, int page)
{
    p->next[p->previous[page]] = p->next[page];
    p->previous[p->next[page]] = p->previous[page];
    p->n_free--;
}

void pages_init(Pages *p, int n, int tokens)
{
    size_t N = (size_t)n;
    MemoryPart parts[] = {
        { &p->users, N, sizeof(int) },
        { &p->next, N + 1, sizeof(int) },
        { &p->previous, N + 1, sizeof(int) },
        { &p->names, N, sizeof(uint64_t) },
        { &p->ids, N * (size_t)tokens, sizeof(int) },
        { NULL, 0, 0 },
    };
    *p = (Pages){ .n = n, .tokens = tokens };
    p->block = memory_block(parts, "the list of pages");
    p->next[n] = p->previous[n] = n;
    for (int page = 0; page < n; page++)
        link_free(p, page, p->previous[n]);
}

void pages_free(Pages *p)
{
    free(p->block);
}

int pages_take(Pages *p)
{
    int page = p->next[p->n];
    if (page == p->n)
        return -1;
    pages_forget(p, page);
    pages_share(p, page);
    return page;
}

void pages_share(Pages *p, int page)
{
    if (p->users[page]++ == 0)
        unlink_free(p, page);
}

void pages_drop(Pages *p, int page)
{
    assert(p->users[page] > 0);
    if (--p->users[page] == 0)
        link_free(p, page, p->names[page] ? p->previous[p->n] : p->n);
}

// Never 0.
static uint64_t hash(uint64_t before, const int *ids, int n)
{
    uint64_t h = before ^ 0x9e3779b97f4a7c15u;
    for (int i = 0; i < n; i++) {
        h = (h ^ (uint64_t)ids[i]) * 0xd6e8feb86659fd93u;
        h ^= h >> 32;
    }
    return h ? h : 1;
}

uint64_t pages_name(Pages *p, int page, uint64_t before, const int *ids)
{
    memcpy(p->ids + (size_t)page * (size_t)p->tokens, ids,
           (size_t)p->tokens * sizeof *ids);
    return p->names[page] = hash(before, ids, p->tokens);
}

void pages_forget(Pages *p, int page)
{
    p->names[page] = 0;
}

int pages_find(const Pages *p, uint64_t before, const int *ids)
{
    uint64_t name = hash(before, ids, p->tokens);
    size_t bytes = (size_t)p->tokens * sizeof *ids;
    for (int page = 0; page < p->n; page++)
        if (p->names[page] == name &&
            memcmp(p->ids + (size_t)page * (size_t)p->tokens, ids, bytes) == 0)
            return page;
    return -1;
}
