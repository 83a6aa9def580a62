// Which texts are written together, and what each pass computes.
//
//     Scheduler sc;
//     scheduler_init(&sc, &options, sequences, n, &config);
//     while (scheduler_plan(&sc, &state)) {    // the rows of the next pass
//         ... forward, sample ...
//         scheduler_take(&sc, &state, next);   // a token for each text that is through
//     }
//     scheduler_free(&sc);
//
// The batch has a fixed number of lanes, one for each text that is being written; the
// other texts wait.  Rows of unlike texts follow each other in a pass: a row knows its
// lane, and nothing needs padding.
//     continuous  a text that has ended gives its lane to the next at once (G. Yu et al.,
//                 "Orca", 2022); long prompts are computed in chunks, between the others'
//                 single rows (A. Agrawal et al., "Sarathi-Serve", 2024)
//     static      new texts come in only when all have ended, and the batch is a
//                 rectangle: shorter texts are padded on the right, ended ones go on with
//                 padding.  The textbook's batch, with all that it wastes
//     grouped     only texts of equal length come in together, the largest group first;
//                 nothing needs padding
// A text's tokens do not depend on any of that.
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include "generate.h"

typedef enum { CONTINUOUS, STATIC, GROUPED } ScheduleKind;

typedef struct {
    int kind;   // ScheduleKind
    int batch;  // lanes
    int chunk;  // rows of prompts in one pass, at most
} SchedulerOptions;

typedef struct Scheduler {
    SchedulerOptions options;
    Sequence *sequences;  // [n] in the order of their arrival; the caller's
    int n;
    int n_ended;         // of the first ones: none of them waits or is written
    Sequence **running;  // [batch] those that have a lane, oldest first
    int n_running;
    Sequence **lanes;   // [batch] the same by lane; NULL: nobody
    int *rows, *pads;   // [batch] rows of each lane in this pass; of these, padding
    int *held;          // [batch] tokens that the cache holds without the padding
    Sampler *samplers;  // [batch] the lanes'
    int *wanted, *who;  // [batch] the lane of each wanted row; host, device
    int *next;          // [batch] host: tokens for scheduler_take
    void *block;
    int steps, preempted;     // passes; how often a text lost its lane again
    double row_sum, pad_sum;  // rows of all passes; of these, padding
    void (*watch)(void *to, const struct Scheduler *sc);  // told each plan; may be NULL
    void *to;
} Scheduler;

// --batch, --schedule, --prefill-chunk.
void scheduler_options(Args *a, SchedulerOptions *o);
const char *scheduler_kind_name(ScheduleKind kind);
// The rows that a pass may have, for state_init and kvcache_init.
int scheduler_max_rows(const SchedulerOptions *o);
// For n sequences, which the scheduler changes and does not copy.  Release with
// scheduler_free.
void scheduler_init(Scheduler *sc, const SchedulerOptions *o, Sequence *sequences, int n,
                    const Config *c);
void scheduler_free(Scheduler *sc);
// The rows of the next pass, uploaded.  false: all texts have ended.
bool scheduler_plan(Scheduler *sc, State *s);
// next[W]: the token for each wanted row of the pass.
void scheduler_take(Scheduler *sc, State *s, const int *next);

#endif
