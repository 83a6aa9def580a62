// Stage 09: the rules of each schedule, checked pass by pass without a model; then logits that are
// those of the text alone, bit for bit; and nothing is allocated between passes.
#include "batched.h"
#include <omp.h>

enum { V = 23, T = 100, LONGEST = 2 * T };

// Texts that are planned, and given tokens that are drawn.
typedef struct {
    Config c;
    KVCache k;
    State s;
    Scheduler sc;
    Sequence *q;
    int n, *lanes;  // lanes[i]: that of text i before the plan
    int n_running;  // before the plan
    unsigned r;
    bool roomy;  // no text has to wait for pages, or for its leader
    int recalled, shared;
} Desk;

// Short texts and a few long ones; many begin alike; `samples`: some are of one prompt.
static void make_texts(Desk *d, bool samples)
{
    int ids[LONGEST];
    for (int i = 0; i < d->n; i++) {
        Sequence *q = &d->q[i], *before = &d->q[i - (i > 0)];
        GenerateOptions o = { .n_new = drawn(&d->r, drawn(&d->r, 20) ? 12 : 60),
                              .sampling = { .top_p = 1, .repetition = 1 } };
        int n = 1 + drawn(&d->r, drawn(&d->r, 5) ? 60 : LONGEST), from = drawn(&d->r, 90);
        for (int j = 0; j < n; j++)
            ids[j] = j < from ? j * j % V : drawn(&d->r, V);
        bool again = samples && i > 0 && drawn(&d->r, 3) == 0;
        sequence_init(q, &o, again ? before->ids : ids, again ? before->n : n, NULL,
                      &d->c, i);
        q->leader = !again ? NULL : before->leader ? before->leader : before;
    }
}

static void desk_open(Desk *d, int n)
{
    *d = (Desk){ .c = { V, T, 4, 1, 1, 4, 1e-5f, 7 }, .n = n, .r = first_seed() };
    d->q = calloc((size_t)n, sizeof *d->q);
    d->lanes = calloc((size_t)n, sizeof *d->lanes);
}

static void desk_start(Desk *d, SchedulerOptions so, KVOptions kv, bool roomy)
{
    int rows = scheduler_max_rows(&so);
    d->roomy = roomy;
    kvcache_init(&d->k, &kv, &d->c, rows, so.batch, T);
    state_init(&d->s, &d->c, &d->k, rows, so.batch);
    scheduler_init(&d->sc, &so, d->q, d->n, &d->c);
}

static void desk_close(Desk *d)
{
    scheduler_free(&d->sc);
    state_free(&d->s);
    kvcache_free(&d->k);
    for (int i = 0; i < d->n; i++)
        sequence_free(&d->q[i]);
    free(d->q);
    free(d->lanes);
}

static bool waits(const Sequence *q)
{
    return q->finish == RUNNING && q->lane < 0;
}

// Tokens of a lane's text of which the keys are held or in this pass, without padding.
static int held(const Desk *d, int lane)
{
    return d->k.windows[lane].base + d->k.windows[lane].length - d->sc.pads[lane];
}

// A lane's rows are the next tokens of its text, at their positions; padding comes behind.
static void check_rows(const Desk *d)
{
    const State *s = &d->s;
    int seen[64] = { 0 }, last[64], total = 0, wanted = 0;
    cr_assert(s->T <= scheduler_max_rows(&d->sc.options) && s->T > 0);
    for (int t = 0; t < s->T; t++) {
        int lane = d->k.row_lane[t], real = d->sc.rows[lane] - d->sc.pads[lane];
        const Sequence *q = d->sc.lanes[lane];
        int at = held(d, lane) - real + seen[lane]++;
        if (seen[lane] > real)
            continue;
        last[lane] = t;
        cr_assert(s->row_ids[t] == q->ids[at] && at < q->n, "row %d is not token %d", t,
                  at);
        cr_assert(s->row_pos[t] == at - d->k.windows[lane].base, "row %d", t);
    }
    for (int b = 0; b < d->sc.options.batch; b++) {
        const Sequence *q = d->sc.lanes[b];
        bool through = q && d->sc.rows[b] > d->sc.pads[b] && held(d, b) == q->n;
        cr_assert(seen[b] == d->sc.rows[b] && (q || seen[b] == 0), "lane %d", b);
        cr_assert(!q || q->finish == RUNNING || d->sc.rows[b] == d->sc.pads[b]);
        total += seen[b];
        wanted += through;
        for (int i = 0; through && i < s->W; i++)
            if (d->sc.wanted[i] == b) {
                cr_assert(s->row_want[i] == last[b] && s->row_index[i] == q->n);
                through = false;
            }
        cr_assert(!through, "lane %d is through, and not asked", b);
    }
    cr_assert(total == s->T && wanted == s->W);
}

// Who came in, and who lost a lane.
static void check_order(const Desk *d)
{
    bool grouped = d->sc.options.kind == GROUPED;
    int first = -1, out = d->n, unfinished = 0, last = -1;
    for (int i = 0; i < d->n; i++) {
        const Sequence *q = &d->q[i];
        unfinished += q->finish == RUNNING;
        if (q->lane >= 0)
            last = i;
        if (waits(q) && d->lanes[i] >= 0 && out == d->n)
            out = i;
        if (waits(q) && d->lanes[i] < 0 && first < 0 && !grouped)
            first = i;
        if (q->lane < 0 || d->lanes[i] >= 0)
            continue;
        cr_assert(first < 0, "text %d came in before text %d", i, first);
        cr_assert(d->sc.options.kind == CONTINUOUS || d->n_running == 0,
                  "text %d came in while others were written", i);
    }
    if (d->sc.options.kind == CONTINUOUS)
        cr_assert(last < out, "text %d had to wait again, and not text %d", out, last);
    int lanes = d->sc.options.batch < unfinished ? d->sc.options.batch : unfinished;
    if (d->roomy && !grouped && (d->n_running == 0 || d->sc.options.kind == CONTINUOUS))
        cr_assert(d->sc.n_running == lanes, "%d lanes for %d texts", d->sc.n_running,
                  unfinished);
}

// New texts are the oldest of one length, that of most of those that waited.
static void check_group(const Desk *d)
{
    int count[LONGEST + 100] = { 0 }, length = 0, came = 0, best = 0;
    for (int i = 0; i < d->n; i++) {
        const Sequence *q = &d->q[i];
        if (q->finish != RUNNING || d->lanes[i] >= 0)
            continue;
        count[q->n]++;
        if (q->lane < 0)
            continue;
        length = came++ ? length : q->n;
        cr_assert(q->n == length, "%d and %d tokens in one group", q->n, length);
    }
    for (int n = 0; n < LONGEST + 100; n++)
        best = count[n] > best ? count[n] : best;
    cr_assert(!came || count[length] == best, "there are %d of another length", best);
    int full = best < d->sc.options.batch ? best : d->sc.options.batch;
    cr_assert(!came || !d->roomy || came == full);
    for (int i = 0; came && i < d->n; i++)
        if (d->lanes[i] < 0 && d->q[i].finish == RUNNING && count[d->q[i].n] == best) {
            cr_assert(d->q[i].n == length, "text %d is older", i);
            break;
        }
}

// Single rows never wait for prompts, which share the chunk; the oldest text goes on.
static void check_budget(const Desk *d)
{
    int used = 0, chunk = d->sc.options.chunk, oldest = 0;
    bool starved = false;
    while (d->q[oldest].finish != RUNNING)
        oldest++;
    for (int i = 0; i < d->sc.n_running; i++) {
        const Sequence *q = d->sc.running[i];
        int rows = d->sc.rows[q->lane];
        if (q->finish != RUNNING)
            continue;
        cr_assert(rows > 0 || held(d, q->lane) < q->n - 1, "a single row had to wait");
        used += rows + q->n - held(d, q->lane) > 1 ? rows : 0;
        starved = starved || rows == 0;
        cr_assert(d->sc.pads[q->lane] == 0);
    }
    cr_assert(used <= chunk && (!starved || used == chunk), "%d rows of %d", used, chunk);
    if (d->sc.options.kind == CONTINUOUS)
        cr_assert(d->q[oldest].lane >= 0 && d->sc.rows[d->q[oldest].lane] > 0);
}

static void check_rectangle(const Desk *d)
{
    int width = 0;
    for (int b = 0; b < d->sc.options.batch; b++)
        width = d->sc.rows[b] > width ? d->sc.rows[b] : width;
    for (int b = 0; b < d->sc.options.batch; b++) {
        const Sequence *q = d->sc.lanes[b];
        bool full = q && d->k.windows[b].length == T;
        if (d->roomy)
            cr_assert(!q || full || d->sc.rows[b] == width, "%d rows, others have %d",
                      d->sc.rows[b], width);
    }
}

// All texts, with tokens that are drawn: random ends.
static void write_all(Desk *d)
{
    int next[64], steps = 0;
    for (;; steps++) {
        for (int i = 0; i < d->n; i++)
            d->lanes[i] = d->q[i].lane;
        d->n_running = d->sc.n_running;
        if (!scheduler_plan(&d->sc, &d->s))
            break;
        cr_assert(steps < 1000 * d->n, "it does not end");
        check_rows(d);
        check_order(d);
        if (d->sc.options.kind == GROUPED)
            check_group(d);
        if (d->sc.options.kind == STATIC)
            check_rectangle(d);
        else
            check_budget(d);
        for (int i = 0; i < d->s.W; i++)
            next[i] = drawn(&d->r, V);
        batched_take(&d->sc, &d->s, next);
    }
    double computed = 0;
    for (int i = 0; i < d->n; i++) {
        const Sequence *q = &d->q[i];
        cr_assert(q->finish == EOS || (q->finish == LENGTH && q->n == q->max),
                  "text %d has not ended", i);
        bool fewer = q->n > q->n_prompt && q->n <= T && q->computed < q->n - 1;
        d->recalled += fewer && !q->leader;
        d->shared += fewer && q->leader;
        computed += q->computed;
    }
    cr_expect(d->sc.row_sum - d->sc.pad_sum == computed && d->sc.steps == steps);
    cr_expect(d->k.pages.n_free == d->k.pages.n);
    for (int page = 0; page < d->k.pages.n; page++)
        cr_expect(d->k.pages.users[page] == 0);
}

static void check_rules(int kind, int batch, int chunk, bool samples)
{
    Desk d;
    desk_open(&d, 200);
    make_texts(&d, samples);
    desk_start(&d, (SchedulerOptions){ .kind = kind, .batch = batch, .chunk = chunk },
               cached_as(CACHE_STATIC, CROP, F32), !samples || kind != CONTINUOUS);
    write_all(&d);
    cr_expect(d.sc.preempted == 0 && d.recalled == 0);
    cr_expect((d.shared > 10) == (samples && kind == CONTINUOUS), "shared: %d", d.shared);
    cr_expect((d.sc.pad_sum > 0) == (kind == STATIC));
    desk_close(&d);
}

Test(rules, with_room_for_all)
{
    for (int kind = CONTINUOUS; kind <= GROUPED; kind++)
        for (int samples = 0; samples < 2; samples++) {
            check_rules(kind, 2, 40, samples);
            check_rules(kind, 4, 32, samples);
            check_rules(kind, 7, 3, samples);
            check_rules(kind, 3, 300, samples);
        }
}

static void check_arrivals(int kind, int n, int batch, int pages)
{
    Desk d;
    KVOptions kv = { CACHE_PAGED, CROP, F32, pages };
    desk_open(&d, n);
    make_texts(&d, true);
    desk_start(&d, (SchedulerOptions){ .kind = kind, .batch = batch, .chunk = 16 }, kv,
               false);
    write_all(&d);
    cr_expect(d.sc.preempted > n / 50 && d.recalled > n / 50,
              "preempted: %d, recalled: %d, shared: %d", d.sc.preempted, d.recalled,
              d.shared);
    desk_close(&d);
}

Test(arrivals, ten_thousand)
{
    check_arrivals(CONTINUOUS, 10000, 6, 5);
}

Test(arrivals, of_other_schedules)
{
    check_arrivals(CONTINUOUS, 500, 3, 4);
    check_arrivals(STATIC, 500, 4, 5);
    check_arrivals(GROUPED, 500, 4, 4);
}

// Texts of so many tokens, which get so many more.
static Desk few_texts(const int (*lengths)[2], int n)
{
    int ids[LONGEST] = { 0 };
    Desk d;
    desk_open(&d, n);
    d.c.eos = -1;
    for (int i = 0; i < n; i++) {
        GenerateOptions o = { .n_new = lengths[i][1], .sampling = { .repetition = 1 } };
        sequence_init(&d.q[i], &o, ids, lengths[i][0], NULL, &d.c, i);
    }
    return d;
}

// One ends at once but keeps its lane; the other will need all pages.
Test(arrivals, a_text_that_has_ended_gives_its_pages_back)
{
    static const int lengths[][2] = { { 60, 1 }, { 60, 40 } };
    for (int kind = STATIC; kind <= GROUPED; kind++) {
        Desk d = few_texts(lengths, 2);
        desk_start(&d, (SchedulerOptions){ .kind = kind, .batch = 2, .chunk = 64 },
                   (KVOptions){ CACHE_PAGED, CROP, F32, 4 }, false);
        write_all(&d);
        cr_expect(d.sc.preempted == 0, "the other had to wait");
        desk_close(&d);
    }
}

// A text that is longer than n_ctx needs no more pages than n_ctx: the third one gets the second
// one's lane at once.
Test(arrivals, a_long_text_needs_no_more_than_the_window)
{
    static const int lengths[][2] = { { 150, 30 }, { 3, 9 }, { T, 5 }, { 199, 5 } };
    Desk d = few_texts(lengths, 4);
    desk_start(&d, (SchedulerOptions){ .batch = 2, .chunk = 2 * T },
               cached_as(CACHE_STATIC, CROP, F32), true);
    write_all(&d);
    desk_close(&d);
}
