// Streams, events, and the copies that go through streams; see streams.h.
//
// Usually a closure runs as soon as it is put into a stream.  With CUDA_CPU_LAZY it runs
// when somebody waits for it, the latest time that CUDA allows; what forgot to wait then
// sees old data.
#include "streams.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

Stream *streams;
static Stream default_stream = { .tail = &default_stream.head, .blocking = true };
static uint64_t submitted;

static Stream *stream_of(cudaStream_t s)
{
    return s ? s : &default_stream;
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void *get(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p)
        emulator_no_memory("streams");
    return p;
}

static void ticket_drop(Ticket *t)
{
    if (t && --t->references == 0)
        free(t);
}

static Ticket *ticket_keep(Ticket *t)
{
    t->references++;
    return t;
}

// ---- running what is queued

static void stream_step(Stream *s);

// All operations up to a number.
static void stream_run(Stream *s, uint64_t last)
{
    while (s->head && s->head->number <= last)
        stream_step(s);
}

void stream_run_all(Stream *s)
{
    stream_run(s, UINT64_MAX);
}

static void ticket_wait(const Ticket *t)
{
    while (!t->done)
        stream_step(t->stream);
}

// The default stream waits for what the others were given before, and they for it.
static void op_wait_for_others(const Op *o, const Stream *s)
{
    if (s == &default_stream) {
        for (Stream *t = streams; t; t = t->next)
            if (t->blocking)
                stream_run(t, o->number);
    } else if (s->blocking)
        stream_run(&default_stream, o->number);
}

static void op_run(Op *o)
{
    if (o->wait)
        ticket_wait(o->wait);
    if (o->run) {
        memory_open(true);
        o->run(o->closure);
        memory_open(false);
    }
    if (o->record) {
        o->record->ms = now_ms();
        o->record->done = true;
    }
    ticket_drop(o->wait);
    ticket_drop(o->record);
    free(o);
}

static void stream_step(Stream *s)
{
    Op *o = s->head;
    s->head = o->next;
    if (!s->head)
        s->tail = &s->head;
    op_wait_for_others(o, s);
    op_run(o);
}

static void submit(Stream *s, Op *o)
{
    o->number = ++submitted;
    *s->tail = o;
    s->tail = &o->next;
    if (!emulator_settings.lazy)
        stream_run_all(s);
}

static Op *op_new(void (*run)(void *), const void *closure, size_t bytes)
{
    Op *o = get(sizeof *o + bytes);
    o->run = run;
    if (bytes > 0)
        memcpy(o->closure, closure, bytes);
    return o;
}

cudaError_t cu_enqueue(cudaStream_t stream, void (*run)(void *), const void *closure,
                       size_t bytes)
{
    if (!stream && graph_is_capturing())
        return emulator_error(cudaErrorStreamCaptureImplicit);
    if (!graph_add(stream, run, closure, bytes))
        submit(stream_of(stream), op_new(run, closure, bytes));
    return cudaSuccess;
}

// ---- streams

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    Stream *s = *stream = get(sizeof *s);
    s->tail = &s->head;
    s->blocking = !(flags & cudaStreamNonBlocking);
    s->next = streams;
    streams = s;
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    if (!stream)
        return emulator_error(cudaErrorInvalidResourceHandle);
    stream_run_all(stream);
    for (Stream **p = &streams; *p; p = &(*p)->next)
        if (*p == stream) {
            *p = stream->next;
            break;
        }
    free(stream);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    if (graph_is_capturing() && (!stream || stream->capture))
        return emulator_error(cudaErrorStreamCaptureUnsupported);
    stream_run_all(stream_of(stream));
    return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    Stream *s = stream_of(stream);
    if (!s->head)
        return cudaSuccess;
    stream_step(s);  // a loop that asks again and again must see progress
    return cudaErrorNotReady;
}

cudaError_t cudaDeviceSynchronize(void)
{
    if (graph_is_capturing())
        return emulator_error(cudaErrorStreamCaptureUnsupported);
    stream_run_all(&default_stream);
    for (Stream *s = streams; s; s = s->next)
        stream_run_all(s);
    return cudaSuccess;
}

typedef struct {
    cudaHostFn_t f;
    void *data;
} HostCall;

static void run_host(void *closure)
{
    HostCall *c = closure;
    memory_open(false);
    c->f(c->data);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t f, void *data)
{
    HostCall c = { f, data };
    return cu_enqueue(stream, run_host, &c, sizeof c);
}

// ---- events

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    *event = get(sizeof **event);
    (*event)->timing = !(flags & cudaEventDisableTiming);
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    if (!event)
        return emulator_error(cudaErrorInvalidResourceHandle);
    ticket_drop(event->ticket);
    free(event);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    if (!stream && graph_is_capturing())
        return emulator_error(cudaErrorStreamCaptureImplicit);
    if (graph_record(stream, event))
        return cudaSuccess;
    Op *o = op_new(NULL, NULL, 0);
    ticket_drop(event->ticket);
    event->ticket = get(sizeof *event->ticket);
    event->ticket->stream = stream_of(stream);
    ticket_keep(event->ticket);
    o->record = ticket_keep(event->ticket);
    submit(stream_of(stream), o);
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    (void)flags;
    if (graph_wait(stream, event))
        return cudaSuccess;
    if (!stream && graph_is_capturing())
        return emulator_error(cudaErrorStreamCaptureImplicit);
    if (event->ticket && !event->ticket->done) {
        Op *o = op_new(NULL, NULL, 0);
        o->wait = ticket_keep(event->ticket);
        submit(stream_of(stream), o);
    }
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    if (event->ticket)
        ticket_wait(event->ticket);
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    if (!event->ticket || event->ticket->done)
        return cudaSuccess;
    stream_step(event->ticket->stream);
    return cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end)
{
    if (!start->timing || !end->timing || !start->ticket || !end->ticket)
        return emulator_error(cudaErrorInvalidResourceHandle);
    if (!start->ticket->done || !end->ticket->done)
        return emulator_error(cudaErrorNotReady);
    *ms = (float)(end->ticket->ms - start->ticket->ms);
    return cudaSuccess;
}
