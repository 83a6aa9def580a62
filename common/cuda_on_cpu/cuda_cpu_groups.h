// C++: cooperative groups, and asynchronous copies ("pipeline").
//
//     namespace cg = cooperative_groups;
//     cg::this_grid().sync();             // with cudaLaunchCooperativeKernel
//     auto tile = cg::tiled_partition<8>(cg::this_thread_block());
//     float sum = cg::reduce(tile, x, cg::plus<float>());
#ifndef CUDA_CPU_GROUPS_H
#define CUDA_CPU_GROUPS_H

#include "cuda_cpu_warp.h"

namespace cooperative_groups
{

static inline unsigned cu_thread_rank()
{
    return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
}

static inline unsigned cu_block_size()
{
    return blockDim.x * blockDim.y * blockDim.z;
}

struct thread_block {
    void sync(CU_HERE) const
    {
        cu_barrier(0, CU_SYNC, site);
    }
    unsigned thread_rank() const
    {
        return cu_thread_rank();
    }
    unsigned size() const
    {
        return cu_block_size();
    }
    unsigned num_threads() const
    {
        return cu_block_size();
    }
    dim3 group_index() const
    {
        return dim3(blockIdx.x, blockIdx.y, blockIdx.z);
    }
    dim3 thread_index() const
    {
        return dim3(threadIdx.x, threadIdx.y, threadIdx.z);
    }
};

struct grid_group {
    void sync(CU_HERE) const
    {
        cu_grid_barrier(site);
    }
    bool is_valid() const
    {
        return true;
    }
    unsigned long long block_rank() const
    {
        return (blockIdx.z * (unsigned long long)gridDim.y + blockIdx.y) * gridDim.x +
               blockIdx.x;
    }
    unsigned long long num_blocks() const
    {
        return (unsigned long long)gridDim.x * gridDim.y * gridDim.z;
    }
    unsigned long long thread_rank() const
    {
        return block_rank() * cu_block_size() + cu_thread_rank();
    }
    unsigned long long size() const
    {
        return num_blocks() * cu_block_size();
    }
    unsigned long long num_threads() const
    {
        return size();
    }
};

// `Size` neighbouring lanes of a warp: 1, 2, 4, ... 32.
template <unsigned Size> struct thread_block_tile {
    static_assert(Size >= 1 && Size <= 32 && (Size & (Size - 1)) == 0, "a power of two");

    unsigned mask() const
    {
        return (Size == 32 ? ~0u : (1u << Size % 32) - 1) << (cu_lane & ~(Size - 1));
    }
    void sync(CU_HERE) const
    {
        cu_warp(mask(), nullptr, nullptr, site);
    }
    unsigned thread_rank() const
    {
        return cu_thread_rank() % Size;
    }
    unsigned size() const
    {
        return Size;
    }
    unsigned num_threads() const
    {
        return Size;
    }
    unsigned meta_group_rank() const
    {
        return cu_thread_rank() / Size;
    }
    unsigned meta_group_size() const
    {
        return (cu_block_size() + Size - 1) / Size;
    }
    template <class T> T shfl(T value, int lane, CU_HERE) const
    {
        return __shfl_sync(mask(), value, lane, Size, site);
    }
    template <class T> T shfl_up(T value, unsigned delta, CU_HERE) const
    {
        return __shfl_up_sync(mask(), value, delta, Size, site);
    }
    template <class T> T shfl_down(T value, unsigned delta, CU_HERE) const
    {
        return __shfl_down_sync(mask(), value, delta, Size, site);
    }
    template <class T> T shfl_xor(T value, unsigned bits, CU_HERE) const
    {
        return __shfl_xor_sync(mask(), value, (int)bits, Size, site);
    }
    int any(int predicate, CU_HERE) const
    {
        return __any_sync(mask(), predicate, site);
    }
    int all(int predicate, CU_HERE) const
    {
        return __all_sync(mask(), predicate, site);
    }
    unsigned ballot(int predicate, CU_HERE) const
    {
        return __ballot_sync(mask(), predicate, site) >> (cu_lane & ~(Size - 1));
    }
};

static inline thread_block this_thread_block()
{
    return {};
}

static inline grid_group this_grid()
{
    return {};
}

template <unsigned Size>
static inline thread_block_tile<Size> tiled_partition(const thread_block &)
{
    return {};
}

template <class Group> static inline void sync(const Group &group, CU_HERE)
{
    group.sync(site);
}

#define CU_OPERATOR(name, expression) \
    template <class T> struct name {  \
        T operator()(T a, T b) const  \
        {                             \
            return expression;        \
        }                             \
    };

CU_OPERATOR(plus, a + b)
CU_OPERATOR(less, b < a ? b : a)
CU_OPERATOR(greater, a < b ? b : a)
CU_OPERATOR(bit_and, a &b)
CU_OPERATOR(bit_or, a | b)
CU_OPERATOR(bit_xor, a ^ b)

template <unsigned Size, class T, class F>
static inline T reduce(const thread_block_tile<Size> &tile, T value, F f, CU_HERE)
{
    for (unsigned bits = Size / 2; bits > 0; bits /= 2)
        value = f(value, tile.shfl_xor(value, bits, site));
    return value;
}

}  // namespace cooperative_groups

// ---- asynchronous copies from global to shared memory

static inline void __pipeline_memcpy_async(void *to, const void *from, size_t bytes,
                                           size_t zeros = 0, CU_HERE)
{
    if (zeros != 0)
        cu_die(site, "__pipeline_memcpy_async: filling with zeros is not emulated");
    cu_async_copy(to, from, bytes, site);
}

static inline void __pipeline_commit()
{
    cu_async_commit();
}

static inline void __pipeline_wait_prior(size_t keep)
{
    cu_async_wait((unsigned)keep);
}

#endif
