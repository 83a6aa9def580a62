// The memory that weights and activations live in.  Which device it is, the linker
// decides: device_cpu.c (plain memory), or the CUDA runtime.  Host code never follows
// such a pointer.
//
//     float *x = device_alloc(n * sizeof *x, "activations");
//     device_upload(x, host, n * sizeof *x);
//     ... kernels ...
//     device_download(host, x, n * sizeof *x);
//     device_free(x);
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __CUDACC__
#define HOST_DEVICE __host__ __device__
#else
#define HOST_DEVICE
#endif

const char *device_name(void);  // "cpu", "cuda", "emu"
// Zeroed, aligned to 64 bytes at least.  Dies, naming `what`, if there is none left.
void *device_alloc(size_t bytes, const char *what);
void device_free(void *p);
// All bytes that were allocated so far (in the loops of the model nothing is).
size_t device_bytes(void);
void device_copy(void *to, const void *from, size_t bytes);    // within the device
void device_upload(void *to, const void *from, size_t bytes);  // ordered with the kernels
void device_download(void *to, const void *from,
                     size_t bytes);  // returns when it has arrived

// Work is put into a stream: in one stream it is done in order, in two perhaps at the same
// time.  All calls, kernels too, go to the stream in use, the first one (0) unless a
// program says otherwise.  On the CPU work is done at once, and these do nothing.
enum { DEVICE_STREAMS = 2 };
void device_stream_use(int stream);
void device_wait(void);  // until all that the stream in use was given is done

// Passes that are recorded once and then replayed as a whole, which saves the launches of
// their kernels (CUDA graphs; on the CPU nothing is recorded):
//
//     if (device_graph_begin(g, key))
//         model_forward(m, s);
//     device_graph_end(g, key);
//
// `key` tells passes apart that launch other kernels or sizes; what else may differ from
// one to the next must be read from device memory.  A recording knows the addresses that
// it works on: it belongs to one model, state and cache, which must not move.
typedef struct DeviceGraphs DeviceGraphs;
enum { DEVICE_GRAPHS = 64 };  // keys from 1 on; 0: not to be recorded

DeviceGraphs *device_graphs_new(void);  // NULL on the CPU
void device_graphs_free(DeviceGraphs *g);
// true: run the pass.  g may be NULL: it always runs.
bool device_graph_begin(DeviceGraphs *g, int key);
void device_graph_end(DeviceGraphs *g, int key);
// Of all so far: how many were recorded, and how often one of them was replayed.
void device_graphs_count(int *recorded, int *replayed);

#endif
