// What rounds of speculation gave; see rounds.h.  Chapter 10.
#include "rounds.h"
#include "jsonout.h"
#include "terminal.h"
#include <stdio.h>
#include <string.h>

static const Ink inks[] = {
    [PLAIN_TOKEN] = PLAIN, [ACCEPTED] = GREEN, [REPLACED] = YELLOW, [BONUS] = CYAN
};

RoundSums rounds_sum(const Sequence *q, int n)
{
    RoundSums sum = { 0 };
    for (int i = 0; i < n; i++) {
        sum.rounds += q[i].n_rounds;
        for (int r = 0; r < q[i].n_rounds; r++) {
            Round round = q[i].rounds[r];
            sum.proposed += round.proposed;
            sum.accepted += round.kept;
            // The text may end at an accepted one: the next was not tested.
            bool cut = r == q[i].n_rounds - 1 && q[i].marks[q[i].n - 1] == ACCEPTED;
            int tested = round.kept + (round.kept < round.proposed && !cut);
            for (int at = 0; at < tested; at++) {
                sum.tested++;
                sum.tested_at[at]++;
                sum.accepted_at[at] += at < round.kept;
            }
        }
    }
    return sum;
}

void rounds_json(const Sequence *q, double speedup)
{
    RoundSums sum = rounds_sum(q, 1);
    json_int("rounds", sum.rounds);
    json_int("proposed", sum.proposed);
    json_int("accepted", sum.accepted);
    json_float("acceptance", sum.proposed ? (double)sum.accepted / sum.proposed : 0);
    json_float("alpha", sum.tested ? (double)sum.accepted / sum.tested : 0);
    json_begin("[", "gamma_history");
    for (int r = 0; r < q->n_rounds; r++)
        json_int(NULL, q->rounds[r].proposed);
    json_end();
    json_float("speedup", speedup);
}

void rounds_emit(void *to, const char *text, size_t n)
{
    const Sequence *q = to;
    printf("%s", ink(inks[(int)q->marks[q->n - 1]]));
    fwrite(text, 1, n, stdout);
    printf("%s", ink(PLAIN));
    fflush(stdout);
}

void rounds_print_legend(void)
{
    if (terminal_color())
        printf("%saccepted%s  %sthe model's own, in place of a proposal%s  %sthe model's "
               "own, after all of them%s\n\n",
               ink(inks[ACCEPTED]), ink(PLAIN), ink(inks[REPLACED]), ink(PLAIN),
               ink(inks[BONUS]), ink(PLAIN));
}

void rounds_print(const Sequence *q, int n, const Draft *d, const Scheduler *sc)
{
    RoundSums sum = rounds_sum(q, n);
    const char *name = strrchr(d->options.who, '/');
    int tokens = 0;
    for (int i = 0; i < n; i++)
        tokens += q[i].n - q[i].n_prompt;
    printf("\n%sThe draft %s%s: %d tokens in %d rounds, %.2f a round; %d of %d proposals "
           "accepted (%.1f%%)\n\n",
           ink(BOLD), name && name[1] ? name + 1 : d->options.who, ink(PLAIN), tokens,
           sum.rounds, sum.rounds ? (double)tokens / sum.rounds : 0, sum.accepted,
           sum.proposed, sum.proposed ? 100.0 * sum.accepted / sum.proposed : 0);
    for (int at = 0; at < d->options.gamma && sum.tested_at[at] > 0; at++) {
        double part = (double)sum.accepted_at[at] / sum.tested_at[at];
        printf("proposal %2d  accepted %4d of %4d tested  %3.0f%%  %s%s%s\n", at + 1,
               sum.accepted_at[at], sum.tested_at[at], 100 * part, ink(GREEN),
               terminal_bar(part, 30), ink(PLAIN));
    }
    printf("\ntime: drafting %.3f s, verifying %.3f s, accepting %.3f s\n",
           sc->seconds[0], sc->seconds[1], sc->seconds[2]);
}
