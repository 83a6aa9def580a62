// Streams, events and graphs, as streams.c and graphs.c share them.
//
// A stream is a queue of closures: a function and a copy of what it needs.  A ticket is
// what an event hands out each time that it is recorded; it is done when the stream has
// come to it.  While a stream is captured its closures become the nodes of a graph.
#ifndef STREAMS_H
#define STREAMS_H

#include "emulator.h"

typedef struct CUstream_st Stream;
typedef struct CUevent_st Event;
typedef struct CUgraph_st Graph;

typedef struct {
    int references;
    bool done;
    double ms;  // when
    Stream *stream;
} Ticket;

typedef struct Op {
    struct Op *next;
    uint64_t number;  // operations of all streams, in the order of submission
    void (*run)(void *);
    Ticket *record, *wait;
    _Alignas(16) char closure[];
} Op;

struct CUstream_st {
    Op *head, **tail;
    Stream *next;   // all streams
    bool blocking;  // ordered with the default stream
    Graph *capture;
    int node;  // of the capture: its last one in this stream; -1: none
};

struct CUevent_st {
    Ticket *ticket;  // of the last record; NULL: none yet
    bool timing;
    Graph *capture;  // recorded in a capture, after `node`
    unsigned long capture_number;
    int node;
};

extern Stream *streams;  // all but the default one
void stream_run_all(Stream *s);

#endif
