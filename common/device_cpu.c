// The device is this machine: its memory is ours; see device.h.
#include "device.h"
#include "error.h"
#include "memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char *device_name(void)
{
    return "cpu";
}

static size_t allocated;

// What stands before a block of memory.
typedef struct {
    size_t mapped;  // bytes, or 0 if it is the heap's
    char room[MEMORY_ALIGN - sizeof(size_t)];
} Header;

enum { LARGE = 4 << 20 };

// Large blocks come from the system by pages, huge ones if it has them: fewer faults, and
// zeros that nobody has to write.
static Header *large_block(size_t bytes, const char *what)
{
    Header *h =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (h == MAP_FAILED)
        die("%s: no memory for %.1f MB; try a smaller model or a shorter text", what,
            (double)bytes / 1e6);
#ifdef MADV_HUGEPAGE
    madvise(h, bytes, MADV_HUGEPAGE);
#endif
    h->mapped = bytes;
    return h;
}

void *device_alloc(size_t bytes, const char *what)
{
    allocated += bytes;
    size_t all = memory_product(bytes, 1, what) + sizeof(Header);
    Header *h = all < LARGE ? memory_alloc(all, 1, what) : large_block(all, what);
    return h + 1;
}

size_t device_bytes(void)
{
    return allocated;
}

void device_free(void *p)
{
    Header *h = p;
    if (!h)
        return;
    h--;
    if (h->mapped)
        munmap(h, h->mapped);
    else
        free(h);
}

void device_copy(void *to, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, from, bytes);
}

void device_upload(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

void device_download(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

void device_stream_use(int stream)
{
    (void)stream;
}

void device_wait(void)
{
}

DeviceGraphs *device_graphs_new(void)
{
    return NULL;
}

void device_graphs_free(DeviceGraphs *g)
{
    (void)g;
}

bool device_graph_begin(DeviceGraphs *g, int key)
{
    (void)g, (void)key;
    return true;
}

void device_graph_end(DeviceGraphs *g, int key)
{
    (void)g, (void)key;
}

void device_graphs_count(int *recorded, int *replayed)
{
    *recorded = *replayed = 0;
}
