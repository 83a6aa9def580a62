// How the threads of a parallel region wait for each other.
#ifndef THREADS_H
#define THREADS_H

// At a barrier libgomp spins for so long (milliseconds) that a program whose threads must
// share a core with a neighbour collapses: each barrier then costs a time slice.  Spinning
// for some microseconds, about as long as a barrier lasts, and then sleeping, costs nothing
// when the machine is quiet.  libgomp reads that number from the environment before main
// begins, so this sets it and starts the program anew, once.  Nothing is done if the
// environment says already how to wait (GOMP_SPINCOUNT, OMP_WAIT_POLICY), or if another
// library runs the threads.  Call it first in main, while nothing has happened yet.
void threads_wait_briefly(char **argv);

#endif
