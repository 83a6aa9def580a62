// The pages of a cache: which are in use, by how many texts, and what they hold.  After
// W. Kwon et al., "Efficient Memory Management for Large Language Model Serving with
// PagedAttention", 2023.
//
//     int page = pages_take(&p);               // one user
//     pages_share(&p, page);                   // two
//     uint64_t name = pages_name(&p, page, 0, ids);
//     pages_drop(&p, page); pages_drop(&p, page);
//     page = pages_find(&p, 0, ids);           // free, but it still holds these tokens
//
// A full page gets a name: a hash of its tokens and of all before them.  A later text
// that begins with the same tokens finds the page by its name.  A free page keeps its
// name until it is taken for something else.
#ifndef PAGES_H
#define PAGES_H

#include <stdint.h>

typedef struct {
    int n, tokens;  // pages; tokens of each
    int n_free;
    int *users;            // [n] how many texts have it
    int *next, *previous;  // [n + 1] the free pages as a ring that begins and ends at n
    uint64_t *names;       // [n] 0: it has none
    int *ids;              // [n, tokens] of pages with a name
    void *block;
} Pages;

void pages_init(Pages *p, int n, int tokens);
void pages_free(Pages *p);
// A free page, which loses its name: first those that have none, then the one that has
// been free longest.  -1: none is left.
int pages_take(Pages *p);
// One user more; the page may be free.
void pages_share(Pages *p, int page);
// One user less.
void pages_drop(Pages *p, int page);
// Gives a name to a page that holds ids[tokens]; `before`: the name of the page with what
// comes before them, or 0.  Returns it.
uint64_t pages_name(Pages *p, int page, uint64_t before, const int *ids);
// Takes the name away: the page will hold something else.
void pages_forget(Pages *p, int page);
// A page that holds ids[tokens] after what `before` is the name of; -1: none.
int pages_find(const Pages *p, uint64_t before, const int *ids);

#endif
