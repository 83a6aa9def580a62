// The device is this machine: its memory is ours; see device.h.
#include "device.h"
#include "memory.h"
#include <stdlib.h>
#include <string.h>

const char *device_name(void)
{
    return "cpu";
}

static size_t allocated;

void *device_alloc(size_t bytes, const char *what)
{
    allocated += bytes;
    return memory_alloc(bytes, 1, what);
}

size_t device_bytes(void)
{
    return allocated;
}

void device_free(void *p)
{
    free(p);
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
