// C++: qualifiers, and launches.  k<<<grid, block>>>(x, n) arrives here as
//
//     k ->* CuConfig(grid, block)(x, n)
//
// CuConfig(...)(x, n) keeps the arguments; ->* meets them with the kernel, converts them
// to what it takes, and puts both into the stream as a closure.
#ifndef CUDA_CPU_LAUNCH_H
#define CUDA_CPU_LAUNCH_H

#include "cuda_cpu_calls.h"
#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__
#ifdef __clang__
#define __shared__ static __attribute__((section(".noinit")))
#else  // which forgets sections in templates, but not this attribute
#define __shared__ static __attribute__((noinit))
#endif
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __grid_constant__
#ifndef __restrict__
#define __restrict__ __restrict
#endif

// As the last parameter of a function: where it was called.
#define CU_HERE CuSite site = { __builtin_FILE(), __builtin_LINE() }

enum { warpSize = 32 };

template <class... Args> struct CuCall {
    dim3 grid, block;
    size_t dynamic;
    cudaStream_t stream;
    CuSite site;
    std::tuple<Args...> arguments;
};

struct CuConfig {
    dim3 grid, block;
    size_t dynamic;
    cudaStream_t stream;
    CuSite site;

    CuConfig(dim3 grid_, dim3 block_, size_t dynamic_ = 0, cudaStream_t stream_ = nullptr,
             CuSite site_ = { __builtin_FILE(), __builtin_LINE() })
        : grid(grid_), block(block_), dynamic(dynamic_), stream(stream_), site(site_)
    {
    }
    template <class... Args> CuCall<Args...> operator()(Args... arguments) const
    {
        return { grid, block, dynamic, stream, site, std::tuple<Args...>(arguments...) };
    }
};

// A launch that waits in a stream.  The launch comes first: cu_launch_run gets both.
template <class... Params> struct CuClosure {
    CuLaunch launch;
    void (*kernel)(Params...);
    alignas(16) unsigned char arguments[sizeof(std::tuple<Params...>)];

    template <size_t... I> void call(std::index_sequence<I...>)
    {
        kernel(std::get<I>(*(std::tuple<Params...> *)(void *)arguments)...);
    }
    static void thread(void *closure)
    {
        ((CuClosure *)closure)->call(std::index_sequence_for<Params...>());
    }
    static void run(void *closure)
    {
        cu_launch_run(&((CuClosure *)closure)->launch, thread, closure);
    }
};

template <class T> static inline void cu_check_argument(T value, int number, CuSite site)
{
    if constexpr (std::is_pointer_v<T>)
        if constexpr (!std::is_function_v<std::remove_pointer_t<T>>)
            cu_check_pointer((const void *)value, number, site);
}

template <class... Params, size_t... I>
static inline void cu_check_arguments(const std::tuple<Params...> &arguments, CuSite site,
                                      std::index_sequence<I...>)
{
    (void)arguments;  // if there are none
    (void)site;
    (cu_check_argument(std::get<I>(arguments), (int)I + 1, site), ...);
}

template <class... Params>
static inline void cu_launch(void (*kernel)(Params...), const CuLaunch &launch,
                             cudaStream_t stream, const std::tuple<Params...> &arguments)
{
    static_assert((std::is_trivially_copyable_v<Params> && ...),
                  "the arguments of a kernel must be plain data");
    if (!cu_launch_allowed(&launch, stream))
        return;
    cu_check_arguments(arguments, launch.site, std::index_sequence_for<Params...>());
    CuClosure<Params...> c;
    c.launch = launch;
    c.kernel = kernel;
    memcpy((void *)c.arguments, (const void *)&arguments, sizeof arguments);
    cu_enqueue(stream, CuClosure<Params...>::run, &c, sizeof c);
}

// NULL has become an integer on its way; all else converts as in a call.
template <class To, class From> static inline To cu_convert(From value)
{
    if constexpr (std::is_pointer_v<To> && std::is_integral_v<From>)
        return (To)(uintptr_t)value;
    else
        return value;
}

template <class... Params, class... Args, size_t... I>
static inline std::tuple<Params...> cu_convert_all(const std::tuple<Args...> &arguments,
                                                   std::index_sequence<I...>)
{
    (void)arguments;
    return std::tuple<Params...>(cu_convert<Params>(std::get<I>(arguments))...);
}

template <class... Params, class... Args>
static inline void operator->*(void (*kernel)(Params...), const CuCall<Args...> &call)
{
    static_assert(sizeof...(Params) == sizeof...(Args), "wrong number of arguments");
    CuLaunch l = {
        call.grid, call.block, call.dynamic, 0, call.site, (const void *)kernel
    };
    cu_launch(
        kernel, l, call.stream,
        cu_convert_all<Params...>(call.arguments, std::index_sequence_for<Params...>()));
}

// The same without <<< >>>, and without sed; a kernel with a comma goes in parentheses.
#define LAUNCH(kernel, grid, block, dynamic, stream, ...) \
    ((kernel)->*CuConfig(grid, block, dynamic, stream)(__VA_ARGS__))

template <class... Params, size_t... I>
static inline std::tuple<Params...> cu_collect(void **arguments,
                                               std::index_sequence<I...>)
{
    (void)arguments;
    return std::tuple<Params...>(*(std::remove_const_t<Params> *)arguments[I]...);
}

template <class... Params>
static inline cudaError_t cu_launch_collected(void (*kernel)(Params...), CuLaunch l,
                                              void **arguments, cudaStream_t stream)
{
    l.kernel = (const void *)kernel;
    cu_launch(kernel, l, stream,
              cu_collect<Params...>(arguments, std::index_sequence_for<Params...>()));
    return cudaPeekAtLastError();
}

template <class... Params>
static inline cudaError_t
cudaLaunchKernel(void (*kernel)(Params...), dim3 grid, dim3 block, void **arguments,
                 size_t dynamic = 0, cudaStream_t stream = 0, CU_HERE)
{
    CuLaunch l = { grid, block, dynamic, 0, site, nullptr };
    return cu_launch_collected(kernel, l, arguments, stream);
}

template <class... Params>
static inline cudaError_t
cudaLaunchCooperativeKernel(void (*kernel)(Params...), dim3 grid, dim3 block,
                            void **arguments, size_t dynamic = 0, cudaStream_t stream = 0,
                            CU_HERE)
{
    CuLaunch l = { grid, block, dynamic, 1, site, nullptr };
    return cu_launch_collected(kernel, l, arguments, stream);
}

template <class... Params>
static inline cudaError_t cudaFuncSetAttribute(void (*kernel)(Params...),
                                               cudaFuncAttribute attribute, int value)
{
    if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize)
        return cu_allow_dynamic((const void *)kernel, value);
    return cudaSuccess;
}

template <class... Params>
static inline cudaError_t
cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void (*)(Params...),
                                              int threads, size_t dynamic)
{
    *blocks = cu_blocks_per_processor(threads, dynamic);
    return cudaSuccess;
}

// ---- typed versions of C's functions; symbols

template <class T> static inline cudaError_t cudaMalloc(T **p, size_t bytes)
{
    return cudaMalloc((void **)p, bytes);
}

template <class T>
static inline cudaError_t cudaMallocAsync(T **p, size_t bytes, cudaStream_t stream)
{
    return cudaMallocAsync((void **)p, bytes, stream);
}

template <class T> static inline cudaError_t cudaMallocHost(T **p, size_t bytes)
{
    return cudaMallocHost((void **)p, bytes);
}

template <class T> static inline cudaError_t cudaGetSymbolAddress(void **p, T &symbol)
{
    *p = (void *)&symbol;
    cu_register_symbol(*p, sizeof symbol);
    return cudaSuccess;
}

template <class T>
static inline cudaError_t cudaMemcpyToSymbol(T &symbol, const void *from, size_t bytes,
                                             size_t offset = 0,
                                             cudaMemcpyKind kind = cudaMemcpyHostToDevice)
{
    void *p;
    cudaGetSymbolAddress(&p, symbol);
    return cudaMemcpy((char *)p + offset, from, bytes, kind);
}

template <class T>
static inline cudaError_t
cudaMemcpyFromSymbol(void *to, T &symbol, size_t bytes, size_t offset = 0,
                     cudaMemcpyKind kind = cudaMemcpyDeviceToHost)
{
    void *p;
    cudaGetSymbolAddress(&p, symbol);
    return cudaMemcpy(to, (char *)p + offset, bytes, kind);
}

#endif
