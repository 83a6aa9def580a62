// The emulated device: what it says of itself, and which launches it refuses.  Its limits
// are those of compute capability 8.0, but it has few multiprocessors, since in a
// cooperative launch each thread of the grid needs a stack.
#include "emulator.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESSORS = 3, THREADS_PER_PROCESSOR = 2048, MAX_THREADS = 1024, MAX_Z = 64 };
enum { MAX_GRID_YZ = 65535, FREE_DYNAMIC = 48 << 10, MAX_DYNAMIC = 163 << 10 };
enum { SHARED_PER_PROCESSOR = 164 << 10, REGISTERS = 65536, L2 = 40 << 20 };
enum { MAJOR = 8, MINOR = 0, VERSION = 13000 };

static struct {
    const void *kernel;
    int bytes;
} * allowed;  // dynamic shared memory beyond FREE_DYNAMIC
static int n_allowed;

cudaError_t cu_allow_dynamic(const void *kernel, int bytes)
{
    if (bytes < 0 || bytes > MAX_DYNAMIC)
        return emulator_error(cudaErrorInvalidValue);
    int i = 0;
    while (i < n_allowed && allowed[i].kernel != kernel)
        i++;
    if (i == n_allowed) {
        allowed = realloc(allowed, (size_t)++n_allowed * sizeof *allowed);
        if (!allowed)
            emulator_no_memory("attributes of kernels");
        allowed[i].kernel = kernel;
    }
    allowed[i].bytes = bytes;
    return cudaSuccess;
}

static size_t dynamic_limit(const void *kernel)
{
    for (int i = 0; i < n_allowed; i++)
        if (allowed[i].kernel == kernel && allowed[i].bytes > FREE_DYNAMIC)
            return (size_t)allowed[i].bytes;
    return FREE_DYNAMIC;
}

static size_t count(dim3 d)
{
    return (size_t)d.x * d.y * d.z;
}

int cu_blocks_per_processor(int n, size_t dynamic)
{
    if (n < 1 || n > MAX_THREADS || dynamic > MAX_DYNAMIC)
        return 0;
    int by_threads = THREADS_PER_PROCESSOR / ((n + 31) / 32 * 32);
    int by_memory = dynamic ? (int)(MAX_DYNAMIC / dynamic) : by_threads;
    return by_memory < by_threads ? by_memory : by_threads;
}

int cu_launch_allowed(const CuLaunch *l, cudaStream_t stream)
{
    dim3 g = l->grid, b = l->block;
    cudaError_t e = cudaSuccess;
    if (thread_now)
        cu_die(l->site, "a kernel cannot launch a kernel");
    if (count(g) == 0 || g.x > 0x7fffffff || g.y > MAX_GRID_YZ || g.z > MAX_GRID_YZ ||
        b.x > MAX_THREADS || b.y > MAX_THREADS || b.z > MAX_Z || count(b) == 0 ||
        count(b) > MAX_THREADS)
        e = cudaErrorInvalidConfiguration;
    else if (l->dynamic > dynamic_limit(l->kernel))
        e = cudaErrorInvalidValue;
    else if (l->cooperative && count(g) > PROCESSORS * (size_t)cu_blocks_per_processor(
                                                           (int)count(b), l->dynamic))
        e = cudaErrorCooperativeLaunchTooLarge;
    else if (!stream && graph_is_capturing())
        e = cudaErrorStreamCaptureImplicit;
    return emulator_error(e) == cudaSuccess;
}

// ---- the device

cudaError_t cudaGetDeviceCount(int *count_of_devices)
{
    *count_of_devices = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int *device)
{
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device)
{
    return emulator_error(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = VERSION;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = VERSION;
    return cudaSuccess;
}

static size_t machine_memory(int pages)
{
    return (size_t)sysconf(pages) * (size_t)sysconf(_SC_PAGESIZE);
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total)
{
    *available = machine_memory(_SC_AVPHYS_PAGES);
    *total = machine_memory(_SC_PHYS_PAGES);
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device)
{
    if (device != 0)
        return emulator_error(cudaErrorInvalidDevice);
    *p = (cudaDeviceProp){
        .name = "emulated",
        .totalGlobalMem = machine_memory(_SC_PHYS_PAGES),
        .sharedMemPerBlock = FREE_DYNAMIC,
        .sharedMemPerBlockOptin = MAX_DYNAMIC,
        .sharedMemPerMultiprocessor = SHARED_PER_PROCESSOR,
        .regsPerBlock = REGISTERS,
        .warpSize = 32,
        .maxThreadsPerBlock = MAX_THREADS,
        .maxThreadsDim = { MAX_THREADS, MAX_THREADS, MAX_Z },
        .maxGridSize = { 0x7fffffff, MAX_GRID_YZ, MAX_GRID_YZ },
        .major = MAJOR,
        .minor = MINOR,
        .multiProcessorCount = PROCESSORS,
        .maxThreadsPerMultiProcessor = THREADS_PER_PROCESSOR,
        .l2CacheSize = L2,
        .cooperativeLaunch = 1,
    };
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device)
{
    static const struct {
        enum cudaDeviceAttr attribute;
        int value;
    } list[] = {
        { cudaDevAttrMaxThreadsPerBlock, MAX_THREADS },
        { cudaDevAttrMaxSharedMemoryPerBlock, FREE_DYNAMIC },
        { cudaDevAttrWarpSize, 32 },
        { cudaDevAttrMultiProcessorCount, PROCESSORS },
        { cudaDevAttrMaxThreadsPerMultiProcessor, THREADS_PER_PROCESSOR },
        { cudaDevAttrComputeCapabilityMajor, MAJOR },
        { cudaDevAttrComputeCapabilityMinor, MINOR },
        { cudaDevAttrCooperativeLaunch, 1 },
        { cudaDevAttrMaxSharedMemoryPerBlockOptin, MAX_DYNAMIC },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (device == 0 && list[i].attribute == attribute) {
            *value = list[i].value;
            return cudaSuccess;
        }
    return emulator_error(cudaErrorInvalidValue);
}
