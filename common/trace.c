// Operations as they happen; see trace.h.  In a parallel region the first thread records.
#include "trace.h"
#include "bandwidth.h"
#include "device.h"
#include "dump.h"
#include "error.h"
#include "jsonout.h"
#include "memory.h"
#include "output.h"
#include "timer.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void)
{
    return 0;
}
#endif

typedef struct {
    char name[48];
    double start, bytes, flops;
} Event;

enum { TOTALS = 64 };

// --dry-run: the sum of all operations of one kind.
typedef struct {
    char name[64];
    long calls;
    double bytes, flops;
} Total;

static struct {
    bool on, dry, json;  // `on`: anything to record
    Output *profile;
    Event *events;
    size_t n, room;
    Total totals[TOTALS];
    int n_totals;
    int stdout_kept;  // a dry run's own output goes nowhere; this is where stdout was
    Dump *dump;
} trace;

static void add_event(const char *name, double bytes, double flops)
{
    if (trace.n == trace.room) {
        trace.room = trace.room ? 2 * trace.room : 4096;
        trace.events =
            memory_grow(trace.events, trace.room, sizeof(Event), "trace events");
    }
    Event *e = &trace.events[trace.n++];
    *e = (Event){ .start = timer_now(), .bytes = bytes, .flops = flops };
    snprintf(e->name, sizeof e->name, "%s", name);  // the name's owner may go before us
}

// "h.7.mlp.c_fc.weight" counts as "h.*.mlp.c_fc.weight".
static void add_total(const char *name, double bytes, double flops)
{
    char kind[sizeof trace.totals[0].name];
    size_t digits = strncmp(name, "h.", 2) == 0 ? strspn(name + 2, "0123456789") : 0;
    snprintf(kind, sizeof kind, "%s%s", digits ? "h.*" : "",
             digits ? name + 2 + digits : name);
    int i = 0;
    while (i < trace.n_totals && strcmp(trace.totals[i].name, kind) != 0)
        i++;
    assert(i < TOTALS);
    if (i == trace.n_totals)
        strcpy(trace.totals[trace.n_totals++].name, kind);
    trace.totals[i].calls++;
    trace.totals[i].bytes += bytes;
    trace.totals[i].flops += flops;
}

bool trace_op(const char *name, double bytes, double flops)
{
    if (!trace.on)
        return true;
    if (omp_get_thread_num() == 0 && trace.dry)
        add_total(name, bytes, flops);
    else if (omp_get_thread_num() == 0)
        add_event(name, bytes, flops);
    return !trace.dry;
}

bool trace_is_dry(void)
{
    return trace.dry;
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
    trace.profile = output_open(path);
    trace.on = true;
}

void trace_dry_run(bool json)
{
    trace.json = json;
    trace.on = trace.dry = true;
    trace.stdout_kept = dup(STDOUT_FILENO);
    if (trace.stdout_kept < 0 || !freopen("/dev/null", "w", stdout))
        die("--dry-run: cannot put stdout aside: %s", strerror(errno));
}

static void write_profile(double end)
{
    FILE *file = output_file(trace.profile);
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
    output_close(trace.profile);
}

// s: how long the memory takes for all these bytes, at least.
static double floor_time(void)
{
    double bytes = 0;
    for (int i = 0; i < trace.n_totals; i++)
        bytes += trace.totals[i].bytes;
    return bytes / bandwidth_read(device_bytes());
}

static void print_json_totals(void)
{
    json_begin("{", NULL);
    json_begin("[", "operations");
    for (int i = 0; i < trace.n_totals; i++) {
        json_begin("{", NULL);
        json_text("name", trace.totals[i].name, strlen(trace.totals[i].name));
        json_int("calls", trace.totals[i].calls);
        json_float("bytes", trace.totals[i].bytes);
        json_float("flops", trace.totals[i].flops);
        json_end();
    }
    json_end();
    json_int("memory_bytes", (int64_t)device_bytes());
    json_float("floor_ms", 1e3 * floor_time());
    json_end();
}

static void print_totals(void)
{
    Total all = { "all", 0, 0, 0 };
    printf("%-28s %8s %12s %12s\n", "operation", "calls", "MB", "Mflop");
    for (int i = 0; i <= trace.n_totals; i++) {
        const Total *t = i < trace.n_totals ? &trace.totals[i] : &all;
        printf("%-28s %8ld %12.3f %12.3f\n", t->name, t->calls, t->bytes / 1e6,
               t->flops / 1e6);
        all.calls += t->calls;
        all.bytes += t->bytes;
        all.flops += t->flops;
    }
    printf("memory for weights and activations: %.3f MB\n", (double)device_bytes() / 1e6);
    printf("floor, by the bandwidth of this memory: %.3f ms\n", 1e3 * floor_time());
}

void trace_end(void)
{
    double end = timer_now();
    if (trace.profile && !trace.dry)
        write_profile(end);
    if (trace.dry) {
        fflush(stdout);
        dup2(trace.stdout_kept, STDOUT_FILENO);
        if (trace.json)
            print_json_totals();
        else
            print_totals();
    }
    if (trace.dump)
        dump_close(trace.dump);
    trace.dump = NULL;
    free(trace.events);
    trace.events = NULL;
}
