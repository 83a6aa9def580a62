// C++: atomics.  Only one thread runs at a time, but ThreadSanitizer wants to see them.
// None of them orders other memory, as on the GPU.
//
//     atomicAdd(&count, 1);      // returns the old value
#ifndef CUDA_CPU_ATOMIC_H
#define CUDA_CPU_ATOMIC_H

#include "cuda_cpu_launch.h"

// *p = f(*p) as one step, for any type of 4 or 8 bytes.  Returns the old value.
template <class T, class F> static inline T cu_atomic(T *p, F f)
{
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    Bits old = __atomic_load_n((Bits *)p, __ATOMIC_RELAXED), bits;
    T before, after;
    do {
        memcpy(&before, &old, sizeof before);
        after = f(before);
        memcpy(&bits, &after, sizeof bits);
    } while (!__atomic_compare_exchange_n((Bits *)p, &old, bits, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return before;
}

#define CU_ATOMIC(name, type, expression)                                \
    static inline type atomic##name(type *p, type v)                     \
    {                                                                    \
        return cu_atomic(p, [=](type a) -> type { return expression; }); \
    }

// Integers wrap around.
#define CU_ATOMICS(type)                                                            \
    CU_ATOMIC(Add, type, (type)((unsigned long long)a + (unsigned long long)v))     \
    CU_ATOMIC(Exch, type, (void(a), v))                                             \
    CU_ATOMIC(Max, type, a < v ? v : a)                                             \
    CU_ATOMIC(Min, type, v < a ? v : a)                                             \
    CU_ATOMIC(And, type, a &v)                                                      \
    CU_ATOMIC(Or, type, a | v)                                                      \
    CU_ATOMIC(Xor, type, a ^ v)                                                     \
    static inline type atomicCAS(type *p, type expected, type v)                    \
    {                                                                               \
        return cu_atomic(p, [=](type a) -> type { return a == expected ? v : a; }); \
    }

CU_ATOMICS(int)
CU_ATOMICS(unsigned)
CU_ATOMICS(unsigned long long)
CU_ATOMIC(Sub, int, a - v)
CU_ATOMIC(Sub, unsigned, a - v)
CU_ATOMIC(Add, float, a + v)
CU_ATOMIC(Add, double, a + v)
CU_ATOMIC(Exch, float, (void(a), v))
CU_ATOMIC(Max, long long, a < v ? v : a)
CU_ATOMIC(Min, long long, v < a ? v : a)
CU_ATOMIC(Inc, unsigned, a >= v ? 0 : a + 1)
CU_ATOMIC(Dec, unsigned, a == 0 || a > v ? v : a - 1)

#endif
