// The device is a CUDA GPU, or the emulator in cuda_on_cpu/, which has the same calls; see
// device.h.
#include "device_cuda.h"
#include "device.h"
#include "error.h"
#include "memory.h"
#include <stdlib.h>

#ifndef DEVICE_NAME
#define DEVICE_NAME "cuda"
#endif

const char *device_name(void)
{
    return DEVICE_NAME;
}

void device_check(cudaError_t error, const char *call, const char *file, int line)
{
    if (error != cudaSuccess)
        die("%s:%d: %s: %s", file, line, call, cudaGetErrorString(error));
}

static int in_use;

void device_stream_use(int stream)
{
    in_use = stream;
}

int device_stream_number(void)
{
    return in_use;
}

cudaStream_t device_stream(void)
{
    static cudaStream_t streams[DEVICE_STREAMS];
    if (!streams[in_use])
        CUDA_CHECK(cudaStreamCreate(&streams[in_use]));
    return streams[in_use];
}

void device_wait(void)
{
    CUDA_CHECK(cudaStreamSynchronize(device_stream()));
}

static size_t allocated;

size_t device_bytes(void)
{
    return allocated;
}

void *device_alloc(size_t bytes, const char *what)
{
    void *p = NULL;
    cudaError_t error = cudaMalloc(&p, bytes ? bytes : 1);
    if (error != cudaSuccess)
        die("%s: %.1f MB of device memory: %s", what, (double)bytes / 1e6,
            cudaGetErrorString(error));
    allocated += bytes;
    CUDA_CHECK(cudaMemsetAsync(p, 0, bytes, device_stream()));
    return p;
}

void device_free(void *p)
{
    device_wait();
    CUDA_CHECK(cudaFree(p));
}

void *device_scratch(size_t bytes)
{
    static struct {
        void *memory;
        size_t room;
    } all[DEVICE_STREAMS], *s;
    s = &all[in_use];
    if (bytes > s->room) {  // the old one stays: a graph may know it
        s->room = bytes > 2 * s->room ? bytes : 2 * s->room;
        s->memory = device_alloc(s->room, "scratch memory");
    }
    return s->memory;
}

void device_copy(void *to, const void *from, size_t bytes)
{
    CUDA_CHECK(
        cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, device_stream()));
}

void device_upload(void *to, const void *from, size_t bytes)
{
    CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, device_stream()));
}

void device_download(void *to, const void *from, size_t bytes)
{
    CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, device_stream()));
    device_wait();
}

// Its first pass runs as usual, so that libraries and scratch memory are ready; the second
// is recorded; from then on it is replayed.
struct DeviceGraphs {
    int runs[DEVICE_GRAPHS + 1];
    cudaGraphExec_t graphs[DEVICE_GRAPHS + 1];
};

static int graphs_recorded, graphs_replayed;

DeviceGraphs *device_graphs_new(void)
{
    return memory_alloc(1, sizeof(DeviceGraphs), "graphs");
}

void device_graphs_free(DeviceGraphs *g)
{
    for (int key = 0; g && key <= DEVICE_GRAPHS; key++)
        if (g->graphs[key])
            CUDA_CHECK(cudaGraphExecDestroy(g->graphs[key]));
    free(g);
}

static bool records(const DeviceGraphs *g, int key)
{
    return g && key > 0 && key <= DEVICE_GRAPHS;
}

bool device_graph_begin(DeviceGraphs *g, int key)
{
    if (!records(g, key) || g->runs[key] == 0)
        return true;
    if (g->graphs[key])
        return false;
    CUDA_CHECK(cudaStreamBeginCapture(device_stream(), cudaStreamCaptureModeThreadLocal));
    return true;
}

void device_graph_end(DeviceGraphs *g, int key)
{
    if (!records(g, key) || g->runs[key]++ == 0)
        return;
    if (!g->graphs[key]) {
        cudaGraph_t graph;
        CUDA_CHECK(cudaStreamEndCapture(device_stream(), &graph));
        CUDA_CHECK(cudaGraphInstantiate(&g->graphs[key], graph, 0));
        CUDA_CHECK(cudaGraphDestroy(graph));
        graphs_recorded++;
    }
    graphs_replayed++;
    CUDA_CHECK(cudaGraphLaunch(g->graphs[key], device_stream()));
}

void device_graphs_count(int *recorded, int *replayed)
{
    *recorded = graphs_recorded;
    *replayed = graphs_replayed;
}
