// Graphs: what a stream was given between the begin and the end of a capture, kept to be
// run again and again.
//
// A node runs after at most two others: the one before it in its stream, and, if the
// stream waits for an event there, the one after which that was recorded.  In order, a
// graph runs as it was captured; shuffled (or lazy), in any order that these allow, so
// that a missing event shows.
#include "streams.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    void (*run)(void *);  // NULL: only waits
    void *closure;
    int after[2];   // nodes; -1: none
    bool followed;  // by another node
} Node;

struct CUgraph_st {
    int references;
    Node *nodes;
    int n, max;
    Stream *origin;  // while it is being captured
    unsigned long number;
};

struct CUgraphExec_st {
    Graph *graph;
};

static Graph *capturing;  // at most one at a time
static unsigned long captures;

bool graph_is_capturing(void)
{
    return capturing != NULL;
}

static void *get(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        emulator_no_memory("graphs");
    return p;
}

static void graph_drop(Graph *g)
{
    if (--g->references > 0)
        return;
    for (int i = 0; i < g->n; i++)
        free(g->nodes[i].closure);
    free(g->nodes);
    free(g);
}

// ---- capture

static void add_node(Stream *s, Node node)
{
    Graph *g = s->capture;
    if (g->n == g->max) {
        g->max = g->max ? 2 * g->max : 64;
        g->nodes = realloc(g->nodes, (size_t)g->max * sizeof *g->nodes);
        if (!g->nodes)
            emulator_no_memory("graphs");
    }
    for (int i = 0; i < 2; i++)
        if (node.after[i] >= 0)
            g->nodes[node.after[i]].followed = true;
    g->nodes[g->n] = node;
    s->node = g->n++;
}

bool graph_add(cudaStream_t s, void (*run)(void *), const void *closure, size_t bytes)
{
    if (!s || !s->capture)
        return false;
    Node node = { run, get(bytes), { s->node, -1 }, false };
    if (bytes > 0)
        memcpy(node.closure, closure, bytes);
    add_node(s, node);
    return true;
}

bool graph_record(cudaStream_t s, cudaEvent_t e)
{
    e->capture = s ? s->capture : NULL;
    if (!e->capture)
        return false;
    e->capture_number = e->capture->number;
    e->node = s->node;
    return true;
}

// A stream that waits for an event of the capture takes part in it from there on.
bool graph_wait(cudaStream_t s, cudaEvent_t e)
{
    if (!s || !capturing || e->capture != capturing ||
        e->capture_number != capturing->number)
        return false;
    if (!s->capture) {
        s->capture = capturing;
        s->node = -1;
    }
    add_node(s, (Node){ NULL, NULL, { s->node, e->node }, false });
    return true;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    (void)mode;
    if (!stream || capturing)
        return emulator_error(cudaErrorStreamCaptureUnsupported);
    Graph *g = capturing = stream->capture = get(sizeof *g);
    g->references = 1;
    g->origin = stream;
    g->number = ++captures;
    stream->node = -1;
    return cudaSuccess;
}

// Work of other streams must have come back to the first one: nothing may be left that
// nothing follows, but for the last node of that stream.
static bool is_joined(const Graph *g, int last)
{
    for (int i = 0; i < g->n; i++)
        if (!g->nodes[i].followed && i != last)
            return false;
    return true;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = NULL;
    if (!stream || !capturing || stream != capturing->origin)
        return emulator_error(cudaErrorStreamCaptureUnsupported);
    Graph *g = capturing;
    bool joined = is_joined(g, stream->node);
    for (Stream *s = streams; s; s = s->next)
        s->capture = NULL;
    capturing = NULL;
    g->origin = NULL;
    if (!joined) {
        graph_drop(g);
        return emulator_error(cudaErrorStreamCaptureUnjoined);
    }
    *graph = g;
    return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream,
                                  enum cudaStreamCaptureStatus *status)
{
    *status = stream && stream->capture ? cudaStreamCaptureStatusActive
                                        : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}

// ---- running

static void node_run(const Graph *g, int i)
{
    if (g->nodes[i].run) {
        memory_open(true);
        g->nodes[i].run(g->nodes[i].closure);
    }
}

static bool is_done(const bool *done, int node)
{
    return node < 0 || done[node];
}

// Any order that the graph allows: a random one, or, if lazy, the latest node first.
static void run_shuffled(const Graph *g)
{
    bool *done = get((size_t)g->n);
    int *ready = get((size_t)g->n * sizeof *ready);
    for (int left = g->n; left > 0; left--) {
        int n = 0;
        for (int i = 0; i < g->n; i++)
            if (!done[i] && is_done(done, g->nodes[i].after[0]) &&
                is_done(done, g->nodes[i].after[1]))
                ready[n++] = i;
        int next =
            ready[emulator_settings.seed > 0 ? (int)emulator_random((unsigned)n) : n - 1];
        node_run(g, next);
        done[next] = true;
    }
    free(ready);
    free(done);
}

static void run_graph(void *closure)
{
    Graph *g = *(Graph **)closure;
    if (emulator_settings.seed > 0 || emulator_settings.lazy)
        run_shuffled(g);
    else
        for (int i = 0; i < g->n; i++)
            node_run(g, i);
    graph_drop(g);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags)
{
    (void)flags;
    *exec = get(sizeof **exec);
    (*exec)->graph = graph;
    graph->references++;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    if (stream && stream->capture)  // a graph within a graph: we have no need of it
        return emulator_error(cudaErrorStreamCaptureUnsupported);
    exec->graph->references++;
    return cu_enqueue(stream, run_graph, &exec->graph, sizeof exec->graph);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    graph_drop(graph);
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    graph_drop(exec->graph);
    free(exec);
    return cudaSuccess;
}
