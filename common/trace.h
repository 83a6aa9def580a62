// One line at the head of each operation: what it is called, what it reads, writes and
// computes.  Off, it costs a load and a branch.
//
//     if (!trace_op("gelu", 8.0 * T * n, 8.0 * T * n))
//         return;
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>

// Ends the operation before and begins this one.  false: do not compute (--dry-run).
// `bytes` and `flops` are estimates of the memory traffic and of the arithmetic.  `name`
// is copied.
bool trace_op(const char *name, double bytes, double flops);
// Will nothing be computed?  Then weights need not be loaded.
bool trace_is_dry(void);
// With --dump: keeps the tensor under "name.number" ("name" if number < 0).  x [rows,
// columns] is device memory, which must not change before this returns; all threads of a
// region call it.
void trace_dump(const char *name, int number, const float *x, int rows, int columns);
// The file for trace_dump; written whole by trace_end, then the name is set.
void trace_dump_to(const char *path);
// --profile: a file of trace events (Chrome's format), a dry run: add up, compute
// nothing.
void trace_profile_to(const char *path);
void trace_dry_run(bool json);
// Writes what was asked for.  Call once, at the end of main.
void trace_end(void);

#endif
