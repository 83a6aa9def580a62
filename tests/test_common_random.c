// Random numbers and elementary functions: known answers, errors against double precision.
#include "random.h"
#include <criterion/criterion.h>

static void philox_is(RandomFour counter, uint32_t k0, uint32_t k1, RandomFour want)
{
    RandomFour got = random_philox(counter, k0, k1);
    for (int i = 0; i < 4; i++)
        cr_expect(got.v[i] == want.v[i], "word %d is %08x, should be %08x", i, got.v[i],
                  want.v[i]);
}

// Random123's kat_vectors for philox4x32, 10 rounds.
Test(random, philox_known_answers)
{
    philox_is((RandomFour){ { 0, 0, 0, 0 } }, 0, 0,
              (RandomFour){ { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } });
    philox_is((RandomFour){ { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff } },
              0xffffffff, 0xffffffff,
              (RandomFour){ { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } });
    philox_is((RandomFour){ { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 } },
              0xa4093822, 0x299f31d0,
              (RandomFour){ { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } });
}

Test(random, every_part_of_the_key_matters)
{
    RandomKey keys[] = { { 1, 2, 3, 4 }, { 2, 2, 3, 4 }, { 1, 3, 3, 4 },
                         { 1, 2, 4, 4 }, { 1, 2, 3, 0 }, { 1ull << 40, 2, 3, 4 } };
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < i; j++)
            cr_expect(random_four(keys[i], 7).v[0] != random_four(keys[j], 7).v[0]);
    cr_expect(random_four(keys[0], 7).v[0] != random_four(keys[0], 8).v[0]);
}

Test(random, uniform_stays_inside)
{
    cr_expect(random_uniform(0) > 0 && random_uniform(0xffffffff) < 1);
    cr_expect(isfinite(random_gumbel(0)) && isfinite(random_gumbel(0xffffffff)));
    double sum = 0;
    for (uint32_t i = 0; i < 25000; i++) {
        RandomFour r = random_four((RandomKey){ 5, 0, 0, 0 }, i);
        for (int k = 0; k < 4; k++)
            sum += (double)random_uniform(r.v[k]);
    }
    cr_expect(fabs(sum / 100000 - 0.5) < 0.003, "mean %g",
              sum / 100000);  // 3 sigma: 0.0027
}

// Mean 0.5772 (Euler's constant), variance pi^2 / 6.
Test(random, gumbel_has_its_moments)
{
    double sum = 0, square = 0;
    for (uint32_t i = 0; i < 25000; i++) {
        RandomFour r = random_four((RandomKey){ 6, 0, 0, 0 }, i);
        for (int k = 0; k < 4; k++) {
            double g = (double)random_gumbel(r.v[k]);
            sum += g / 100000;
            square += g * g / 100000;
        }
    }
    cr_expect(fabs(sum - 0.5772) < 0.015, "mean %g", sum);
    cr_expect(fabs(square - sum * sum - 1.6449) < 0.05, "variance %g",
              square - sum * sum);
}

Test(random, gumbels_are_those_of_the_words)
{
    RandomKey keys[] = { { 1, 2, 3, 4 }, { 1ull << 40 | 7, 0, 1000000, 0 } };
    for (int i = 0; i < 2 * 300; i++) {
        float noise[RANDOM_GUMBELS];
        uint32_t block = (uint32_t)i / 2;
        random_gumbels(noise, keys[i % 2], block);
        for (uint32_t k = 0; k < RANDOM_GUMBELS; k++) {
            uint32_t id = block * RANDOM_GUMBELS + k;
            float want = random_gumbel(random_four(keys[i % 2], id / 4).v[id % 4]);
            cr_assert(noise[k] == want, "number %u is %.9g, not %.9g", id,
                      (double)noise[k], (double)want);
        }
    }
}

static double ulp(double x)
{
    return fabs((double)nextafterf((float)x, INFINITY) - (double)(float)x);
}

Test(elementary, exp_is_within_1_2_ulp)
{
    for (float x = -87.3f; x < 88.7f; x += 0.000731f) {
        double want = exp((double)x), error = fabs((double)exp_f32(x) - want) / ulp(want);
        cr_assert(error < 1.2, "exp(%g): off by %g ulp", (double)x, error);
    }
}

Test(elementary, exp_at_the_ends)
{
    cr_expect(exp_f32(0) == 1 && exp_f32(-0.0f) == 1);
    cr_expect(exp_f32(-INFINITY) == 0 && exp_f32(-88) == 0);
    cr_expect(exp_f32(INFINITY) == INFINITY && exp_f32(89) == INFINITY);
    cr_expect(isnan(exp_f32(NAN)));
    cr_expect(isfinite(exp_f32(88.7f)));
}

Test(elementary, log_is_within_1_2_ulp)
{
    for (float x = 1.2e-38f; x < 1e38f; x *= 1.00037f) {
        double want = log((double)x), error = fabs((double)log_f32(x) - want) / ulp(want);
        cr_assert(error < 1.2, "log(%g): off by %g ulp", (double)x, error);
    }
    cr_expect(log_f32(1) == 0);
}

Test(elementary, tanh_is_within_2e_7)
{
    for (float x = -30; x < 30; x += 0.000173f) {
        double error = fabs((double)tanh_f32(x) - tanh((double)x));
        cr_assert(error < 2e-7, "tanh(%g): off by %g", (double)x, error);
    }
    cr_expect(tanh_f32(100) == 1 && tanh_f32(-100) == -1 && isnan(tanh_f32(NAN)));
}
