// The context switch by itself: fibers pass a token round, and check that what they hold
// in registers is still there when they come back.
#include "fibers.h"
#include <stdio.h>
#include <stdlib.h>

enum { FIBERS = 50, ROUNDS = 1000, VALUES = 12 };

static Fiber host, *fibers[FIBERS];
static int token, wrong;
static long steps;

// More values than there are registers to preserve, of both kinds.
static void work(void)
{
    int self = token;
    long whole[VALUES];
    double real[VALUES];
    for (int i = 0; i < VALUES; i++) {
        whole[i] = self * 100 + i;
        real[i] = self + i / 16.0;
    }
    for (;;) {
        steps++;
        token = (self + 1) % FIBERS;
        fiber_switch(fibers[self], token == 0 ? &host : fibers[token]);
        for (int i = 0; i < VALUES; i++) {
            whole[i] += i + 1;
            real[i] += 0.25;
        }
        long n = (whole[0] - self * 100);
        for (int i = 0; i < VALUES; i++)
            if (whole[i] != self * 100 + i + n * (i + 1) ||
                real[i] != self + i / 16.0 + 0.25 * (double)n)
                wrong++;
    }
}

int main(void)
{
    fiber_adopt(&host);
    for (int i = 0; i < FIBERS; i++)
        if (!(fibers[i] = fiber_new(work)))
            return 1;
    for (int i = 0; i < ROUNDS; i++) {
        token = 0;
        fiber_switch(&host, fibers[0]);
    }
    printf("fibers: %ld steps, %d wrong\n", steps, wrong);
    return steps != (long)FIBERS * ROUNDS || wrong != 0;
}
