// Operations as they happen; see trace.h.  In a parallel region the first thread records.
#include "trace.h"
#include "device.h"
#include "dump.h"
#include "error.h"
#include "memory.h"
#include "timer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void)
{
    return 0;
}
#endif

typedef struct {
    const char *name;
    double start, bytes, flops;
} Event;

static struct {
    bool on, dry;  // `on`: anything to record
    const char *profile;
    Event *events;
    size_t n, room;
    Dump *dump;
} trace;

static void add_event(const char *name, double bytes, double flops)
{
    if (trace.n == trace.room) {
        trace.room = trace.room ? 2 * trace.room : 4096;
        trace.events =
            memory_grow(trace.events, trace.room, sizeof(Event), "trace events");
    }
    trace.events[trace.n++] = (Event){ name, timer_now(), bytes, flops };
}

bool trace_op(const char *name, double bytes, double flops)
{
    if (!trace.on)
        return true;
    if (omp_get_thread_num() == 0)
        add_event(name, bytes, flops);
    return !trace.dry;
}

void trace_dump(const char *name, int number, const float *x, int rows, int columns)
{
    if (!trace.dump || trace.dry)
        return;
    #pragma omp single
    {
        char full[256];
        size_t shape[2] = { (size_t)rows, (size_t)columns };
        size_t bytes = shape[0] * shape[1] * sizeof *x;
        float *host = memory_alloc(bytes, 1, name);
        device_download(host, x, bytes);
        snprintf(full, sizeof full, number < 0 ? "%s" : "%s.%d", name, number);
        dump_add(trace.dump, full, F32, 2, shape, host);
        free(host);
    }
}

void trace_dump_to(const char *path)
{
    trace.dump = dump_new(path);
}

void trace_profile_to(const char *path)
{
    trace.profile = path;
    trace.on = true;
}

void trace_dry_run(void)
{
    trace.on = trace.dry = true;
}

static void write_profile(double end)
{
    FILE *file = fopen(trace.profile, "w");
    if (!file)
        die("cannot write %s: %s", trace.profile, strerror(errno));
    fprintf(file, "[");
    for (size_t i = 0; i < trace.n; i++) {
        const Event *e = &trace.events[i];
        double stop = i + 1 < trace.n ? e[1].start : end, start = trace.events[0].start;
        fprintf(file,
                "%s\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":0,\"tid\":0,"
                "\"ts\":%.3f,\"dur\":%.3f,"
                "\"args\":{\"bytes\":%.0f,\"flops\":%.0f}}",
                i ? "," : "", e->name, (e->start - start) * 1e6, (stop - e->start) * 1e6,
                e->bytes, e->flops);
    }
    fprintf(file, "\n]\n");
    if (fclose(file) != 0)
        die("cannot write %s: %s", trace.profile, strerror(errno));
}

// --dry-run: one line for each name, in the order of their first call.
static void print_totals(void)
{
    double bytes = 0, flops = 0;
    printf("%-32s %8s %14s %14s\n", "operation", "calls", "bytes", "flops");
    for (size_t i = 0; i < trace.n; i++) {
        Event sum = { trace.events[i].name, 0, 0, 0 };
        int calls = 0;
        for (size_t j = i; sum.name && j < trace.n; j++)
            if (trace.events[j].name && strcmp(trace.events[j].name, sum.name) == 0) {
                sum.bytes += trace.events[j].bytes;
                sum.flops += trace.events[j].flops;
                calls++;
                if (j > i)
                    trace.events[j].name = NULL;
            }
        if (sum.name)
            printf("%-32s %8d %14.0f %14.0f\n", sum.name, calls, sum.bytes, sum.flops);
        bytes += sum.bytes;
        flops += sum.flops;
    }
    printf("%-32s %8zu %14.0f %14.0f\n", "all", trace.n, bytes, flops);
}

void trace_end(void)
{
    double end = timer_now();
    if (trace.profile)
        write_profile(end);
    if (trace.dry)
        print_totals();
    if (trace.dump)
        dump_close(trace.dump);
    trace.dump = NULL;
    free(trace.events);
    trace.events = NULL;
}
