// CUDA's vector types, for C and C++: a float4 is four floats, aligned so that one load
// takes them all.
//
//     float4 v = make_float4(1, 2, 3, 4);   // the make_ functions are for C++
#ifndef CUDA_CPU_TYPES_H
#define CUDA_CPU_TYPES_H

#include <stddef.h>
#include <stdint.h>

#define CU_VECTORS(type, name)                                                        \
    typedef struct name##1                                                            \
    {                                                                                 \
        type x;                                                                       \
    }                                                                                 \
    name##1;                                                                          \
    typedef struct __attribute__((aligned(2 * sizeof(type)))) name##2                 \
    {                                                                                 \
        type x, y;                                                                    \
    }                                                                                 \
    name##2;                                                                          \
    typedef struct name##3                                                            \
    {                                                                                 \
        type x, y, z;                                                                 \
    }                                                                                 \
    name##3;                                                                          \
    typedef struct __attribute__((aligned(sizeof(type) > 4 ? 16 : 4 * sizeof(type)))) \
    name##4                                                                           \
    {                                                                                 \
        type x, y, z, w;                                                              \
    }                                                                                 \
    name##4;

CU_VECTORS(signed char, char)
CU_VECTORS(unsigned char, uchar)
CU_VECTORS(short, short)
CU_VECTORS(unsigned short, ushort)
CU_VECTORS(int, int)
CU_VECTORS(unsigned, uint)
CU_VECTORS(long long, longlong)
CU_VECTORS(unsigned long long, ulonglong)
CU_VECTORS(float, float)
CU_VECTORS(double, double)

typedef struct dim3 {
    unsigned x, y, z;
#ifdef __cplusplus
    constexpr dim3(unsigned X = 1, unsigned Y = 1, unsigned Z = 1) : x(X), y(Y), z(Z)
    {
    }
#endif
} dim3;

#ifdef __cplusplus
#define CU_MAKERS(type, name)                                            \
    static inline name##1 make_##name##1(type x)                         \
    {                                                                    \
        return name##1 { x };                                            \
    }                                                                    \
    static inline name##2 make_##name##2(type x, type y)                 \
    {                                                                    \
        return name##2 { x, y };                                         \
    }                                                                    \
    static inline name##3 make_##name##3(type x, type y, type z)         \
    {                                                                    \
        return name##3 { x, y, z };                                      \
    }                                                                    \
    static inline name##4 make_##name##4(type x, type y, type z, type w) \
    {                                                                    \
        return name##4 { x, y, z, w };                                   \
    }

CU_MAKERS(signed char, char)
CU_MAKERS(unsigned char, uchar)
CU_MAKERS(short, short)
CU_MAKERS(unsigned short, ushort)
CU_MAKERS(int, int)
CU_MAKERS(unsigned, uint)
CU_MAKERS(long long, longlong)
CU_MAKERS(unsigned long long, ulonglong)
CU_MAKERS(float, float)
CU_MAKERS(double, double)
#endif

#endif
