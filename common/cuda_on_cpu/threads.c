// CUDA threads on fibers.  A thread runs until it has to wait, or to its end.
//
// A fiber whose thread has returned begins the next thread itself, without a switch; a
// kernel without barriers thus costs a function call for each thread.  Under
// ThreadSanitizer each thread of a block has a fiber of its own, since two threads of one
// fiber cannot race.
#include "emulator.h"
#include <stdlib.h>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
unsigned cu_lane;

Thread *thread_now;
static Fiber host, *idle;

#ifdef CU_TSAN
enum { OWN_FIBERS = 1 };
#else
enum { OWN_FIBERS = 0 };
#endif

void thread_ready(Block *b, Thread *t)
{
    unsigned i = b->head + b->n_ready++;
    t->state = READY;
    b->ready[i < b->n ? i : i - b->n] = t;
}

// Who runs next; NULL: nobody can.
static Thread *next_thread(Block *b)
{
    if (b->begun < b->n)
        return &b->threads[b->begun++];
    if (b->n_ready == 0)
        return NULL;
    Thread **first = &b->ready[b->head], *t = *first;
    if (emulator_settings.seed > 0) {  // swap any of them to the front
        unsigned i = b->head + emulator_random(b->n_ready);
        Thread **any = &b->ready[i < b->n ? i : i - b->n];
        t = *any;
        *any = *first;
    }
    b->head = b->head + 1 < b->n ? b->head + 1 : 0;
    b->n_ready--;
    return t;
}

static void thread_main(void);

static Fiber *fiber_for(Thread *t)
{
    Fiber *f = idle;
    if (f)
        idle = f->next;
    else if (!(f = fiber_new(thread_main)))
        emulator_no_memory("the stacks of so many threads");
    t->fiber = f;
    return f;
}

static void become(Thread *t)
{
    thread_now = t;
    threadIdx = t->index;
    cu_lane = t->number % 32;
}

void cu_blame(int lane)
{
    become(&thread_now->block->threads[thread_now->number / 32 * 32 + (unsigned)lane]);
}

// Leaves the fiber `from` for a thread, or, if there is none, for the host.
static void go(Fiber *from, Thread *t)
{
    if (!t) {
        thread_now = NULL;
        fiber_switch(from, &host);
        return;
    }
    become(t);
    fiber_switch(from, t->fiber ? t->fiber : fiber_for(t));
}

void thread_park(void)
{
    Thread *self = thread_now, *next = next_thread(self->block);
    if (next != self)
        go(self->fiber, next);
}

// The life of a fiber: thread after thread.
static void thread_main(void)
{
    for (;;) {
        Block *b = thread_now->block;
        ACQUIRE(&b->turn_in);
        launch_body(launch_arguments);
        RELEASE(&b->turn_out);
        barrier_return();
        Fiber *self = thread_now->fiber;
        Thread *next = next_thread(b);
        if (next && !next->fiber && !OWN_FIBERS) {
            next->fiber = self;
            become(next);
            continue;
        }
        if (!OWN_FIBERS) {
            self->next = idle;
            idle = self;
        }
        go(self, next);
    }
}

void threads_reset(Block *b)
{
    b->begun = b->returned = b->at_barrier = b->at_grid = b->head = b->n_ready = 0;
    for (unsigned i = 0; i < b->n; i++) {
        Thread *t = &b->threads[i];
        t->state = READY;
        t->n_copies = t->group = 0;
        // Fibers are made here, by the host: to ThreadSanitizer, who makes a fiber comes
        // before it.
        if (!OWN_FIBERS)
            t->fiber = NULL;
        else if (!t->fiber)
            fiber_for(t);
    }
    for (unsigned w = 0; 32 * w < b->n; w++) {
        unsigned lanes = b->n - 32 * w;
        b->warps[w].exist = lanes < 32 ? (1u << lanes) - 1 : ~0u;
        b->warps[w].returned = b->warps[w].n_meetings = 0;
    }
    if (emulator_settings.seed > 0)  // shuffled: all may be the first
        while (b->begun < b->n)
            thread_ready(b, &b->threads[b->begun++]);
}

void threads_run(Block *b)
{
    fiber_adopt(&host);
    blockIdx = b->index;
    RELEASE(&b->turn_in);
    Thread *t = next_thread(b);
    if (t)
        go(&host, t);
    ACQUIRE(&b->turn_out);
    if (b->returned + b->at_grid != b->n)
        emulator_deadlock(b);
}
