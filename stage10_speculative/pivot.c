// Sampling without sorting.  Chapter 7.
#include "pivot.h"

// A place in the order of tokens: by probability, of equal ones by id.
typedef struct {
    float p;
    int id;
} Place;

static bool before(Place a, Place b)
{
    return a.p > b.p || (a.p == b.p && a.id < b.id);
}

// What is in question: the tokens up to `end`, and those that top-k keeps, up to `last`.
typedef struct {
    const float *probs;  // [V] not normalised
    int V;
    Place last;    // the last one that top-k keeps
    double limit;  // top-p: tokens with less than this before them are kept
    float least;   // min-p
} Filter;

// The sum of probabilities of tokens before a place (and kept by top-k).
static double mass_before(const Filter *f, Place end)
{
    double sum = 0;
    for (int i = 0; i < f->V; i++) {
        Place at = { f->probs[i], i };
        sum += before(at, end) && !before(f->last, at) ? (double)at.p : 0;
    }
    return sum;
}

static bool kept(const Filter *f, Place at)
{
    return at.p >= f->least && mass_before(f, at) < f->limit;
}

// The place of the k-th token.  The bits of floats that are not negative have the order
// of the floats, so 31 steps of bisection find the k-th value; then equal ones are
// counted by id.
static Place kth(const float *probs, int V, int k)
{
    uint32_t low = 0, high = bits_of_float(INFINITY);  // count of p >= low is k or more
    int above = 0, i = -1;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        int count = 0;
        for (int j = 0; j < V; j++)
            count += probs[j] >= float_of_bits(middle);
        if (count >= k)
            low = middle;
        else
            high = middle;
    }
    for (int j = 0; j < V; j++)
        above += probs[j] > float_of_bits(low);
    while (above < k)
        above += probs[++i] == float_of_bits(low);
    return (Place){ float_of_bits(low), i };
}

// The token at which the sum, in order of the ids, of those before `end` passes u.
static Place scan(const Filter *f, Place end, double u)
{
    Place at = { 0, 0 };
    double sum = 0;
    for (int i = 0; i < f->V; i++) {
        Place here = { f->probs[i], i };
        if (here.p == 0 || !before(here, end) || before(f->last, here))
            continue;
        at = here;
        if ((sum += (double)here.p) > u)
            break;
    }
    return at;  // by rounding, the last one
}

int pivot_draw(float *logits, int V, const SamplingParams *p, RandomKey key)
{
    for (int i = 0; i < V; i++)
        logits[i] = exp_f32(logits[i]);
    Filter f = { .probs = logits, .V = V, .last = { -1, V }, .least = p->min_p };
    if (p->top_k > 0 && p->top_k < V)
        f.last = kth(logits, V, p->top_k);
    // Of what is before `end` nothing is decided; what comes after is dropped.
    Place end = { -1, V };
    float high = 1;  // tokens with this probability or more are kept
    double mass = mass_before(&f, end);
    f.limit = p->top_p < 1 ? p->top_p * mass : INFINITY;
    for (uint32_t round = 0;; round++) {
        double u = (double)random_uniform(random_four(key, round).v[0]) * mass;
        Place drawn = scan(&f, end, u);
        if (kept(&f, drawn))
            return drawn.id;
        Place middle = { (drawn.p + high) / 2, -1 };
        bool below = kept(&f, middle);
        high = below ? middle.p : high;
        end = below ? drawn : middle;
        mass = mass_before(&f, end);
    }
}
