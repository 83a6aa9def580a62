// Fibers: many stacks, one processor.  A fiber runs until it names another; then its
// registers are put on its stack, and those of the other taken from its.
//
//     static Fiber here, *other;
//     static void work(void) { for (;;) { ...; fiber_switch(other, &here); } }
//
//     fiber_adopt(&here);           // the stack that we are on anyway
//     other = fiber_new(work);
//     fiber_switch(&here, other);   // runs work() until it switches back
#ifndef FIBERS_H
#define FIBERS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Fiber Fiber;

struct Fiber {
    void *sp;            // where it stands, while it does not run
    const void *bottom;  // its stack: AddressSanitizer wants to know
    size_t size;
    void *fake, *shadow;  // AddressSanitizer's and ThreadSanitizer's own
    void (*work)(void);
    Fiber *next;  // for a list of idle ones
};

enum { FIBER_STACK = 128 << 10 };  // bytes

// Makes a fiber of the stack that is running.
void fiber_adopt(Fiber *self);
// A fiber that begins with work(), which must never return.  It lives as long as the
// program.  NULL: no memory.
Fiber *fiber_new(void (*work)(void));
// `from` must be the one that runs.  Returns when somebody switches to it again.
void fiber_switch(Fiber *from, Fiber *to);
// Is this below a fiber's stack, where only an overflow comes?
bool fiber_overflowed(const Fiber *f, const void *address);

#endif
