// What the parts of the emulator share: threads, warps, blocks, settings.
//
//     errors.c     messages, list of a deadlock, crashes; settings; CUDA's error codes
//     threads.c    threads on fibers: who runs next
//     barriers.c   __syncthreads, warp operations, grid.sync, fences, asynchronous copies
//     launch.c     a grid: its blocks
//     shared.c     their shared memory
//     limits.c     which launches are refused; what the device says of itself
//     allocate.c   device memory
//     streams.c    streams, events; copies
//     graphs.c     graphs
#ifndef EMULATOR_H
#define EMULATOR_H

#include "cuda_cpu_calls.h"
#include "fibers.h"
#include <stdbool.h>

#ifdef CU_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define ACQUIRE(p) __tsan_acquire(p)
#define RELEASE(p) __tsan_release(p)
#else
#define ACQUIRE(p) ((void)(p))
#define RELEASE(p) ((void)(p))
#endif

typedef struct {
    long seed;  // 0: threads and blocks in order; else shuffled
    int lazy;   // streams run only when somebody waits
    int guard;  // the host cannot touch device memory
    int lax;    // threads may return before others' __syncthreads
    int poison;
} Settings;

typedef enum { READY, AT_BARRIER, IN_WARP, AT_GRID, RETURNED } ThreadState;

typedef struct Block Block;
typedef struct AsyncCopy AsyncCopy;

typedef struct {
    uint3 index;      // threadIdx
    unsigned number;  // in the block; number % 32 is the lane
    ThreadState state;
    Fiber *fiber;  // NULL: has not begun
    Block *block;
    CuSite site;  // where it waits
    unsigned mask;
    int predicate, result;
    AsyncCopy *copies;  // under way: [n_copies], room for max_copies
    unsigned n_copies, max_copies, group;
} Thread;

// Lanes that meet: those of `mask` at one place of the source.
typedef struct {
    unsigned mask, arrived;
    CuMeeting *meeting;
    CuSite site;
    void *slots[32];
    char *order;  // an address that stands for the meeting, to ThreadSanitizer
} Meeting;

enum { MEETINGS = 8 };  // of one warp at a time: threads of a warp may diverge
enum { MEETING_ORDERS = 64 };

typedef struct {
    unsigned exist, returned;  // bits of lanes
    unsigned n_meetings, generation;
    Meeting meetings[MEETINGS];
    char orders[MEETING_ORDERS];
} Warp;

struct Block {
    uint3 index;
    unsigned n;       // threads
    unsigned begun;   // threads[begun ...] have not begun, and are not in `ready`
    Thread *threads;  // [n]
    Thread **ready;   // ring [n]
    unsigned head, n_ready;
    unsigned returned, at_barrier, at_grid;
    CuSite barrier;
    int barrier_computes;
    Warp *warps;    // [n / 32, rounded up]
    char *dynamic;  // dynamic shared memory
    char *shared;   // static shared memory, while another block has its turn
    char turn_in, turn_out, order[2];  // addresses for ThreadSanitizer
    unsigned generation;
};

extern Settings emulator_settings;
unsigned emulator_random(unsigned n);       // 0 .. n - 1
cudaError_t emulator_error(cudaError_t e);  // remembers it, returns it
void emulator_deadlock(const Block *b) __attribute__((noreturn));
void emulator_no_memory(const char *what) __attribute__((noreturn));
bool emulator_same_site(CuSite a, CuSite b);
// Prints who touched what, if the address lies in device memory that is closed.
bool emulator_is_closed(const void *address);

extern Thread *thread_now;          // NULL: the host
extern const CuLaunch *launch_now;  // NULL: the host
extern void (*launch_body)(void *);
extern void *launch_arguments;
void threads_reset(Block *b);  // all ready to begin
void threads_run(Block *b);    // until nobody is ready
void thread_ready(Block *b, Thread *t);
void thread_park(void);     // lets others run; returns when ready again
void barrier_return(void);  // the thread's part in barriers when it returns

size_t shared_bytes(void);  // static shared memory of all kernels together
void shared_poison(Block *b, size_t blocks_done);
void shared_enter(const Block *b);  // b->shared becomes what its threads see
void shared_leave(Block *b);

typedef enum { HOST_MEMORY, DEVICE_MEMORY, PINNED_MEMORY } MemoryKind;
MemoryKind memory_kind(const void *p);
bool memory_in_range(const void *p, size_t bytes);  // within one allocation?
void memory_open(bool open);                        // to kernels and copies

bool graph_is_capturing(void);
// True: the stream is being captured, and the closure is now part of the graph.
bool graph_add(cudaStream_t s, void (*run)(void *), const void *closure, size_t bytes);
bool graph_record(cudaStream_t s, cudaEvent_t e);
bool graph_wait(cudaStream_t s, cudaEvent_t e);

#endif
