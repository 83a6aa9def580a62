// Time.
#ifndef TIMER_H
#define TIMER_H

// Seconds since some fixed moment, from a clock that never goes back.
double timer_now(void);

#endif
