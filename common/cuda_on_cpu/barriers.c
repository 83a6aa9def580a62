// Where threads wait for each other, and where memory is ordered.
#include "emulator.h"
#include <stdlib.h>
#include <string.h>

struct AsyncCopy {
    void *to;
    const void *from;
    size_t bytes;
    unsigned group;
};

#ifdef CU_TSAN
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#endif

static Thread *caller(const char *what, CuSite site)
{
    if (!thread_now)
        cu_die(site, "%s outside of a kernel", what);
    return thread_now;
}

// ---- the block's barrier

static void barrier_open(Block *b)
{
    unsigned yes = 0, waiting = b->at_barrier;
    for (unsigned i = 0; i < b->n; i++)
        if (b->threads[i].state == AT_BARRIER)
            yes += b->threads[i].predicate != 0;
    int result = b->barrier_computes == CU_AND      ? yes == waiting
                 : b->barrier_computes == CU_OR_ALL ? yes > 0
                                                    : (int)yes;
    b->at_barrier = 0;
    b->generation++;
    for (unsigned i = 0; i < b->n; i++) {
        Thread *t = &b->threads[i];
        if (t->state == AT_BARRIER) {
            t->result = result;
            thread_ready(b, t);
        }
    }
}

int cu_barrier(int predicate, int what, CuSite site)
{
    Thread *t = caller("__syncthreads", site);
    Block *b = t->block;
    if (b->at_barrier > 0 && !emulator_same_site(b->barrier, site))
        cu_die(site,
               "divergent __syncthreads: this thread has come here, while %u wait at "
               "%s:%d",
               b->at_barrier, b->barrier.file, b->barrier.line);
    if (b->returned > 0 && !emulator_settings.lax)
        cu_die(site,
               "divergent __syncthreads: %u threads of the block have returned already",
               b->returned);
    b->barrier = t->site = site;
    b->barrier_computes = what;
    t->state = AT_BARRIER;
    t->predicate = predicate;
    char *order = &b->order[b->generation & 1];
    RELEASE(order);
    if (++b->at_barrier == b->n - b->returned)
        barrier_open(b);
    thread_park();
    ACQUIRE(order);
    return t->result;
}

// ---- warp operations

static void meet(Meeting *m)
{
    if (!m->meeting)
        return;
#ifdef CU_TSAN  // it reads what other lanes wrote on their stacks; that is no race
    AnnotateIgnoreReadsBegin("", 0);
    AnnotateIgnoreWritesBegin("", 0);
#endif
    m->meeting(m->slots, m->arrived);
#ifdef CU_TSAN
    AnnotateIgnoreWritesEnd("", 0);
    AnnotateIgnoreReadsEnd("", 0);
#endif
}

// If all lanes that the mask names, and that have not returned, are there: compute, and
// let them go.
static void meeting_check(Block *b, Warp *w, Meeting *m, unsigned first)
{
    if (m->mask & w->exist & ~w->returned & ~m->arrived)
        return;
    meet(m);
    for (unsigned lane = 0; lane < 32; lane++)
        if (m->arrived >> lane & 1)
            thread_ready(b, &b->threads[first + lane]);
    m->arrived = 0;
    w->n_meetings--;
}

// The meeting of this mask at this place that goes on; else a new one.
static Meeting *meeting_of(Warp *w, unsigned mask, CuMeeting *meeting, CuSite site)
{
    Meeting *spare = NULL;
    unsigned left = w->n_meetings;
    for (Meeting *m = w->meetings; m < w->meetings + MEETINGS && (left || !spare); m++) {
        if (m->arrived == 0) {
            spare = spare ? spare : m;
            continue;
        }
        if (m->mask == mask && m->meeting == meeting && emulator_same_site(m->site, site))
            return m;
        left--;
    }
    if (!spare)
        cu_die(site, "this warp is in %d warp operations at once", MEETINGS);
    spare->mask = mask;
    spare->meeting = meeting;
    spare->site = site;
    spare->order = &w->orders[w->generation++ % MEETING_ORDERS];
    w->n_meetings++;
    return spare;
}

void cu_warp(unsigned mask, void *slot, CuMeeting *meeting, CuSite site)
{
    Thread *t = caller("a warp operation", site);
    Warp *w = &t->block->warps[t->number / 32];
    unsigned lane = t->number % 32;
    if (!(mask >> lane & 1))
        cu_die(site, "lane %u calls a warp operation whose mask, %08x, leaves it out",
               lane, mask);
    Meeting *m = meeting_of(w, mask, meeting, site);
    m->arrived |= 1u << lane;
    m->slots[lane] = slot;
    t->state = IN_WARP;
    t->site = site;
    t->mask = mask;
    char *order = m->order;
    if (!meeting)
        RELEASE(order);
    meeting_check(t->block, w, m, t->number - lane);
    thread_park();
    if (!meeting)
        ACQUIRE(order);
}

// ---- the grid's barrier, and fences

void cu_grid_barrier(CuSite site)
{
    static char order;
    Thread *t = caller("grid.sync", site);
    if (!launch_now->cooperative)
        cu_die(site, "grid.sync needs cudaLaunchCooperativeKernel");
    t->state = AT_GRID;
    t->site = site;
    t->block->at_grid++;
    RELEASE(&order);
    RELEASE(&t->block->turn_out);  // blocks share the addresses of static arrays
    thread_park();
    ACQUIRE(&order);
    ACQUIRE(&t->block->turn_in);
}

void cu_fence(void)
{
    static char order;
    ACQUIRE(&order);
    RELEASE(&order);
}

void cu_yield(void)
{
    if (thread_now) {
        thread_ready(thread_now->block, thread_now);
        thread_park();
    }
}

// A thread that returns no longer has to come to barriers.
void barrier_return(void)
{
    Thread *t = thread_now;
    Block *b = t->block;
    Warp *w = &b->warps[t->number / 32];
    if (b->at_barrier > 0 && !emulator_settings.lax)
        cu_die(b->barrier,
               "divergent __syncthreads: this thread returns while %u wait here",
               b->at_barrier);
    t->state = RETURNED;
    b->returned++;
    w->returned |= 1u << t->number % 32;
    if (b->at_barrier > 0 && b->at_barrier == b->n - b->returned)
        barrier_open(b);
    for (int i = 0; i < MEETINGS && w->n_meetings > 0; i++)
        if (w->meetings[i].arrived != 0)
            meeting_check(b, w, &w->meetings[i], t->number - t->number % 32);
}

// ---- asynchronous copies: made as late as is allowed, so that a missing wait shows

void cu_async_copy(void *to, const void *from, size_t bytes, CuSite site)
{
    Thread *t = caller("an asynchronous copy", site);
    if (bytes != 4 && bytes != 8 && bytes != 16)
        cu_die(site, "an asynchronous copy has 4, 8 or 16 bytes, not %zu", bytes);
    if (((uintptr_t)to | (uintptr_t)from) % bytes != 0)
        cu_die(site, "an asynchronous copy of %zu bytes must be aligned to them", bytes);
    if (t->n_copies == t->max_copies) {
        t->max_copies += 16;
        t->copies = realloc(t->copies, t->max_copies * sizeof *t->copies);
        if (!t->copies)
            emulator_no_memory("asynchronous copies");
    }
    t->copies[t->n_copies++] = (AsyncCopy){ to, from, bytes, t->group };
}

void cu_async_commit(void)
{
    caller("a commit", (CuSite){ 0 })->group++;
}

// Waits until only the last `keep` groups are under way.
void cu_async_wait(unsigned keep)
{
    Thread *t = caller("a wait", (CuSite){ 0 });
    unsigned left = 0;
    for (unsigned i = 0; i < t->n_copies; i++) {
        AsyncCopy *c = &t->copies[i];
        if (c->group + keep < t->group)
            memcpy(c->to, c->from, c->bytes);
        else
            t->copies[left++] = *c;
    }
    t->n_copies = left;
}
