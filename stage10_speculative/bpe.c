// Byte-pair encoding.  Chapter 2; see bpe.h.
#include "bpe.h"
#include "memory.h"
#include <stdlib.h>
#include <string.h>

// ---- the list of merges: a hash table with open addressing, at most half full

void bpe_init(Bpe *b, size_t most)
{
    *b = (Bpe){ .size = 16 };
    while (b->size < 2 * most)
        b->size *= 2;
    b->table = memory_alloc(b->size, sizeof *b->table, "the merges");
    for (size_t i = 0; i < b->size; i++)
        b->table[i].left = -1;
}

void bpe_free(Bpe *b)
{
    free(b->table);
    *b = (Bpe){ 0 };
}

// The place of a pair, or the empty one where it belongs.
static Merge *place(const Bpe *b, int left, int right)
{
    uint64_t h = ((uint64_t)(unsigned)left << 32 | (unsigned)right) * 0x9e3779b97f4a7c15u;
    size_t at = (size_t)(h >> 32) & (b->size - 1);
    while (b->table[at].left >= 0 &&
           (b->table[at].left != left || b->table[at].right != right))
        at = (at + 1) & (b->size - 1);
    return &b->table[at];
}

bool bpe_add(Bpe *b, int left, int right, int merged)
{
    Merge *m = place(b, left, right);
    if (m->left >= 0)
        return false;
    *m = (Merge){ left, right, b->n++, merged };
    return true;
}

const Merge *bpe_find(const Bpe *b, int left, int right)
{
    const Merge *m = place(b, left, right);
    return m->left < 0 ? NULL : m;
}

// ---- the candidates: a binary heap; element i is not greater than 2i + 1 and 2i + 2

static void heap_push(BpeScratch *s, uint64_t value)
{
    size_t i = s->n++;
    for (; i > 0 && s->heap[(i - 1) / 2] > value; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = value;
}

// Removes and returns the least.
static uint64_t heap_pop(BpeScratch *s)
{
    uint64_t least = s->heap[0], value = s->heap[--s->n];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < s->n) {
        if (child + 1 < s->n && s->heap[child + 1] < s->heap[child])
            child++;
        if (s->heap[child] >= value)
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = value;
    return least;
}

// ---- joining

static void reserve(BpeScratch *s, size_t n)
{
    if (n <= s->room)
        return;
    free(s->block);
    s->room = n < 256 ? 256 : 2 * n;
    MemoryPart parts[] = { { &s->next, s->room, sizeof *s->next },
                           { &s->previous, s->room, sizeof *s->previous },
                           { &s->merge, s->room, sizeof *s->merge },
                           { &s->heap, 3 * s->room, sizeof *s->heap },
                           { 0 } };
    s->block = memory_block(parts, "the tokenizer's working memory");
}

void bpe_scratch_free(BpeScratch *s)
{
    free(s->block);
    *s = (BpeScratch){ 0 };
}

// Is the pair that begins at `at` in the list?  Then it is a candidate.  Rank and
// position in one number order candidates as the rule wants: lowest rank, then leftmost.
static void consider(const Bpe *b, BpeScratch *s, const int *ids, size_t n, size_t at)
{
    size_t right = s->next[at];
    const Merge *m = right < n ? bpe_find(b, ids[at], ids[right]) : NULL;
    s->merge[at] = m;
    if (m)
        heap_push(s, (uint64_t)m->rank << 32 | at);
}

// The token at `at` takes in its right neighbour, and has new pairs on both sides.
static void join(const Bpe *b, BpeScratch *s, int *ids, size_t n, size_t at)
{
    size_t right = s->next[at], after = s->next[right];
    ids[at] = s->merge[at]->merged;
    s->merge[right] = NULL;
    s->next[at] = (unsigned)after;
    if (after < n)
        s->previous[after] = (unsigned)at;
    consider(b, s, ids, n, at);
    if (at > 0)
        consider(b, s, ids, n, s->previous[at]);
}

size_t bpe_join(const Bpe *b, BpeScratch *s, int *ids, size_t n)
{
    size_t left = 0;
    reserve(s, n);
    s->n = 0;
    for (size_t i = 0; i < n; i++) {
        s->next[i] = (unsigned)i + 1;
        s->previous[i] = (unsigned)i - 1;  // of no use for the first
        consider(b, s, ids, n, i);
    }
    while (s->n > 0) {
        uint64_t least = heap_pop(s);
        size_t at = (size_t)(least & UINT32_MAX);
        const Merge *m = s->merge[at];
        if (m && (uint64_t)m->rank == least >> 32)  // else the pair has gone meanwhile
            join(b, s, ids, n, at);
    }
    for (size_t i = 0; i < n; i = s->next[i])
        ids[left++] = ids[i];
    return left;
}
