// 05a: gelu_exact is x times the share of a normal distribution below x.
#include "ops.h"
#include <math.h>
#include <stdio.h>

void gelu_exact(float *x, int T, int width);

enum { T = 3, WIDTH = 2001 };

static double wanted(double x)
{
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}

int main(void)
{
    static float x[T * WIDTH + 1], tail[] = { -100, 100, 0 };
    int wrong = 0;
    for (int i = 0; i < T * WIDTH; i++)
        x[i] = (float)(i - T * WIDTH / 2) / 500.0f;
    x[T * WIDTH] = 1;  // beyond the last row
    gelu_exact(x, T, WIDTH);
    for (int i = 0; i < T * WIDTH && wrong < 5; i++) {
        double at = (double)((float)(i - T * WIDTH / 2) / 500.0f), want = wanted(at);
        if (!(fabs((double)x[i] - want) <= 2e-6)) {
            fprintf(stderr, "gelu_exact(%g): wanted %.7f, found %.7f\n", at, want,
                    (double)x[i]);
            wrong++;
        }
    }
    if (x[T * WIDTH] != 1)
        wrong += fprintf(stderr, "a number behind the last row was changed\n") > 0;
    gelu_exact(tail, 1, 3);
    if (!(tail[0] == 0) || !(tail[1] == 100) || !(tail[2] == 0))
        wrong += fprintf(stderr,
                         "of -100, 100 and 0: wanted 0, 100 and 0, found %g, %g and "
                         "%g\n",
                         (double)tail[0], (double)tail[1], (double)tail[2]) > 0;
    return wrong != 0;
}
