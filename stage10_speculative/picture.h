// A schedule as a picture: a row a lane, a column a pass.
//
//     Picture p = { 0 };
//     scheduler.watch = picture_add;
//     scheduler.to = &p;
//     ... generate ...
//     picture_print(&p);
//     picture_free(&p);
#ifndef PICTURE_H
#define PICTURE_H

#include "scheduler.h"

// What a lane did in a pass.
typedef struct {
    int text;     // number of its sequence; -1: none
    char letter;  // as it is drawn
} Cell;

typedef struct {
    int lanes, steps;
    Cell *cells;  // [steps, lanes]
} Picture;

// For Scheduler.watch.
void picture_add(void *picture, const Scheduler *sc);
void picture_print(const Picture *p);
void picture_free(Picture *p);

#endif
