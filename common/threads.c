// Threads; see threads.h.
#include "threads.h"
#include <stdlib.h>
#include <unistd.h>

void threads_wait_briefly(char **argv)
{
#if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    setenv("GOMP_SPINCOUNT", "1500", 1);
    execv("/proc/self/exe", argv);  // where that is not there, go on as we are
#else
    (void)argv;
#endif
}
