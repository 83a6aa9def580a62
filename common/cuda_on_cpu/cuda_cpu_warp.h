// C++: barriers, fences, and what the 32 lanes of a warp do together.
//
// All warp operations are one thing: each lane hands in a pointer to what it has, and the
// last one to come computes for all (cu_warp).
//
//     float sum = x;
//     for (int d = 16; d > 0; d /= 2)
//         sum += __shfl_xor_sync(0xffffffff, sum, d);
#ifndef CUDA_CPU_WARP_H
#define CUDA_CPU_WARP_H

#include "cuda_cpu_launch.h"

static inline void __syncthreads(CU_HERE)
{
    cu_barrier(0, CU_SYNC, site);
}

static inline int __syncthreads_count(int predicate, CU_HERE)
{
    return cu_barrier(predicate, CU_COUNT, site);
}

static inline int __syncthreads_and(int predicate, CU_HERE)
{
    return cu_barrier(predicate, CU_AND, site);
}

static inline int __syncthreads_or(int predicate, CU_HERE)
{
    return cu_barrier(predicate, CU_OR_ALL, site);
}

static inline void __syncwarp(unsigned mask = ~0u, CU_HERE)
{
    cu_warp(mask, nullptr, nullptr, site);
}

// One legal answer: no other lane has come along with this one.
static inline unsigned __activemask()
{
    return 1u << cu_lane;
}

static inline void __threadfence()
{
    cu_fence();
}

static inline void __threadfence_block()
{
    cu_fence();
}

static inline void __threadfence_system()
{
    cu_fence();
}

static inline void __nanosleep(unsigned)
{
    cu_yield();
}

#define __trap() cu_die(CuSite{ __FILE__, __LINE__ }, "__trap")

// ---- shuffles

template <class T> struct CuShuffle {
    T in, out;
    int from;  // lane
    CuSite site;
};

template <class T> static void cu_shuffle_all(void **slots, unsigned lanes)
{
    for (int lane = 0; lane < 32; lane++)
        if (lanes >> lane & 1) {
            CuShuffle<T> *s = (CuShuffle<T> *)slots[lane];
            if (!(lanes >> s->from & 1)) {
                cu_blame(lane);
                cu_die(s->site, "lane %d reads from lane %d, which takes no part", lane,
                       s->from);
            }
            s->out = ((CuShuffle<T> *)slots[s->from])->in;
        }
}

template <class T>
static inline T cu_shuffle(unsigned mask, T value, int from, CuSite site)
{
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8,
                  "a shuffle moves numbers of at most 8 bytes");
    CuShuffle<T> s = { value, value, from, site };
    cu_warp(mask, &s, cu_shuffle_all<T>, site);
    return s.out;
}

// `width` cuts the warp into groups; who would read beyond its own keeps its value.
template <class T>
static inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32, CU_HERE)
{
    int group = (int)cu_lane & ~(width - 1);
    return cu_shuffle(mask, value, group | (lane & (width - 1)), site);
}

template <class T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                               CU_HERE)
{
    int lane = (int)cu_lane, from = lane - (int)delta;
    return cu_shuffle(mask, value, from < (lane & ~(width - 1)) ? lane : from, site);
}

template <class T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                                 CU_HERE)
{
    int lane = (int)cu_lane, from = lane + (int)delta;
    return cu_shuffle(mask, value, from >= (lane & ~(width - 1)) + width ? lane : from,
                      site);
}

template <class T>
static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, CU_HERE)
{
    int lane = (int)cu_lane, from = lane ^ bits;
    return cu_shuffle(mask, value, from >= (lane & ~(width - 1)) + width ? lane : from,
                      site);
}

// ---- votes and reductions

template <class T> struct CuReduction {
    T in, out;
};

template <class T, class F> static void cu_reduce_all(void **slots, unsigned lanes)
{
    T result = T();
    bool first = true;
    for (int lane = 0; lane < 32; lane++)
        if (lanes >> lane & 1) {
            T in = ((CuReduction<T> *)slots[lane])->in;
            result = first ? in : F::of(result, in);
            first = false;
        }
    for (int lane = 0; lane < 32; lane++)
        if (lanes >> lane & 1)
            ((CuReduction<T> *)slots[lane])->out = result;
}

template <class F, class T> static inline T cu_reduce(unsigned mask, T value, CuSite site)
{
    CuReduction<T> s = { value, value };
    cu_warp(mask, &s, cu_reduce_all<T, F>, site);
    return s.out;
}

#define CU_REDUCTION(name, expression)                                                \
    struct CuReduce_##name {                                                          \
        template <class T> static T of(T a, T b)                                      \
        {                                                                             \
            return expression;                                                        \
        }                                                                             \
    };                                                                                \
    static inline unsigned __reduce_##name##_sync(unsigned mask, unsigned v, CU_HERE) \
    {                                                                                 \
        return cu_reduce<CuReduce_##name>(mask, v, site);                             \
    }

#define CU_SIGNED_REDUCTION(name)                                           \
    static inline int __reduce_##name##_sync(unsigned mask, int v, CU_HERE) \
    {                                                                       \
        return cu_reduce<CuReduce_##name>(mask, v, site);                   \
    }

CU_REDUCTION(add, a + b)
CU_REDUCTION(min, b < a ? b : a)
CU_REDUCTION(max, a < b ? b : a)
CU_REDUCTION(and, a &b)
CU_REDUCTION(or, a | b)
CU_REDUCTION(xor, a ^ b)
CU_SIGNED_REDUCTION(add)
CU_SIGNED_REDUCTION(min)
CU_SIGNED_REDUCTION(max)

static inline unsigned __ballot_sync(unsigned mask, int predicate, CU_HERE)
{
    return cu_reduce<CuReduce_or>(mask, predicate ? 1u << cu_lane : 0u, site);
}

static inline int __any_sync(unsigned mask, int predicate, CU_HERE)
{
    return cu_reduce<CuReduce_or>(mask, predicate != 0, site);
}

static inline int __all_sync(unsigned mask, int predicate, CU_HERE)
{
    return cu_reduce<CuReduce_and>(mask, predicate != 0, site);
}

#endif
