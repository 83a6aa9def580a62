// The bandwidth of the device's memory; see bandwidth.h.  A copy reads and writes.
#include "bandwidth.h"
#include "device.h"
#include "timer.h"

enum { LEAST = 32 << 20 };

double bandwidth_read(size_t bytes)
{
    size_t most = (size_t)1 << 30, half = (bytes < most ? bytes : most) / 2 + 1;
    int times = (int)(LEAST / half) + 1;
    char *data = device_alloc(2 * half, "to measure the bandwidth"), last;
    double best = 0, end = timer_now() + 0.1;
    while (best == 0 || timer_now() < end) {
        device_download(&last, data, 1);  // waits for what was there before
        double start = timer_now();
        for (int t = 0; t < times; t++)
            device_copy(data + half, data, half);
        device_download(&last, data + half, 1);
        double rate = 2.0 * (double)half * times / (timer_now() - start);
        best = rate > best ? rate : best;
    }
    device_free(data);
    return best;
}
