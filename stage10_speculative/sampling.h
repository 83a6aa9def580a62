// From logits to the next token.
//
// A function, not a state: the token depends on the logits, the text so far, the settings
// and the key of the noise, and on nothing that was drawn before.  So a text can be cut,
// computed again or verified, and goes on as it would have.
//
//     sampling_next(samplers, n, who, s->logits, s->index, s->next, s->W);
//
// In this order: penalties (penalties.h), temperature, top-k, top-p over what top-k left,
// min-p.  Then one of three samplers, which all draw from the same distribution:
//     gumbel   the greatest of logit + Gumbel noise; the noise belongs to the token's id
//     sort     one uniform number, and the sum of sorted probabilities that passes it
//     pivot    draws until a token is one that the filters keep; sorts nothing (pivot.h)
#ifndef SAMPLING_H
#define SAMPLING_H

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
void sampling_options(Args *a, SamplingParams *p);
// For a text of up to `max` tokens.  Release with sampling_free.
void sampling_init(Sampler *sp, const SamplingParams *p, int V, int max, int sample);
void sampling_free(Sampler *sp);
// text[from ...] = ids[n]: what the penalties look at.
void sampling_text(Sampler *sp, int from, const int *ids, int n);
// next[W] = tokens for logits [W, V]; row i is for place index[i] in the text of sampler
// sp[who[i]], of n samplers.  All device memory.
void sampling_next(const Sampler *sp, int n, const int *who, const float *logits,
                   const int *index, int *next, int W);
// probs[V] = the distribution that sampling_next draws from; 0 for what the filters drop.
void sampling_probs(const Sampler *sp, const float *logits, const int *index,
                    float *probs);

#endif
