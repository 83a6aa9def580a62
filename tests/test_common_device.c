// Streams: work in one may wait for work in another, and each has scratch memory of its own.
#include "device.h"
#include <criterion/criterion.h>

#ifdef DEVICE_NAME
#include "device_cuda.h"

Test(streams, have_scratch_memory_of_their_own)
{
    device_stream_use(0);
    void *one = device_scratch(1000);
    device_stream_use(1);
    void *two = device_scratch(1000);
    cr_expect(one != two);
    cr_expect(device_scratch(500) == two, "it is there already");
    device_stream_use(0);
    cr_expect(device_scratch(1000) == one);
    cr_expect(device_scratch(1001) != one, "it has grown");
}
#endif

// CUDA_CPU_LAZY=1 does nothing that nobody waits for.
Test(streams, can_be_waited_for)
{
    int here = 7, there = 0, *memory = device_alloc(sizeof here, "a number");
    device_wait();
    device_stream_use(1);
    device_upload(memory, &here, sizeof here);
    device_wait();
    device_stream_use(0);
    device_download(&there, memory, sizeof there);
    cr_expect(there == 7, "%d", there);
    device_free(memory);
}
