// What tests share: the models of tests/models, Hugging Face's tensors for them, comparisons.
#ifndef REFERENCE_H
#define REFERENCE_H

#include "config.h"
#include "devices.h"
#include "fill.h"
#include "tolerance.h"
#include "weights.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The default model, and random ones of odd shapes; NULL at the end.
static const char *const reference_models[] = { "tales",   "tiny",   "heads12",
                                                "heads64", "head80", "chunk33",
                                                "odd",     "shards", NULL };

// The same, without the default one where kernels are emulated: it takes minutes there.
static inline const char *const *quick_models(void)
{
    return reference_models + emulated();
}

typedef struct {
    char model[512];    // its directory
    char tensors[512];  // the file with Hugging Face's results
    Weights weights, expected;
    Config config;
    int *ids;  // [T]
    int T;
} Reference;

// The tensor `name` of the reference as floats, *n of them; release with free().
static inline float *reference_tensor(const Reference *r, const char *name, size_t *n)
{
    const Tensor *t = weights_find(&r->expected, name);
    cr_assert_not_null(t, "%s has no tensor %s", r->tensors, name);
    *n = tensor_count(t);
    float *values = malloc(*n * sizeof *values + 1);
    tensor_floats(values, t, 0, *n);
    return values;
}

static inline int *reference_ints(const Reference *r, const char *name, int *n)
{
    size_t count;
    float *values = reference_tensor(r, name, &count);
    int *ints = calloc(count + 1, sizeof *ints);
    for (size_t i = 0; i < count; i++)
        ints[i] = (int)values[i];  // ids are small: exact in f32
    free(values);
    *n = (int)count;
    return ints;
}

static inline void reference_open(Reference *r, const char *name)
{
    bool tales = strcmp(name, "tales") == 0;
    snprintf(r->model, sizeof r->model, "%s/%s/%s", TEST_ROOT,
             tales ? "models" : "tests/models", name);
    snprintf(r->tensors, sizeof r->tensors, "%s/tests/reference/%s.safetensors",
             TEST_ROOT, name);
    weights_open(&r->weights, r->model);
    weights_open(&r->expected, r->tensors);
    config_read(&r->config, r->model);
    matmul_set_invariant(true);  // tests compare bits
    r->ids = reference_ints(r, "ids", &r->T);
}

static inline void reference_close(Reference *r)
{
    free(r->ids);
    weights_close(&r->expected);
    weights_close(&r->weights);
}

// Fails unless every got[i] is within tolerance * max |want| of want[i]; NaN fails.
static inline void expect_close(const char *model, const char *what, const float *got,
                                const float *want, size_t n, double tolerance)
{
    double largest = 0, worst = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        largest = fabs((double)want[i]) > largest ? fabs((double)want[i]) : largest;
    for (size_t i = 0; i < n; i++) {
        double error = fabs((double)got[i] - (double)want[i]);
        if (!(error <= worst)) {
            worst = error;
            at = i;
            if (isnan(error))
                break;
        }
    }
    cr_expect(
        worst <= tolerance * largest,
        "%s: %s[%zu] is %.9g, should be %.9g: off by %.2g of the largest (%.3g); %.2g allowed",
        model, what, at, (double)got[at], (double)want[at], worst / largest, largest,
        tolerance);
}

// Fails unless all n floats have the same bits.
static inline void expect_same(const char *model, const char *what, const float *got,
                               const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0) {
            cr_expect(0, "%s: %s[%zu] is %.9g, should be %.9g, bit for bit", model, what,
                      i, (double)got[i], (double)want[i]);
            return;
        }
}

// The same of tensors in device memory.
static inline void expect_close_there(const char *model, const char *what,
                                      const float *got, const float *want, size_t n,
                                      double tolerance)
{
    float *here = from_device(got, n * sizeof *got);
    expect_close(model, what, here, want, n, tolerance);
    free(here);
}

static inline void expect_same_there(const char *model, const char *what,
                                     const float *got, const float *want, size_t n)
{
    float *here = from_device(got, n * sizeof *got);
    expect_same(model, what, here, want, n);
    free(here);
}

#endif
