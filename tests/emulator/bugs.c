// bugs NAME: runs one of the planted bugs; exits 1 if the result is wrong, as it should
// be, unless somebody notices earlier.  `bugs none` runs what is right.
#include "bugs.h"
#include "check.h"

enum { N = 64 };

static float *x, *y;  // device, [N]
static cudaStream_t stream;

static void make_input(void)
{
    float host[N];
    for (int i = 0; i < N; i++)
        host[i] = (float)i;
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    x = to_device(host, sizeof host);
    y = to_device(host, sizeof host);
}

// What y must be.
static float want(const char *name, int i)
{
    if (strcmp(name, "no_syncthreads") == 0)
        return (float)(63 - i);
    if (strcmp(name, "no_syncwarp") == 0 || strcmp(name, "shuffle_orders_nothing") == 0)
        return (float)(i ^ 1);
    if (strcmp(name, "no_atomic") == 0 && i == 0)
        return 2016;
    if (strcmp(name, "block_order") == 0 && i < 16)
        return (float)(48 + i);  // the last block's
    return (float)i;
}

static void compare(const char *name, const float *got, float factor)
{
    for (int i = 0; i < N; i++)
        CHECK(got[i] == factor * want(name, i), "%s: element %d is %g, not %g", name, i,
              got[i], factor * want(name, i));
}

// ---- bugs of the host

// The result is read before it is there.
static void no_stream_sync(const char *name)
{
    float *host;
    OK(cudaMallocHost((void **)&host, N * sizeof *host));
    memset(host, 0, N * sizeof *host);
    twice(y, x, stream);
    OK(cudaMemcpyAsync(host, y, N * sizeof *host, cudaMemcpyDeviceToHost, stream));
    compare(name, host, 2);
}

// The second stream does not wait for the first one.
static void no_event(const char *name)
{
    float host[N];
    cudaStream_t second;
    OK(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
    twice(y, x, stream);
    add(y, x, second);
    OK(cudaStreamSynchronize(second));
    OK(cudaStreamSynchronize(stream));
    OK(cudaMemcpy(host, y, sizeof host, cudaMemcpyDeviceToHost));
    compare(name, host, 3);
}

// The same in a graph: both come back to the first stream, but in no order.
static void graph_no_event(const char *name)
{
    float host[N];
    cudaStream_t second;
    cudaEvent_t fork, join;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    OK(cudaStreamCreate(&second));
    OK(cudaEventCreate(&fork));
    OK(cudaEventCreate(&join));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    OK(cudaEventRecord(fork, stream));
    OK(cudaStreamWaitEvent(second, fork, 0));
    twice(y, x, stream);
    add(y, x, second);
    OK(cudaEventRecord(join, second));
    OK(cudaStreamWaitEvent(stream, join, 0));
    OK(cudaStreamEndCapture(stream, &graph));
    OK(cudaGraphInstantiate(&exec, graph, 0));
    OK(cudaGraphLaunch(exec, stream));
    OK(cudaStreamSynchronize(stream));
    OK(cudaMemcpy(host, y, sizeof host, cudaMemcpyDeviceToHost));
    compare(name, host, 3);
}

static void host_touches_device(const char *name)
{
    float got[N];
    twice(y, x, stream);
    OK(cudaStreamSynchronize(stream));
    for (int i = 0; i < N; i++)
        got[i] = y[i];  // BUG host_touches_device
    compare(name, got, 2);
}

static void use_after_free(const char *name)
{
    float got[N];
    OK(cudaMemcpy(got, y, sizeof got, cudaMemcpyDeviceToHost));
    OK(cudaFree(x));
    twice(y, x, stream);  // of the checks in the kernel or at the launch, one must see it
    compare(name, got, 1);
}

static void copy_too_long(const char *name)
{
    float got[N + 1] = { 0 };
    OK(cudaMemcpy(got, y, sizeof got, cudaMemcpyDeviceToHost));
    compare(name, got, 1);
}

static void kernel_bug(const char *name)
{
    float got[N];
    if (!bug_launch(name, y, x, stream)) {
        fprintf(stderr, "bugs: there is no bug %s\n", name);
        exit(2);
    }
    OK(cudaGetLastError());
    OK(cudaStreamSynchronize(stream));
    OK(cudaMemcpy(got, y, sizeof got, cudaMemcpyDeviceToHost));
    compare(name, got, 1);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const char *name);
    } host_bugs[] = { { "no_stream_sync", no_stream_sync },
                      { "no_event", no_event },
                      { "graph_no_event", graph_no_event },
                      { "host_touches_device", host_touches_device },
                      { "use_after_free", use_after_free },
                      { "copy_too_long", copy_too_long } };
    const char *name = argc > 1 ? argv[1] : "";
    make_input();
    for (size_t i = 0; i < sizeof host_bugs / sizeof *host_bugs; i++)
        if (strcmp(name, host_bugs[i].name) == 0) {
            host_bugs[i].run(name);
            return check_result();
        }
    kernel_bug(name);
    return check_result();
}
