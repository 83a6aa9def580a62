// CUDA C on the CPU.  nvcc includes its own headers before a .cu file; so does the
// emulator's build (g++ -include cuda_cpu.h):
//
//     sed -E -f cuda_cpu.sed add.cu > add.cu.cc       # k<<<g, b>>>(x) is no C++
//     g++ -std=c++17 -I... -include cuda_cpu.h -c add.cu.cc
//
// C files see the runtime's interface alone; C++ files what kernels are written with.
#ifndef CUDA_CPU_H
#define CUDA_CPU_H

#ifndef CUDA_ON_CPU
#define CUDA_ON_CPU 1
#endif

#include "cuda_cpu_api.h"

#ifdef __cplusplus
// First, and outside of extern "C": a .cu file may include C headers within it, and the
// C++ versions of these have templates.
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda_cpu_launch.h"

#include "cuda_cpu_warp.h"

#include "cuda_cpu_atomic.h"
#include "cuda_cpu_math.h"

#include "cuda_cpu_half.h"

#include "cuda_cpu_groups.h"
#include "cuda_cpu_mma.h"
#endif

#endif
