// Stage 06: with --invariant a row's logits have the same bits in passes of up to 64 rows and in
// longer ones, which CUDA otherwise gives to cuBLAS.
#include "device.h"
#include "model.h"
#include "reference.h"
#include "room.h"

enum { SHORT = 60, LONG = 100 };

// The logits of the first SHORT rows of a pass of `rows`; release with free().
static float *logits_of(const Model *m, const Config *c, const int *ids, int rows)
{
    State s;
    size_t bytes = (size_t)(SHORT * c->V) * sizeof(float);
    float *logits = malloc(bytes);
    room_init(&s, c, LONG, SHORT);
    state_text(&s, ids, rows);
    for (int row = 0; row < SHORT; row++)
        state_want(&s, row);
    state_upload(&s);
    model_forward(m, &s);
    device_download(logits, s.logits, bytes);
    room_free(&s);
    return logits;
}

Test(invariant, to_the_number_of_rows)
{
    for (DType dtype = F32; dtype <= BF16; dtype++) {
        Reference r;
        Model m = { 0 };
        int ids[LONG];
        reference_open(&r, "tiny");
        model_load(&m, &r.weights, &r.config, dtype);
        for (int i = 0; i < LONG; i++)
            ids[i] = i * i % r.config.V;
        float *want = logits_of(&m, &r.config, ids, SHORT);
        matmul_set_invariant(true);
        float *got = logits_of(&m, &r.config, ids, LONG);
        matmul_set_invariant(false);
        expect_same(dtype_name(dtype), "logits", got, want, (size_t)(SHORT * r.config.V));
        free(got);
        free(want);
        model_free(&m);
        reference_close(&r);
    }
}
