// Settings, messages and crashes of the emulator, and CUDA's error codes.
#include "emulator.h"
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

Settings emulator_settings = { .poison = 1 };
static uint64_t random_state;

static long setting(const char *name, long otherwise)
{
    const char *text = getenv(name);
    if (!text || !*text)
        return otherwise;
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 0) {
        fprintf(stderr, "cuda-on-cpu: %s=%s: give a number, 0 or more\n", name, text);
        exit(1);
    }
    return value;
}

// A linear congruential generator will do: the order has to vary, not to be random.
unsigned emulator_random(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(((random_state >> 32) * n) >> 32);
}

bool emulator_same_site(CuSite a, CuSite b)
{
    return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0);
}

// "cuda-on-cpu: file:line: block (0,0,0) thread (3,0,0): ", as far as it applies.
static void print_where(CuSite site)
{
    fflush(stdout);
    fprintf(stderr, "cuda-on-cpu: ");
    if (site.file)
        fprintf(stderr, "%s:%d: ", site.file, site.line);
    if (thread_now)
        fprintf(stderr, "block (%u,%u,%u) thread (%u,%u,%u): ", blockIdx.x, blockIdx.y,
                blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
}

static void print_launch(void)
{
    if (launch_now)
        fprintf(stderr, "    in the kernel launched at %s:%d\n", launch_now->site.file,
                launch_now->site.line);
}

void cu_die(CuSite site, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_where(site);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    print_launch();
    abort();
}

void emulator_no_memory(const char *what)
{
    cu_die((CuSite){ 0 }, "no memory for %s", what);
}

static bool same_wait(const Thread *a, const Thread *b)
{
    if (a->state != b->state || a->state == RETURNED)
        return a->state == b->state;
    return emulator_same_site(a->site, b->site) && a->mask == b->mask;
}

void emulator_deadlock(const Block *b)
{
    static const char *const what[] = { "is ready", "waits in __syncthreads",
                                        "waits in a warp operation", "waits in grid.sync",
                                        "has returned" };
    fflush(stdout);
    fprintf(stderr, "cuda-on-cpu: deadlock in block (%u,%u,%u)\n", b->index.x, b->index.y,
            b->index.z);
    for (unsigned i = 0, end; i < b->n; i = end) {
        const Thread *t = &b->threads[i];
        for (end = i + 1; end < b->n && same_wait(t, &b->threads[end]);)
            end++;
        fprintf(stderr, "    threads %u to %u: each %s", i, end - 1, what[t->state]);
        if (t->state != RETURNED)
            fprintf(stderr, " at %s:%d", t->site.file, t->site.line);
        if (t->state == IN_WARP)
            fprintf(stderr, " (mask %08x)", t->mask);
        fputc('\n', stderr);
    }
    print_launch();
    abort();
}

// ---- crashes

#ifndef CU_ASAN  // which has a better report

static void *crash_pc(const void *context)
{
    const ucontext_t *c = context;
#if defined(__x86_64__)
    return (void *)(uintptr_t)c->uc_mcontext.gregs[REG_RIP];
#else
    return (void *)(uintptr_t)c->uc_mcontext.pc;
#endif
}

// The innermost place of the program itself: a crash in the C library's memcpy is blamed
// on its caller.
static void print_line(void *pc)
{
    enum { FRAMES = 64 };
    void *frames[FRAMES];
    Dl_info where, ours;
    int n = backtrace(frames, FRAMES), i = 0;
    while (i < n && frames[i] != pc)
        i++;
    for (; i < n; i++)
        if (dladdr(frames[i], &where) && dladdr((void *)threads_run, &ours) &&
            where.dli_fbase == ours.dli_fbase) {
            size_t offset = (size_t)((char *)frames[i] - (char *)where.dli_fbase);
            // A caller's frame has the address after the call.
            fprintf(stderr, "    line: addr2line -e %s 0x%zx\n", where.dli_fname,
                    offset - (frames[i] != pc));
            return;
        }
}

// What a crash means here; then the signal's usual course, so that a debugger or a core
// file shows the place.  (printf in a handler is not safe; the program is lost anyway.)
static void crashed(int number, siginfo_t *info, void *context)
{
    const void *address = info->si_addr;
    signal(number, SIG_DFL);
    print_where((CuSite){ 0 });
    if (emulator_is_closed(address))
        fprintf(stderr, "host code touches device memory (%p)\n", address);
    else if (thread_now && fiber_overflowed(thread_now->fiber, address))
        fprintf(stderr, "the thread's stack, %d KiB, is full\n", FIBER_STACK >> 10);
    else
        fprintf(stderr, "invalid address %p\n", address);
    print_launch();
    print_line(crash_pc(context));
}

static void watch(int number)
{
    struct sigaction now,
        ours = { .sa_sigaction = crashed, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        sigaction(number, &ours, NULL);
}

static void watch_crashes(void)
{
    static char stack[64 << 10];  // a handler cannot run on a stack that is full
    stack_t alternative = { .ss_sp = stack, .ss_size = sizeof stack };
    if (sigaltstack(&alternative, NULL) == 0) {
        watch(SIGSEGV);
        watch(SIGBUS);
    }
}

#else

static void watch_crashes(void)
{
}

#endif

__attribute__((constructor)) static void read_settings(void)
{
    Settings *s = &emulator_settings;
    s->seed = setting("CUDA_CPU_SEED", 0);
    s->lazy = setting("CUDA_CPU_LAZY", 0) != 0;
    s->guard = setting("CUDA_CPU_GUARD", 0) != 0;
    s->lax = setting("CUDA_CPU_LAX", 0) != 0;
    s->poison = setting("CUDA_CPU_POISON", 1) != 0;
    random_state = (uint64_t)s->seed * 0x9e3779b97f4a7c15u;
    watch_crashes();
}

// ---- error codes

static cudaError_t last;

cudaError_t emulator_error(cudaError_t e)
{
    if (e != cudaSuccess)
        last = e;
    return e;
}

cudaError_t cudaPeekAtLastError(void)
{
    return last;
}

cudaError_t cudaGetLastError(void)
{
    cudaError_t e = last;
    last = cudaSuccess;
    return e;
}

static const struct {
    cudaError_t error;
    const char *name, *text;
} errors[] = {
    { cudaSuccess, "cudaSuccess", "no error" },
    { cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument" },
    { cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory" },
    { cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
      "invalid configuration argument" },
    { cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal" },
    { cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle",
      "invalid resource handle" },
    { cudaErrorNotReady, "cudaErrorNotReady", "device not ready" },
    { cudaErrorCooperativeLaunchTooLarge, "cudaErrorCooperativeLaunchTooLarge",
      "too many blocks in cooperative launch" },
    { cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
      "operation not permitted when stream is capturing" },
    { cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
      "capturing stream has unjoined work" },
    { cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
      "operation would make the legacy stream depend on a capturing blocking stream" },
    { cudaErrorUnknown, "cudaErrorUnknown", "unknown error" },
};

static unsigned row_of(cudaError_t error)
{
    unsigned i = 0, n = sizeof errors / sizeof *errors;
    while (i < n - 1 && errors[i].error != error)
        i++;
    return i;
}

const char *cudaGetErrorName(cudaError_t error)
{
    return errors[row_of(error)].name;
}

const char *cudaGetErrorString(cudaError_t error)
{
    return errors[row_of(error)].text;
}
