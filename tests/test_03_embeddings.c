// Stage 03: lookup and sum.
#include "embeddings.h"
#include "reference.h"

// Three tokens, two positions, width 2: sums that one sees.
Test(embeddings, by_hand)
{
    float wte[] = { 1, 2, 3, 4, 5, 6 }, wpe[] = { 10, 20, 100, 200 };
    Embeddings e = { packed(wte, F32, 2, 3, MATRIX_OUT_IN),
                     packed(wpe, F32, 2, 2, MATRIX_OUT_IN) };
    Config c = { .V = 3, .T = 2, .C = 2, .L = 1, .NH = 1, .n_inner = 8 };
    State s;
    state_init(&s, &c, 3);
    state_row(&s, 2, 0);
    state_row(&s, 0, 1);
    state_row(&s, 2, 1);
    state_upload(&s);
    embeddings_forward(&e, &s);
    float want[] = { 15, 26, 101, 202, 105, 206 };
    expect_same_there("by hand", "x", s.x, want, 6);
    state_free(&s);
    device_free(e.wte.panels);
    device_free(e.wpe.panels);
}

static void load(const Reference *r, Params *p, Embeddings *e)
{
    *p = (Params){ .weights = &r->weights, .config = &r->config, .dtype = F32 };
    params_embeddings(p, e);
    size_t counted = p->used;
    params_allocate(p, "embeddings");
    params_embeddings(p, e);
    cr_assert_eq(p->used, counted, "the two passes of %s disagree", r->model);
}

static void check_model(const char *name)
{
    Reference r;
    Params p;
    Embeddings e;
    State all, one;
    size_t n;
    reference_open(&r, name);
    load(&r, &p, &e);
    int C = r.config.C;
    float *want = reference_tensor(&r, "hidden_states.0", &n);
    state_init(&all, &r.config, r.T);
    for (int t = 0; t < r.T; t++)
        state_row(&all, r.ids[t], t);
    state_upload(&all);
    embeddings_forward(&e, &all);
    expect_close_there(name, "hidden_states.0", all.x, want, n, TOLERANCE_EMBEDDINGS);
    float *rows = from_device(all.x, n * sizeof *rows);
    state_init(&one, &r.config, 1);
    for (int t = 0; t < r.T; t++) {  // the same rows, one at a time
        state_clear(&one);
        state_row(&one, r.ids[t], t);
        state_upload(&one);
        embeddings_forward(&e, &one);
        expect_same_there(name, "one row", one.x, rows + (size_t)t * C, (size_t)C);
    }
    state_free(&one);
    state_free(&all);
    free(want);
    free(rows);
    device_free(p.block);
    reference_close(&r);
}

Test(embeddings, as_hugging_face)
{
    for (int i = 0; reference_models[i]; i++)
        check_model(reference_models[i]);
}

// Config and weights of two models.
Test(params, wrong_shape, .exit_code = 1)
{
    Reference a, b;
    Embeddings e;
    reference_open(&a, "tiny");
    reference_open(&b, "odd");
    Params p = { .weights = &a.weights, .config = &b.config, .dtype = F32 };
    params_embeddings(&p, &e);
}
