// From logits to the next token.
//
// A function, not a state: the token depends on the logits, the settings and the key of
// the noise, and on nothing that was drawn before.  So a text can be cut, computed again
// or verified, and goes on as it would have.
//
//     sampling_next(&sampler, s->logits, s->index, s->next);
#ifndef SAMPLING_H
#define SAMPLING_H

#include "args.h"

typedef struct {
    float temperature;  // 0: always the likeliest token
    float top_p;        // 1: all
    int top_k;          // 0: all
    uint64_t seed;
} SamplingParams;

typedef struct {
    float logit;  // divided by the temperature
    int id;
} Candidate;

typedef struct {
    SamplingParams params;
    int V;
    int sample;             // which of --samples: part of the noise's key
    Candidate *candidates;  // [V]
} Sampler;

// --temperature, --top-k, --top-p.
void sampling_options(Args *a, SamplingParams *p);
// Release with sampling_free.
void sampling_init(Sampler *sp, const SamplingParams *p, int V, int sample);
void sampling_free(Sampler *sp);
// next[1] = a token for logits [V]; index[1]: its place in the text.  All device memory.
void sampling_next(const Sampler *sp, const float *logits, const int *index, int *next);
// probs[V] = the distribution that sampling_next draws from; 0 for what the filters drop.
void sampling_probs(const Sampler *sp, const float *logits, float *probs);

#endif
