// Stage 09: beam search: the best of all texts where all can be enumerated; sums computed
// anew by one pass; what must not change the result.  Against Hugging Face:
// test_program_09_beams.py.
#include "beam.h"
#include "device.h"
#include "reference.h"
#include "room.h"
#include <omp.h>

typedef struct {
    Reference r;
    Model m;
    State whole;  // for one pass over a whole text
    int V, T;
} Subject;

// How to search, beside what for.
typedef struct {
    int kind;   // CacheKind
    int extra;  // rows of a pass, beside one for each beam
    int pages;  // 0: enough for all lanes
    int threads;
} Way;

static const Way simply = { CACHE_PAGED, 256, 0, 2 };

static void subject_open(Subject *u, const char *name)
{
    quick_kernels();
    reference_open(&u->r, name);
    u->m = (Model){ 0 };
    model_load(&u->m, &u->r.weights, &u->r.config, F32);
    u->V = u->r.config.V;
    u->T = u->r.config.T;
    room_init(&u->whole, &u->r.config, u->T, u->T);
}

static void subject_close(Subject *u)
{
    room_free(&u->whole);
    model_free(&u->m);
    reference_close(&u->r);
}

// Searches `times` times in one cache; returns how many were found.
static int search(const Subject *u, BeamOptions o, const int *ids, int n, Way way,
                  int times, Hypothesis *best)
{
    KVCache k;
    State s;
    KVOptions kv = { .kind = way.kind, .overflow = CROP, .dtype = F32 };
    int rows = o.beams + way.extra, found = 0;
    kv.pages = way.pages;
    omp_set_num_threads(way.threads);
    kvcache_init(&k, &kv, &u->r.config, rows, 2 * o.beams, n + o.n_new);
    state_init(&s, &u->r.config, &k, rows, o.beams);
    for (int i = 0; i < times; i++) {
        if (i > 0)
            beam_free(best, found);
        found = beam_search(&u->m, &s, &o, ids, n, best);
        cr_expect(k.pages.n_free == k.pages.n, "%d of %d pages are still in use",
                  k.pages.n - k.pages.n_free, k.pages.n);
    }
    state_free(&s);
    kvcache_free(&k);
    return found;
}

// log p of every token after each of the tokens from .. n - 1 of a text: [n - from, V],
// by one pass without a past.
static double *log_probs(Subject *u, const int *ids, int n, int from)
{
    size_t V = (size_t)u->V, count = (size_t)(n - from) * V;
    float *logits = malloc(count * sizeof *logits);
    double *p = malloc(count * sizeof *p);
    state_text(&u->whole, ids, n);
    for (int t = from; t < n; t++)
        state_want(&u->whole, t);
    state_upload(&u->whole);
    model_forward(&u->m, &u->whole);
    device_download(logits, u->whole.logits, count * sizeof *logits);
    for (size_t row = 0; row < count; row += V) {
        double total = 0;
        for (size_t i = 0; i < V; i++)
            total += exp((double)logits[row + i]);
        for (size_t i = 0; i < V; i++)
            p[row + i] = (double)logits[row + i] - log(total);
    }
    free(logits);
    return p;
}

// ---- all texts

enum { LONGEST = 3, ALL = 11 * 11 * 11 };  // of tiny, whose vocabulary has 11 tokens

typedef struct {
    int ids[LONGEST], n;
    double sum, score;
} Text;

typedef struct {
    Subject *u;
    const BeamOptions *o;
    int prompt[16 + LONGEST], n_prompt;
    Text list[ALL];
    int n;
} Enumeration;

// Adds all texts that begin with `text`.
static void enumerate(Enumeration *e, Text text)
{
    memcpy(e->prompt + e->n_prompt, text.ids, sizeof text.ids);
    int n = e->n_prompt + text.n;
    double *p = log_probs(e->u, e->prompt, n, n - 1);
    for (int id = 0; id < e->u->V; id++) {
        Text longer = text;
        longer.ids[longer.n++] = id;
        longer.sum += p[id];
        longer.score = longer.sum / pow(longer.n, (double)e->o->length_penalty);
        if (id == e->o->eos || longer.n == e->o->n_new)
            e->list[e->n++] = longer;
        else
            enumerate(e, longer);
    }
    free(p);
}

static int by_score(const void *a, const void *b)
{
    const Text *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

// The first `n` of the enumeration and of the search are the same.
static void check_all(Subject *u, BeamOptions o, const int *ids, int n_ids, int n)
{
    static Enumeration e;
    Hypothesis best[BEAMS_MAX];
    e = (Enumeration){ .u = u, .o = &o, .n_prompt = n_ids };
    memcpy(e.prompt, ids, (size_t)n_ids * sizeof *ids);
    enumerate(&e, (Text){ .n = 0 });
    qsort(e.list, (size_t)e.n, sizeof *e.list, by_score);
    int found = search(u, o, ids, n_ids, simply, 1, best);
    cr_assert_eq(found, e.n < o.beams ? e.n : o.beams);
    for (int i = 0; i < n; i++) {
        const Text *want = &e.list[i];
        const Hypothesis *h = &best[i];
        cr_assert(i + 1 == e.n || want->score - want[1].score > 1e-5,
                  "rounding decides: choose another prompt");
        cr_expect(
            h->n == want->n &&
                memcmp(h->ids, want->ids, (size_t)want->n * sizeof *h->ids) == 0,
            "eos %d, penalty %g: number %d is %d %d, n = %d; should be %d %d, n = %d",
            o.eos, (double)o.length_penalty, i, h->ids[0], h->ids[h->n - 1], h->n,
            want->ids[0], want->ids[want->n - 1], want->n);
        cr_expect(fabs(h->sum - want->sum) <= 1e-4 &&
                      fabs(h->score - want->score) <= 1e-4,
                  "number %d: %.9g, score %.9g; should be %.9g, %.9g", i, h->sum,
                  h->score, want->sum, want->score);
        cr_expect_eq(h->finish, want->ids[want->n - 1] == o.eos ? EOS : LENGTH);
    }
    beam_free(best, found);
}

// As many beams as tokens: no first token is lost, and the search is exact for two.
Test(beam, finds_the_best_of_all)
{
    Subject u;
    subject_open(&u, "tiny");
    for (int prompt = 0; prompt < fewer(3, 1); prompt++)
        for (int eos = -1; eos < u.V; eos++)
            for (int penalty = 0; penalty <= 2; penalty++) {
                BeamOptions o = { u.V, (float)penalty, 2, eos };
                check_all(&u, o, u.r.ids + 7 * prompt, 5, u.V);
                o.n_new = 1;
                check_all(&u, o, u.r.ids + 7 * prompt, 5, u.V);
                o.n_new = 3;
                o.beams = BEAMS_MAX;
                check_all(&u, o, u.r.ids + 7 * prompt, 5, 1);
            }
    subject_close(&u);
}

// Then all that there are.
Test(beam, more_beams_than_texts)
{
    Subject u;
    subject_open(&u, "tiny");
    for (int eos = -1; eos < u.V; eos++) {
        BeamOptions o = { BEAMS_MAX, 1, 1, eos };
        check_all(&u, o, u.r.ids, 3, u.V);
    }
    BeamOptions o = { BEAMS_MAX, 1, 2, -1 };
    check_all(&u, o, u.r.ids, 3, BEAMS_MAX);
    subject_close(&u);
}

// ---- any text

Test(beam, one_beam_is_greedy)
{
    for (const char *const *name = quick_models(); *name; name++) {
        Subject u;
        Hypothesis best[1];
        int n;
        subject_open(&u, *name);
        int *want = reference_ints(&u.r, "greedy", &n);
        BeamOptions o = { 1, 1, n, -1 };
        cr_assert_eq(search(&u, o, u.r.ids, 5, simply, 1, best), 1);
        cr_expect(best->n == n && best->finish == LENGTH);
        cr_expect_arr_eq(best->ids, want, (size_t)n * sizeof *want, "%s", u.r.model);
        beam_free(best, 1);
        int end = 2;
        while (end < n - 1 && (want[end] == want[0] || want[end] == want[1]))
            end++;
        o.eos = want[end];
        for (int penalty = -2; penalty <= 2; penalty++) {
            o.length_penalty = (float)penalty;
            cr_assert_eq(search(&u, o, u.r.ids, 5, simply, 1, best), 1);
            cr_expect(best->n == end + 1 && best->finish == EOS);
            cr_expect_arr_eq(best->ids, want, (size_t)best->n * sizeof *want);
            beam_free(best, 1);
        }
        free(want);
        subject_close(&u);
    }
}

// A text alone, computed anew: is its sum what the search says?
static void check_text(Subject *u, const BeamOptions *o, const int *ids, int n,
                       const Hypothesis *h)
{
    int *text = malloc((size_t)(n + h->n) * sizeof *text);
    double sum = 0;
    memcpy(text, ids, (size_t)n * sizeof *ids);
    memcpy(text + n, h->ids, (size_t)h->n * sizeof *ids);
    double *p = log_probs(u, text, n + h->n - 1, n - 1);
    for (int i = 0; i < h->n; i++) {
        sum += p[i * u->V + h->ids[i]];
        cr_expect(i == h->n - 1 || h->ids[i] != o->eos, "it goes on after its end");
    }
    // Each log-probability is near 1e-6 of the largest logit; they add up.
    cr_expect(fabs(h->sum - sum) <= 1e-5 * h->n, "%s: sum %.9g, should be %.9g",
              u->r.model, h->sum, sum);
    double score = h->sum / pow(h->n, (double)o->length_penalty);
    cr_expect(fabs(h->score - score) <= 1e-12 * fabs(score));
    if (h->ids[h->n - 1] == o->eos)
        cr_expect_eq(h->finish, EOS);
    else
        cr_expect(h->finish == LENGTH && h->n == o->n_new);
    free(p);
    free(text);
}

static bool same_ids(const Hypothesis *a, const Hypothesis *b)
{
    return a->n == b->n && memcmp(a->ids, b->ids, (size_t)a->n * sizeof *a->ids) == 0;
}

// Up to the end of the window, with and without an end of text; prompts of all lengths,
// so that beams part on either side of a page's border.
Test(beam, sums_are_those_of_the_texts)
{
    static const char *const names[] = { "heads12", "chunk33", "tiny", "tales" };
    for (int i = 0; i < fewer(4, 3); i++) {
        Subject u;
        Hypothesis best[5];
        subject_open(&u, names[i]);
        for (int n = 1; n < u.r.T; n += n < 28 ? 9 : fewer(1, 5)) {
            BeamOptions o = { 5, 1, u.T - n < 20 ? u.T - n : 20, -1 };
            int found = search(&u, o, u.r.ids, n, simply, 1, best);
            cr_assert_eq(found, 5);
            int common = best[0].ids[best[0].n / 2];
            for (int again = 0; again < 2; again++) {
                for (int j = 0; j < found; j++) {
                    check_text(&u, &o, u.r.ids, n, &best[j]);
                    cr_expect(j == 0 || best[j].score <= best[j - 1].score);
                    for (int other = 0; other < j; other++)
                        cr_expect(!same_ids(&best[j], &best[other]), "a text twice");
                }
                beam_free(best, found);
                o.eos = common;
                found = again ? 0 : search(&u, o, u.r.ids, n, simply, 1, best);
            }
        }
        subject_close(&u);
    }
}

// ---- what must not matter

static void check_same(const Subject *u, BeamOptions o, int n, Way way, int times)
{
    Hypothesis want[8], got[8];
    int found = search(u, o, u->r.ids, n, simply, 1, want);
    cr_assert_eq(search(u, o, u->r.ids, n, way, times, got), found);
    for (int i = 0; i < found; i++)
        cr_expect(same_ids(&got[i], &want[i]) && got[i].sum == want[i].sum,
                  "%s, prompt of %d: number %d has %.17g, should have %.17g", u->r.model,
                  n, i, got[i].sum, want[i].sum);
    beam_free(want, found);
    beam_free(got, found);
}

Test(beam, same_texts_any_way)
{
    static const int prompts[] = { 1, 20, 31, 32, 33 };
    Subject u;
    subject_open(&u, "tiny");
    for (int i = 0; i < 5; i += fewer(1, 2)) {
        int n = prompts[i], max = (n + 30 + KV_CHUNK - 1) / KV_CHUNK;
        for (int eos = -1; eos < 9; eos += fewer(3, 5)) {
            BeamOptions o = { 4, 1, 30, eos };
            for (int extra = 0; extra < 8; extra += 3)
                check_same(&u, o, n, (Way){ CACHE_PAGED, extra, 0, 2 }, 1);
            for (int threads = 1; threads <= threads_to_try(4); threads++)
                check_same(&u, o, n, (Way){ CACHE_PAGED, 256, 0, threads }, 1);
            for (int pages = 4; pages <= 9; pages += fewer(1, 5))
                check_same(&u, o, n, (Way){ CACHE_PAGED, 256, pages * max, 2 }, 1);
            check_same(&u, o, n, (Way){ CACHE_STATIC, 1, 0, 2 }, 1);
            check_same(&u, o, n, (Way){ CACHE_DYNAMIC, 1, 0, 2 }, 1);
            check_same(&u, o, n, simply, 3);
        }
    }
    subject_close(&u);
}

// Two pages of prompt, and one more for each beam: no more than that is needed.
Test(beam, the_prompt_is_there_once)
{
    Subject u;
    subject_open(&u, "tiny");
    BeamOptions o = { 8, 1, 20, -1 };
    check_same(&u, o, 2 * KV_CHUNK, (Way){ CACHE_PAGED, 256, 2 + 8, 2 }, 1);
    o.eos = 3;
    check_same(&u, o, 2 * KV_CHUNK, (Way){ CACHE_PAGED, 0, 2 + 8, 2 }, 1);
    subject_close(&u);
}
