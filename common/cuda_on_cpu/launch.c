// Running a grid: block after block on the same threads, or, when it is cooperative, all
// blocks by turns.
#include "emulator.h"
#include <stdlib.h>
#include <string.h>

enum { DYNAMIC_ALIGN = 128 };  // bytes

const CuLaunch *launch_now;
void (*launch_body)(void *);
void *launch_arguments;

static Thread *threads;  // for all blocks that live at once, kept from launch to launch
static size_t n_threads;

static size_t count(dim3 d)
{
    return (size_t)d.x * d.y * d.z;
}

// ---- blocks

static void *get(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        emulator_no_memory("the blocks of a grid");
    return p;
}

static void grow_threads(size_t n)
{
    if (n <= n_threads)
        return;
    threads = realloc(threads, n * sizeof *threads);
    if (!threads)
        emulator_no_memory("threads");
    memset(threads + n_threads, 0, (n - n_threads) * sizeof *threads);
    n_threads = n;
}

static void block_init(Block *b, Thread *first, const CuLaunch *l)
{
    *b = (Block){ .n = (unsigned)count(l->block), .threads = first };
    b->ready = get(b->n, sizeof *b->ready);
    b->warps = get((b->n + 31) / 32, sizeof *b->warps);
    if (l->cooperative)
        b->shared = get(shared_bytes(), 1);
    // Just so many bytes: AddressSanitizer watches the end.
    if (l->dynamic &&
        posix_memalign((void **)&b->dynamic, DYNAMIC_ALIGN, l->dynamic) != 0)
        emulator_no_memory("shared memory");
    for (unsigned i = 0; i < b->n; i++) {
        Thread *t = &first[i];
        t->block = b;
        t->number = i;
        t->index = (uint3){ i % l->block.x, i / l->block.x % l->block.y,
                            i / l->block.x / l->block.y };
    }
}

static void block_free(Block *b)
{
    free(b->ready);
    free(b->warps);
    free(b->dynamic);
    free(b->shared);
}

static void block_begin(Block *b, size_t i, size_t blocks_done)
{
    dim3 g = launch_now->grid;
    b->index = (uint3){ (unsigned)(i % g.x), (unsigned)(i / g.x % g.y),
                        (unsigned)(i / g.x / g.y) };
    shared_poison(b, blocks_done);
    threads_reset(b);
}

static size_t common_divisor(size_t a, size_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

// A walk through all blocks: from `first` in steps of `step`.  Shuffled, that is a step
// that shares no divisor with their number.
typedef struct {
    size_t n, first, step;
} Walk;

static Walk walk_of(size_t n)
{
    Walk w = { n, 0, 1 };
    if (emulator_settings.seed == 0 || n < 2)
        return w;
    w.first = emulator_random((unsigned)n);
    do
        w.step = 1 + emulator_random((unsigned)n - 1);
    while (common_divisor(n, w.step) != 1);
    return w;
}

static size_t walk_at(const Walk *w, size_t i)
{
    return (size_t)((w->first + (unsigned __int128)i * w->step) % w->n);
}

static void run_one_by_one(size_t n)
{
    Block b;
    Walk w = walk_of(n);
    block_init(&b, threads, launch_now);
    for (size_t i = 0; i < n; i++) {
        block_begin(&b, walk_at(&w, i), i);
        threads_run(&b);
    }
    block_free(&b);
}

// Each block in its turn, until all its threads wait in grid.sync or have returned.
static void turns(Block *blocks, size_t n, size_t *waiting, size_t *returned)
{
    Walk w = walk_of(n);
    *waiting = *returned = 0;
    for (size_t i = 0; i < n; i++) {
        Block *b = &blocks[walk_at(&w, i)];
        shared_enter(b);
        threads_run(b);
        shared_leave(b);
        *waiting += b->at_grid;
        *returned += b->returned;
    }
}

static void run_together(size_t n)
{
    Block *blocks = get(n, sizeof *blocks);
    size_t waiting, returned;
    for (size_t i = 0; i < n; i++) {
        block_init(&blocks[i], threads + i * count(launch_now->block), launch_now);
        block_begin(&blocks[i], i, 0);
    }
    for (;;) {
        turns(blocks, n, &waiting, &returned);
        if (waiting == 0)
            break;
        if (returned > 0)
            cu_die(launch_now->site, "%zu threads wait in grid.sync, %zu have returned",
                   waiting, returned);
        for (size_t i = 0; i < n; i++) {
            blocks[i].at_grid = 0;
            for (unsigned t = 0; t < blocks[i].n; t++)
                thread_ready(&blocks[i], &blocks[i].threads[t]);
        }
    }
    for (size_t i = 0; i < n; i++)
        block_free(&blocks[i]);
    free(blocks);
}

void cu_launch_run(const CuLaunch *l, void (*body)(void *), void *arguments)
{
    size_t n = count(l->grid);
    launch_now = l;
    launch_body = body;
    launch_arguments = arguments;
    gridDim = l->grid;
    blockDim = l->block;
    grow_threads((l->cooperative ? n : 1) * count(l->block));
    if (l->cooperative)
        run_together(n);
    else
        run_one_by_one(n);
    launch_now = NULL;
}
