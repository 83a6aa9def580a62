// The bandwidth of this machine's memory; see bandwidth.h.
#include "bandwidth.h"
#include "error.h"
#include "timer.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void)
{
    return 0;
}

static int omp_get_num_threads(void)
{
    return 1;
}
#endif

enum { LINE = 512, PAGE = 2 << 20, LEAST = 256 << 20 };
static const size_t most = (size_t)1 << 30;
static volatile uint64_t read_out;  // so that reading is not optimised away

static void read_part(const char *from, const char *to)
{
    enum { WORDS = LINE / sizeof(uint64_t) };
    uint64_t sum[WORDS] = { 0 }, all = 0;
    for (; from < to; from += LINE) {
        uint64_t word[WORDS];
        memcpy(word, from, LINE);
        for (int i = 0; i < WORDS; i++)
            sum[i] ^= word[i];
    }
    for (int i = 0; i < WORDS; i++)
        all ^= sum[i];
    read_out = all;
}

// `times` times: each thread its own part, without waiting for the others.
static double read_all(const char *data, size_t lines, int times)
{
    double start = 0;
    #pragma omp parallel
    {
        size_t n = (size_t)omp_get_num_threads(), i = (size_t)omp_get_thread_num();
        #pragma omp barrier
        #pragma omp master
        start = timer_now();
        for (int t = 0; t < times; t++)
            read_part(data + lines * i / n * LINE, data + lines * (i + 1) / n * LINE);
    }
    return timer_now() - start;
}

static void touch(char *data, size_t lines)
{
    #pragma omp parallel
    {
        size_t n = (size_t)omp_get_num_threads(), i = (size_t)omp_get_thread_num();
        size_t from = lines * i / n * LINE, to = lines * (i + 1) / n * LINE;
        memset(data + from, 1, to - from);
    }
}

double bandwidth_read(size_t bytes)
{
    size_t lines = (bytes < most ? bytes : most) / LINE + 1, size = lines * LINE;
    size_t room = (size / PAGE + 1) * PAGE;
    int times = (int)(LEAST / size) + 1;
    char *data = aligned_alloc(PAGE, room);
    double best = 0, end = timer_now();
    if (!data)
        die("no memory left to measure its bandwidth: %.0f MB", 1e-6 * (double)room);
#ifdef MADV_HUGEPAGE
    madvise(data, room, MADV_HUGEPAGE);
#endif
    touch(data, lines);
    for (end = timer_now() + 0.1; best == 0 || timer_now() < end;) {
        double rate = (double)size * times / read_all(data, lines, times);
        best = rate > best ? rate : best;
    }
    free(data);
    return best;
}
