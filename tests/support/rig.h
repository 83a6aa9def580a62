// A rig for the rules of acceptance, in LANES lanes, with no model: logits are a table by the text's
// last token, a Markov chain, so that the target distribution is known exactly.
#ifndef RIG_H
#define RIG_H

#include "accept.h"
#include "draft.h"
#include "random.h"
#include "reference.h"
#include <omp.h>

enum { V = 6, LANES = 4, GAMMA = 5, NEW = 15, JOINT = V * V * V };
enum { ROWS = LANES * (GAMMA + 1) };

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
static inline void rig_chain(Rig *r, bool good)
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

static inline Rig *rig_open(SamplingParams p, int gamma, int accept, bool good)
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
    rig_chain(&r, good);
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

static inline void rig_close(Rig *r)
{
    device_free(r->s.logits), device_free(r->s.index), device_free(r->s.next);
    device_free(r->d.probs), device_free(r->d.target);
    device_free(r->model[0]), device_free(r->model[1]);
    device_free(r->who), device_free(r->index), device_free(r->next);
    scheduler_free(&r->sc);
    for (int b = 0; b < LANES; b++)
        sequence_free(&r->q[b]);
}

static inline void rig_begin(Rig *r, int lane, uint64_t seed)
{
    Sequence *q = &r->q[lane];
    q->n = 1;
    q->sampler->params.seed = seed;
    q->sampler->sample = (int)(seed % 3);
    sampler_text(q->sampler, 0, q->ids, 1);
}

// What a lane's sampler draws for a place.
static inline int rig_draw(Rig *r, int lane, const float *logits, int index)
{
    int x;
    device_upload(r->who, &lane, sizeof lane);
    device_upload(r->index, &index, sizeof index);
    sampling_next(r->sc.samplers, LANES, r->who, logits, r->index, r->next, 1);
    device_download(&x, r->next, sizeof x);
    return x;
}

static inline void rig_propose(Rig *r, Sequence *q)
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
            x = rig_draw(r, q->lane, logits, index);
        }
        sampler_text(q->sampler, index, &x, 1);
        q->ids[index] = x;
    }
}

// The logits after each proposal, as a pass would give them; the lanes in any order.
static inline void rig_verify(Rig *r, int first)
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

static inline void rig_take(Rig *r, Sequence *q)
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
static inline void rig_write(Rig *r)
{
    for (int b = 0; b < LANES; b++)
        rig_begin(r, b, (uint64_t)r->texts + (uint64_t)b);
    for (int round = 0, going = LANES; going > 0; round++) {
        for (int b = 0; b < LANES; b++)
            rig_propose(r, &r->q[b]);
        rig_verify(r, round);
        going = 0;
        for (int b = 0; b < LANES; b++) {
            Sequence *q = &r->q[b];
            cr_assert((r->sc.next[b] >= 0) == (q->n < q->max));
            if (q->n < q->max)
                rig_take(r, q);
            going += q->n < q->max;
        }
    }
    for (int b = 0; b < LANES; b++)
        r->joint[(r->q[b].ids[1] * V + r->q[b].ids[2]) * V + r->q[b].ids[3]]++;
    r->texts += LANES;
}

#endif
