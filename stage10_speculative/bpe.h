// Byte-pair encoding: which neighbours join into one token, and in which order.
//
//     Bpe b;
//     bpe_init(&b, 2);
//     bpe_add(&b, 'a', 'b', 256);       // rank 0: a b -> 256
//     bpe_add(&b, 256, 'c', 257);       // rank 1: ab c -> 257
//     int ids[] = { 'a', 'b', 'c', 'c' };
//     BpeScratch s = { 0 };
//     size_t n = bpe_join(&b, &s, ids, 4);              // ids: 257 'c'; n: 2
//
// Of all pairs of neighbours that are in the list, the one of the lowest rank joins, the
// leftmost of several; and so on, until no pair is in the list.  Source: Sennrich,
// Haddow, Birch, https://arxiv.org/abs/1508.07909.
#ifndef BPE_H
#define BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int left, right;  // left -1: an empty place in the table
    int rank;         // its place in the list, from 0
    int merged;       // the token that they make
} Merge;

typedef struct {
    Merge *table;  // [size] hash table by left and right
    size_t size;   // a power of two
    int n;         // merges in it
} Bpe;

// Room for `most` merges.
void bpe_init(Bpe *b, size_t most);
void bpe_free(Bpe *b);
// Gives the pair the next rank.  false: it is there already.
bool bpe_add(Bpe *b, int left, int right, int merged);
// The merge of two neighbours, or NULL: they do not join.
const Merge *bpe_find(const Bpe *b, int left, int right);

// The working memory of bpe_join, which grows it as needed; begins as { 0 }.
typedef struct {
    size_t room;          // the longest piece so far
    void *block;          // holds the arrays
    unsigned *next;       // [room] the right neighbour of each token
    unsigned *previous;   // [room] and the left one
    const Merge **merge;  // [room] how it joins with its right neighbour; NULL: not
    uint64_t *heap;       // [3 room] candidates: rank, then position
    size_t n;             // candidates in `heap`
} BpeScratch;

// Joins ids[n] in place; returns how many are left.  Takes n log n steps, so that a
// "word" of a million letters is no problem.
size_t bpe_join(const Bpe *b, BpeScratch *s, int *ids, size_t n);
void bpe_scratch_free(BpeScratch *s);

#endif
