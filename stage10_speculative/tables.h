// The page tables of a cache: which pages a lane has.  Texts that begin alike share the
// pages of their common past; a lane that writes to a page of several users gets a copy
// of its own (copy on write).
//
//     tables_fork(&k, 1, 0);                    // text 1 goes on where text 0 is
//     tables_remember(&k, 0, ids, n);           // the pages of text 0 get names
//     int held = tables_recall(&k, 2, ids, n);  // text 2 finds them, even after text 0
#ifndef TABLES_H
#define TABLES_H

#include "kvcache.h"

// Are there pages for so many rows more?
bool tables_fit(const KVCache *k, int lane, int rows);
// The page of a window's slot becomes one that the lane may write to.  false: there is
// none left.
bool tables_own(KVCache *k, int lane, int slot);
// Gives back the pages behind the first `length` slots.
void tables_drop(KVCache *k, int lane, int length);
// Lane `to` gets what `from` holds.
void tables_fork(KVCache *k, int to, int from);
// Names the full pages of a lane that holds ids[n], or the beginning of it, if the window
// has not moved.
void tables_remember(KVCache *k, int lane, const int *ids, int n);
// The empty lane gets the pages that hold the beginning of ids[n], but never all of it: a
// row must be left to compute.  Returns how many tokens they hold.
int tables_recall(KVCache *k, int lane, const int *ids, int n);

#endif
