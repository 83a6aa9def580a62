// Many random numbers at once, a lane each; see random.h.
#include "random.h"
#include "simd.h"

typedef uint64_t Longs __attribute__((vector_size(4 * LANES)));

// c.v[0] .. c.v[3] of LANES counters.
typedef struct {
    Bits v[4];
} Counters;

// The halves of a * b.
static inline void multiply(Bits *low, Bits *high, Bits a, Bits b)
{
    const Bits lower = (Bits)((Longs){ 0 } + 0xffffffff);
    Bits even = bits_multiply_even(a, b),
         odd = bits_multiply_even((Bits)((Longs)a >> 32), b);
    *low = (even & lower) | (Bits)((Longs)odd << 32);
    *high = (Bits)((Longs)even >> 32) | (odd & ~lower);
}

// random_philox.
static inline Counters philox(Counters c, uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < 10; round++) {
        Bits low[2], high[2];
        multiply(&low[0], &high[0], c.v[0], bits_all(0xd2511f53u));
        multiply(&low[1], &high[1], c.v[2], bits_all(0xcd9e8d57u));
        c = (Counters){ { high[1] ^ c.v[1] ^ k0, low[1], high[0] ^ c.v[3] ^ k1,
                          low[0] } };
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    return c;
}

void random_gumbels(float *noise, RandomKey key, uint32_t block)
{
    enum { FOURS = RANDOM_GUMBELS / 4 };
    uint32_t word[4][FOURS], bits[RANDOM_GUMBELS];
    for (uint32_t i = 0; i < FOURS; i++)
        word[0][i] = FOURS * block + i;
    for (int i = 0; i < FOURS; i += LANES) {
        Counters c = { { bits_load(&word[0][i]), bits_all(key.position),
                         bits_all(key.sample), bits_all(key.purpose) } };
        c = philox(c, (uint32_t)key.seed, (uint32_t)(key.seed >> 32));
        for (int w = 0; w < 4; w++)
            memcpy(&word[w][i], &c.v[w], sizeof c.v[w]);
    }
    for (int i = 0; i < FOURS; i++) {
        bits[4 * i] = word[0][i];
        bits[4 * i + 1] = word[1][i];
        bits[4 * i + 2] = word[2][i];
        bits[4 * i + 3] = word[3][i];
    }
    for (int i = 0; i < RANDOM_GUMBELS; i++)
        noise[i] = random_gumbel(bits[i]);
}
