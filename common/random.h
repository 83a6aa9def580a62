// Random numbers that are a function of their key, not of what was drawn before: Philox
// 4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel Random Numbers: As Easy as
// 1, 2, 3", 2011).  The same numbers on every device and in any order, so that a text
// depends on its seed alone.
//
//     RandomKey key = { .seed = 7, .position = 12, .purpose = RANDOM_SAMPLE };
//     RandomFour r = random_four(key, 0);   // four numbers; index 1 has the next four
//     float u = random_uniform(r.v[0]);     // 0 < u < 1
#ifndef RANDOM_H
#define RANDOM_H

#include "elementary.h"

typedef enum {
    RANDOM_SAMPLE,
    RANDOM_DRAFT,
    RANDOM_ACCEPT,
    RANDOM_RESIDUAL,
    RANDOM_SIBLING
} RandomPurpose;

typedef struct {
    uint64_t seed;
    uint32_t sample;    // which of --samples; else 0
    uint32_t position;  // index in the whole text of the token that is drawn
    uint32_t purpose;   // RandomPurpose
} RandomKey;

typedef struct {
    uint32_t v[4];
} RandomFour;

// Ten rounds: two products of 32 x 32 bits each, their halves swapped and mixed with the
// key.
static inline HOST_DEVICE RandomFour random_philox(RandomFour c, uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xd2511f53u * c.v[0], b = (uint64_t)0xcd9e8d57u * c.v[2];
        RandomFour next = { { (uint32_t)(b >> 32) ^ c.v[1] ^ k0, (uint32_t)b,
                              (uint32_t)(a >> 32) ^ c.v[3] ^ k1, (uint32_t)a } };
        c = next;
        k0 += 0x9e3779b9u;  // the golden ratio, and sqrt(3) - 1
        k1 += 0xbb67ae85u;
    }
    return c;
}

static inline HOST_DEVICE RandomFour random_four(RandomKey key, uint32_t index)
{
    RandomFour counter = { { index, key.position, key.sample, key.purpose } };
    return random_philox(counter, (uint32_t)key.seed, (uint32_t)(key.seed >> 32));
}

// Uniform in (0, 1): the middle of one of 2^23 equal steps, so that neither end is
// reached and the value is exact in f32.
static inline HOST_DEVICE float random_uniform(uint32_t bits)
{
    return ((float)(bits >> 9) + 0.5f) * 0x1p-23f;
}

// Standard Gumbel noise: the token with the greatest logit + noise is a draw from the
// softmax of the logits (E. J. Gumbel, 1954).
static inline HOST_DEVICE float random_gumbel(uint32_t bits)
{
    return -log_f32(-log_f32(random_uniform(bits)));
}

// noise[256] = the Gumbel noise of the numbers that random_four has at 64 block, 64 block
// + 1, ...: the same bits, by the host's vectors.
enum { RANDOM_GUMBELS = 256 };
void random_gumbels(float *noise, RandomKey key, uint32_t block);

#endif
