// How a text's tokens are chosen: the settings, and the memory that it takes.  What is
// done with them is in sampling.h.
//
//     Sampler sp;
//     sampler_init(&sp, &params, V, max, 0);
//     sampler_text(&sp, 0, ids, n);
//     ... sampling_next ...
//     sampler_free(&sp);
#ifndef SAMPLER_H
#define SAMPLER_H

#include "args.h"

typedef enum { GUMBEL, SORT, PIVOT } SamplerKind;

typedef struct {
    int kind;           // SamplerKind
    float temperature;  // 0: always the likeliest token
    int top_k;          // the k likeliest, of equal ones the lower id; 0: all
    float top_p;  // the likeliest that together have p, the one that crosses p included
    float min_p;  // those with at least min_p of the likeliest one's probability
    float presence;    // less of what occurs in the text: logit - presence
    float frequency;   // less for each time: logit - frequency * count
    float repetition;  // logit / repetition if positive, else logit * repetition; 1: off
    int no_repeat_ngram;  // no sequence of so many tokens twice; 0: off
    uint64_t seed;
} SamplingParams;

typedef struct {
    float logit;  // divided by the temperature
    int id;
} Candidate;

typedef struct {
    SamplingParams params;
    int V;
    int sample;  // which of --samples: part of the noise's key
    void *block;
    int *text;              // [max] device: the tokens so far
    float *logits;          // [V] after penalties and temperature
    int *counts;            // [V]
    Candidate *candidates;  // [V]
} Sampler;

// --temperature, --top-k, ...
void sampler_options(Args *a, SamplingParams *p);
// For a text of up to `max` tokens.  Release with sampler_free.
void sampler_init(Sampler *sp, const SamplingParams *p, int V, int max, int sample);
void sampler_free(Sampler *sp);
// text[from ...] = ids[n]: what the penalties look at.
void sampler_text(Sampler *sp, int from, const int *ids, int n);
// ids[n] = what sampling_next chose, on the host.  Dies if a logit was not a number.
void sampler_chosen(int *ids, const int *next, int n);

#endif
