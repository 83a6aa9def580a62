// Fibers; see fibers.h.  The sanitizers follow the stack pointer and must be told of each
// switch: -DCU_ASAN, -DCU_TSAN.
#include "fibers.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#error "build the emulator's C files without -fsanitize, with -DCU_ASAN or -DCU_TSAN"
#endif

#ifdef CU_ASAN
void __sanitizer_start_switch_fiber(void **fake, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake, const void **bottom, size_t *size);
#endif
#ifdef CU_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
enum { ORDERS_NOTHING = 1 };  // a switch is no synchronisation of CUDA threads
#endif

enum { GUARD = 64 << 10, COLOURS = 16, COLOUR = 256 };  // bytes, but for COLOURS

// Pushes the registers that a function must preserve, keeps the stack pointer in *save,
// and pops those of the other.  To the compiler it is a function call like any other.
void fiber_swap(void **save, void *load);

#if defined(__x86_64__)
enum { FRAME = 8, ENTRY = 6 };  // words; ENTRY is where `ret` finds its address
__asm__(".text\n"
        ".globl fiber_swap\n"
        ".type fiber_swap, @function\n"
        "fiber_swap:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size fiber_swap, . - fiber_swap\n");
#elif defined(__aarch64__)
enum { FRAME = 20, ENTRY = 11 };  // words; ENTRY is x30, to which `ret` jumps
__asm__(".text\n"
        ".globl fiber_swap\n"
        ".type fiber_swap, @function\n"
        "fiber_swap:\n"
        "    sub sp, sp, #160\n"
        "    stp x19, x20, [sp]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp x29, x30, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp x29, x30, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    add sp, sp, #160\n"
        "    ret\n"
        ".size fiber_swap, . - fiber_swap\n");
#else
#error "fibers.c: write fiber_swap for this processor"
#endif

static Fiber *running, *before;  // now, and before the last switch

// After a switch, on the new stack.
static void arrived(void)
{
#ifdef CU_ASAN
    __sanitizer_finish_switch_fiber(running->fake, &before->bottom, &before->size);
#endif
}

static void first_steps(void)
{
    arrived();
    running->work();
    abort();
}

// A stack that looks as if first_steps had been about to begin when it was left.  `top`
// is a multiple of 16; one more word makes it look like a call on x86-64.
static void *first_frame(char *top)
{
    void **sp = (void **)(void *)top - FRAME;
    memset(sp, 0, FRAME * sizeof *sp);
    void (*entry)(void) = first_steps;
    memcpy(&sp[ENTRY], &entry, sizeof entry);
    return sp;
}

void fiber_adopt(Fiber *self)
{
    *self = (Fiber){ 0 };
    running = self;
#ifdef CU_TSAN
    self->shadow = __tsan_get_current_fiber();
#endif
}

Fiber *fiber_new(void (*work)(void))
{
    static unsigned count;
    Fiber *f = calloc(1, sizeof *f);
    char *map = mmap(NULL, GUARD + FIBER_STACK, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!f || map == MAP_FAILED || mprotect(map, GUARD, PROT_NONE) != 0)
        return NULL;
    f->work = work;
    f->bottom = map + GUARD;
    f->size = FIBER_STACK;
    // Stacks that began at the same offset in their pages would all fight for the same
    // few lines of the cache.
    f->sp = first_frame(map + GUARD + FIBER_STACK - count++ % COLOURS * COLOUR);
#ifdef CU_TSAN
    f->shadow = __tsan_create_fiber(0);
#endif
    return f;
}

void fiber_switch(Fiber *from, Fiber *to)
{
    before = from;
    running = to;
#ifdef CU_ASAN
    __sanitizer_start_switch_fiber(&from->fake, to->bottom, to->size);
#endif
#ifdef CU_TSAN
    __tsan_switch_to_fiber(to->shadow, ORDERS_NOTHING);
#endif
    fiber_swap(&from->sp, to->sp);
    arrived();
}

bool fiber_overflowed(const Fiber *f, const void *address)
{
    uintptr_t low = (uintptr_t)f->bottom - GUARD, a = (uintptr_t)address;
    return f->size > 0 && a >= low && a < low + GUARD;
}
