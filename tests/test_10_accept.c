// Stage 10: which proposals stay.  No model: logits are a table by the text's last token, a Markov
// chain, so that the target distribution is known exactly.
#include "accept.h"
#include "draft.h"
#include "random.h"
#include "reference.h"
#include <omp.h>

enum { V = 6, LANES = 4, GAMMA = 5, NEW = 15, JOINT = V * V * V };
enum { ROWS = LANES * (GAMMA + 1) };

// How many of 1,000 evenly spread uniform numbers draw each token.
static void check_residual(const float *from, const float *minus, const int *want)
{
    int count[4] = { 0 };
    float *p = to_device(from, 4 * sizeof *p);
    float *q = minus ? to_device(minus, 4 * sizeof *q) : NULL;
    for (int i = 0; i < 1000; i++)
        count[accept_residual(p, q, 4, ((float)i + 0.5f) / 1000)]++;
    for (int i = 0; i < 4; i++)
        cr_expect(abs(count[i] - want[i]) <= 1, "token %d: %d", i, count[i]);
    int first = accept_residual(p, q, 4, 0x1p-24f),
        last = accept_residual(p, q, 4, 1 - 0x1p-24f);
    cr_expect(want[first] > 0 && want[last] > 0, "%d, %d", first, last);
    device_free(p), device_free(q);
}

Test(residual, by_hand)
{
    float p[] = { 0.1f, 0.4f, 0.3f, 0.2f }, q[] = { 0.4f, 0.2f, 0.2f, 0.2f },
          more[] = { 0.1000001f, 0.4000001f, 0.3000001f, 0.2000001f },
          left[] = { 0.25f, 0.75f, 0, 0 }, right[] = { 0, 0, 0.5f, 0.5f },
          none[] = { 0, 0, 0, 0 };
    check_residual(p, q, (int[]){ 0, 667, 333, 0 });
    check_residual(q, p, (int[]){ 1000, 0, 0, 0 });
    check_residual(left, right, (int[]){ 250, 750, 0, 0 });
    check_residual(right, left, (int[]){ 0, 0, 500, 500 });
    check_residual(p, NULL, (int[]){ 100, 400, 300, 200 });
    check_residual(p, p, (int[]){ 100, 400, 300, 200 });  // nothing is left: all of p
    check_residual(p, more, (int[]){ 100, 400, 300, 200 });
    float *nothing = to_device(none, sizeof none);
    cr_expect(accept_residual(nothing, nothing, 4, 0.5f) < 4);
    device_free(nothing);
}

// Damaged weights.
Test(residual, of_no_numbers_ends_the_program, .exit_code = 1)
{
    float logits[V] = { 0, 1, NAN };
    Sampler sp;
    SamplingParams p = { .temperature = 1, .top_p = 1, .repetition = 1 };
    sampler_init(&sp, &p, V, 1, 0);
    float *there = to_device(logits, sizeof logits), *probs = to_device(logits, V * 4);
    sampling_probs(&sp, there, 0, probs);
    accept_residual(probs, NULL, V, 0.5f);
}

// More tokens than a block has threads, so that each thread has a stretch of them.
Test(residual, of_a_large_vocabulary)
{
    enum { N = 1000 };
    static float p[N], q[N];
    double total = 0, sum = 0;
    fill(p, N, 1);
    fill(q, N, 2);
    for (int i = 0; i < N; i++) {
        p[i] = fabsf(p[i]) / 500;
        q[i] = fabsf(q[i]) / 500;
        total += p[i] > q[i] ? (double)p[i] - (double)q[i] : 0;
    }
    float *P = to_device(p, sizeof p), *Q = to_device(q, sizeof q);
    for (int i = 0; i < N; i++) {
        if (p[i] <= q[i])
            continue;
        double part = (double)p[i] - (double)q[i];
        int got = accept_residual(P, Q, N, (float)((sum + part / 2) / total));
        cr_expect(got == i, "%d is drawn, not %d", got, i);
        sum += part;
    }
    device_free(P), device_free(Q);
}

typedef struct {
    float target[V][V], draft[V][V];  // logits by the last token
    State s;
    Draft d;
    Scheduler sc;
    Sequence q[LANES];
    // What came out.
    long texts, joint[JOINT];     // the first three tokens of each text
    long count[GAMMA + 1][V][V];  // place in the round, token before, token
    long tested[V], kept[V];      // by the token before
    int row_index[ROWS];
    float *model[2];          // device: the target, the draft
    int *who, *index, *next;  // device: of one row
} Rig;

// The draft is near the target, or says the opposite.
static void fill_chain(Rig *r, bool good)
{
    float noise[V][V];
    fill(r->target[0], V * V, 5);
    fill(noise[0], V * V, 6);
    for (int i = 0; i < V; i++)
        for (int j = 0; j < V; j++) {
            float x = r->target[i][j] *= 2;
            r->draft[i][j] = good ? x + 0.4f * noise[i][j] : 2 * noise[i][j] - 1.5f * x;
        }
}

static Rig *rig_open(SamplingParams p, int gamma, int accept, bool good)
{
    static Rig r;
    Config config = { .V = V, .eos = -1 };
    GenerateOptions o = { .n_new = NEW, .sampling = p };
    SchedulerOptions so = { .batch = LANES, .chunk = 1, .gamma = gamma };
    r = (Rig){ .s = { .config = config } };
    r.s.row_index = r.row_index;
    r.s.logits = device_alloc(ROWS * V * sizeof(float), "logits");
    r.s.index = device_alloc(ROWS * sizeof(int), "places");
    r.s.next = device_alloc(ROWS * sizeof(int), "tokens");
    r.d.options = (DraftOptions){ .gamma = gamma, .accept = accept };
    r.d.probs = device_alloc(ROWS * V * sizeof(float), "probabilities");
    r.d.target = device_alloc(ROWS * V * sizeof(float), "probabilities");
    fill_chain(&r, good);
    r.model[0] = to_device(r.target, sizeof r.target);
    r.model[1] = to_device(r.draft, sizeof r.draft);
    r.who = device_alloc(sizeof(int), "who");
    r.index = device_alloc(sizeof(int), "place");
    r.next = device_alloc(sizeof(int), "token");
    for (int b = 0; b < LANES; b++)
        sequence_init(&r.q[b], &o, (int[]){ 0 }, 1, NULL, &config, 0);
    scheduler_init(&r.sc, &so, r.q, LANES, &config);
    for (int b = 0; b < LANES; b++) {
        r.sc.lanes[b] = &r.q[b];
        r.q[b].lane = b;
        r.q[b].sampler = &r.sc.samplers[b];
    }
    omp_set_num_threads(1);
    return &r;
}

static void rig_close(Rig *r)
{
    device_free(r->s.logits), device_free(r->s.index), device_free(r->s.next);
    device_free(r->d.probs), device_free(r->d.target);
    device_free(r->model[0]), device_free(r->model[1]);
    device_free(r->who), device_free(r->index), device_free(r->next);
    scheduler_free(&r->sc);
    for (int b = 0; b < LANES; b++)
        sequence_free(&r->q[b]);
}

static void begin(Rig *r, int lane, uint64_t seed)
{
    Sequence *q = &r->q[lane];
    q->n = 1;
    q->sampler->params.seed = seed;
    q->sampler->sample = (int)(seed % 3);
    sampler_text(q->sampler, 0, q->ids, 1);
}

// What a lane's sampler draws for a place.
static int draw(Rig *r, int lane, const float *logits, int index)
{
    int x;
    device_upload(r->who, &lane, sizeof lane);
    device_upload(r->index, &index, sizeof index);
    sampling_next(r->sc.samplers, LANES, r->who, logits, r->index, r->next, 1);
    device_download(&x, r->next, sizeof x);
    return x;
}

static void propose(Rig *r, Sequence *q)
{
    for (q->n_draft = 0; q->n_draft < r->d.options.gamma; q->n_draft++) {
        int index = q->n + q->n_draft, x;
        const float *logits = r->model[1] + q->ids[index - 1] * V;
        float *probs = r->d.probs + (q->lane * r->d.options.gamma + q->n_draft) * V;
        if (index >= q->max - 1)
            return;
        if (r->d.options.accept == REJECTION) {
            RandomKey key = { q->sampler->params.seed, (uint32_t)q->sampler->sample,
                              (uint32_t)index, RANDOM_DRAFT };
            sampling_probs(q->sampler, logits, index, probs);
            x = accept_residual(probs, NULL, V, random_uniform(random_four(key, 0).v[0]));
        } else {
            x = draw(r, q->lane, logits, index);
        }
        sampler_text(q->sampler, index, &x, 1);
        q->ids[index] = x;
    }
}

// The logits after each proposal, as a pass would give them; the lanes in any order.
static void verify(Rig *r, int first)
{
    State *s = &r->s;
    s->W = 0;
    for (int i = 0; i < LANES; i++) {
        const Sequence *q = &r->q[(first + i) % LANES];
        for (int k = 0; k <= q->n_draft && q->n < q->max; k++, s->W++) {
            device_copy(s->logits + s->W * V, r->model[0] + q->ids[q->n + k - 1] * V,
                        V * sizeof(float));
            s->row_index[s->W] = q->n + k;
            r->sc.wanted[s->W] = q->lane;
        }
    }
    device_upload(s->index, s->row_index, (size_t)s->W * sizeof *s->index);
    device_upload(r->sc.who, r->sc.wanted, (size_t)s->W * sizeof *r->sc.who);
    draft_judge(&r->d, &r->sc, s);
}

static void take(Rig *r, Sequence *q)
{
    int kept = r->sc.kept[q->lane], from = q->n;
    cr_assert(kept >= 0 && kept <= q->n_draft);
    for (int k = 0; k < q->n_draft && k <= kept; k++) {
        r->tested[q->ids[from + k - 1]]++;
        r->kept[q->ids[from + k - 1]] += k < kept;
    }
    q->n = from + kept + 1;
    q->ids[q->n - 1] = r->sc.next[q->lane];
    cr_assert(q->ids[q->n - 1] >= 0 && q->ids[q->n - 1] < V);
    for (int i = from; i < q->n; i++)
        r->count[i - from][q->ids[i - 1]][q->ids[i]]++;
    sampler_text(q->sampler, from, q->ids + from, kept + 1);
    q->n_draft = 0;
}

// A text in each lane.  They take unlike numbers of rounds: ended ones ask for no rows.
static void write_texts(Rig *r)
{
    for (int b = 0; b < LANES; b++)
        begin(r, b, (uint64_t)r->texts + (uint64_t)b);
    for (int round = 0, going = LANES; going > 0; round++) {
        for (int b = 0; b < LANES; b++)
            propose(r, &r->q[b]);
        verify(r, round);
        going = 0;
        for (int b = 0; b < LANES; b++) {
            Sequence *q = &r->q[b];
            cr_assert((r->sc.next[b] >= 0) == (q->n < q->max));
            if (q->n < q->max)
                take(r, q);
            going += q->n < q->max;
        }
    }
    for (int b = 0; b < LANES; b++)
        r->joint[(r->q[b].ids[1] * V + r->q[b].ids[2]) * V + r->q[b].ids[3]]++;
    r->texts += LANES;
}

typedef struct {
    double sum, expected;  // chi-square; of cells too small to count alone, together
    long rest;
    int cells;
} Chi;

static void chi_add(Chi *chi, long count, double expected, const char *what)
{
    if (expected == 0) {
        cr_assert(count == 0, "%s: a token that has no probability", what);
    } else if (expected < 8) {
        chi->rest += count;
        chi->expected += expected;
    } else {
        chi->sum += pow((double)count - expected, 2) / expected;
        chi->cells++;
    }
}

// The 99.997 % point by Wilson and Hilferty; the draws are keyed, so the result is the same each
// time.
static void chi_check(const Chi *chi, int sums, const char *what)
{
    double sum = chi->sum, cells = chi->cells - sums;
    if (chi->expected >= 8) {
        sum += pow((double)chi->rest - chi->expected, 2) / chi->expected;
        cells++;
    }
    cells = cells > 1 ? cells : 1;
    double limit = cells * pow(1 - 2 / (9 * cells) + 4 * sqrt(2 / (9 * cells)), 3);
    cr_expect(sum < limit, "%s: chi-square %.1f, limit %.1f", what, sum, limit);
}

static void check_joint(const Rig *r, float p[V][V], const char *what)
{
    Chi chi = { 0 };
    for (int i = 0; i < JOINT; i++)
        chi_add(&chi, r->joint[i],
                (double)r->texts * (double)p[0][i / V / V] *
                    (double)p[i / V / V][i / V % V] * (double)p[i / V % V][i % V],
                what);
    chi_check(&chi, 1, what);
}

// What follows each token, apart for each place of a round.
static void check_places(const Rig *r, float p[V][V], const char *what)
{
    for (int k = 0; k <= r->d.options.gamma; k++) {
        Chi chi = { 0 };
        int sums = 0;
        for (int i = 0; i < V; i++) {
            long n = 0;
            for (int j = 0; j < V; j++)
                n += r->count[k][i][j];
            for (int j = 0; j < V; j++)
                chi_add(&chi, r->count[k][i][j], (double)n * (double)p[i][j], what);
            sums += n > 0;
        }
        chi_check(&chi, sums, what);
    }
}

// Of n trials k came true: is the chance at least `low` and at most `high`?
static void check_rate(long k, long n, double low, double high, const char *what)
{
    double below = 4.5 * sqrt((double)n * low * (1 - low)) + 1e-4 * (low < 1),
           above = 4.5 * sqrt((double)n * high * (1 - high)) + 1e-4 * (high > 0);
    cr_expect((double)k >= (double)n * low - below - 1e-6 * (double)n &&
                  (double)k <= (double)n * high + above + 1e-6 * (double)n,
              "%s: %ld of %ld accepted, expected %.4f to %.4f", what, k, n, low, high);
}

static const SamplingParams settings[] = {
    { .temperature = 1, .top_p = 1, .repetition = 1 },
    { .temperature = 0.7f, .top_p = 1, .top_k = 4, .repetition = 1 },
    { .temperature = 1.4f, .top_p = 0.8f, .repetition = 1 },
    { .temperature = 0.9f, .top_p = 0.95f, .top_k = 5, .min_p = 0.1f, .repetition = 1 },
};

// 1 - TV.
static double overlap(const float *p, const float *q)
{
    double sum = 0;
    for (int i = 0; i < V; i++)
        sum += (double)(p[i] < q[i] ? p[i] : q[i]);
    return sum;
}

static void exact(Rig *r, float p[V][V], float q[V][V])
{
    for (int i = 0; i < V; i++) {
        sampling_probs(r->sc.samplers, r->model[0] + i * V, 0, r->d.probs);
        device_download(p[i], r->d.probs, V * sizeof *p[i]);
        sampling_probs(r->sc.samplers, r->model[1] + i * V, 0, r->d.probs);
        device_download(q[i], r->d.probs, V * sizeof *q[i]);
    }
}

// 2,000 texts of 15 tokens with each of the settings: 120,000 draws.  Emulated: fewer, with the setting
// that has all filters, and with the one that has none.
static void check_rejection(int gamma, bool good)
{
    int texts = fewer(2000, good ? 60 : 12);
    for (int i = fewer(0, good ? 0 : 3), last = fewer(3, i); i <= last; i++) {
        Rig *r = rig_open(settings[i], gamma, REJECTION, good);
        float p[V][V], q[V][V];
        char what[100];
        snprintf(what, sizeof what, "gamma %d, %s draft, settings %d", gamma,
                 good ? "good" : "bad", i);
        exact(r, p, q);
        while (r->texts < texts)
            write_texts(r);
        check_joint(r, p, what);
        check_places(r, p, what);
        for (int j = 0; j < V; j++)
            check_rate(r->kept[j], r->tested[j], overlap(p[j], q[j]), overlap(p[j], q[j]),
                       what);
        rig_close(r);
    }
}

Test(rejection, draws_from_the_target)
{
    for (int gamma = 1; gamma <= GAMMA; gamma += fewer(1, 2)) {
        check_rejection(gamma, true);
        check_rejection(gamma, false);
    }
}

// The text of plain sampling, and agreement at least as often as is promised: (1 - TV) / (1 + TV)
// by Gumbel noise; 1 - TV is the most that any coupling has.
static void check_coupled(SamplingParams p, int gamma, bool good)
{
    Rig *r = rig_open(p, gamma, COUPLED, good);
    float target[V][V], draft[V][V];
    exact(r, target, draft);
    while (r->texts < fewer(1000, 8)) {
        write_texts(r);
        for (int b = 0; b < LANES; b++)
            for (int i = 1; i < r->q[b].max; i++) {
                int x = draw(r, b, r->model[0] + r->q[b].ids[i - 1] * V, i);
                cr_assert(x == r->q[b].ids[i], "gamma %d: text %ld, token %d", gamma,
                          r->texts + b, i);
            }
    }
    for (int i = 0; i < V && p.kind == GUMBEL && p.repetition == 1; i++) {
        double same = overlap(target[i], draft[i]);
        check_rate(r->kept[i], r->tested[i], same / (2 - same), same, "coupled");
    }
    rig_close(r);
}

Test(coupled, writes_what_plain_sampling_writes)
{
    for (int i = 0; i < 4 * 3 * GAMMA * 2; i += fewer(1, 17)) {
        SamplingParams p = settings[i % 4];
        p.kind = i / 4 % 3;
        check_coupled(p, 1 + i / 12 % GAMMA, i / 60);
    }
    SamplingParams p = settings[0];
    p.repetition = 1.5f;
    p.no_repeat_ngram = 3;
    check_coupled(p, 4, true);
    p = (SamplingParams){ .top_p = 1, .repetition = 1 };  // greedy
    check_coupled(p, 3, true);
}
