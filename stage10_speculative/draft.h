// Proposals: cheap guesses of the next tokens, for the model to verify all at once (Y.
// Leviathan et al., "Fast Inference from Transformers via Speculative Decoding", 2022,
// https://arxiv.org/abs/2211.17192).
//
//     Draft d;
//     draft_open(&d, &draft_options, &model, &state, batch, chunk, longest);
//     generate(&model, &state, &scheduler, &d);
//     draft_close(&d);
//
// Who guesses:
//     DIR       another, smaller model with the same vocabulary
//     ngram     the text itself: what followed when its last tokens occurred before
//               (prompt look-up; A. Saxena, 2023)
//     layers:N  the model's own first N blocks, and its head.  Their keys and values are
//               those that the model computes anyway (J. Zhang et al., "Draft & Verify",
//               2023)
#ifndef DRAFT_H
#define DRAFT_H

#include "scheduler.h"

typedef enum { DRAFT_MODEL, DRAFT_NGRAM, DRAFT_LAYERS } DraftKind;
// How proposals are judged.  The model has been asked what follows each of them; a text
// keeps the first ones, as long as they are what plain sampling could have said, and gets
// one token more, which the model says itself.
//     coupled    both draw with the same noise for the same place, so they agree as often
//                as their distributions do; a proposal stays if it is the token that the
//                model draws.  The text is that of plain sampling, token for token (M.
//                Daliri et al., "Coupling without Communication and Drafter-Invariant
//                Speculative Decoding", 2024, https://arxiv.org/abs/2408.07978)
//     rejection  see accept.h.  Another text, but from the same distribution
//     greedy     coupled at temperature 0
typedef enum { COUPLED, REJECTION, GREEDY } AcceptKind;

enum { GAMMA_MAX = 64 };

typedef struct {
    const char *who;  // --draft; NULL: chosen by the program
    int gamma;        // proposals a round
    int accept;       // AcceptKind
} DraftOptions;

typedef struct Draft {
    DraftKind kind;
    DraftOptions options;
    bool is_twin;     // the model is another draft's
    Weights weights;  // DRAFT_MODEL
    Model model;      // DRAFT_MODEL: its own; DRAFT_LAYERS: the target's first blocks
    State state;      // its activations
    KVCache cache;    // DRAFT_MODEL
    const Sequence **texts;  // [batch] of which text each lane of its cache is
    int *limits;             // [batch] how many proposals this round may have
    int *wanted, *who;       // [batch] the lane of each wanted row; host, device
    int *next;               // [batch] host
    float *probs;   // [batch, gamma, V] device: what each proposal was drawn from
    float *target;  // [V] scratch; both for REJECTION alone
    void *block;
} Draft;

// --draft, --gamma, --accept.
void draft_options(Args *a, DraftOptions *o);
// A draft for a target model and the state that it is computed in; o->who must be set.
// Dies if the two do not go together.  Release with draft_close.
void draft_open(Draft *d, const DraftOptions *o, const Model *target, State *s,
                DType dtype, const SchedulerOptions *so, int longest);
void draft_close(Draft *d);
// Another draft with the same model, for other texts: those of the state `s`.  Close it
// first.
void draft_twin(Draft *twin, const Draft *d, State *s, const SchedulerOptions *so,
                int longest);
// Before new texts.
void draft_start(Draft *d);
// Adds up to gamma proposals to each text of which the cache of `s` lacks the last token
// alone.  Does nothing if d is NULL.
void draft_propose(Draft *d, Scheduler *sc, State *s);
// For the wanted rows of the pass in `s`: to sc->kept[lane] how many proposals it keeps,
// to sc->next[lane] the token after them; -1 if none was wanted.  d may be NULL.
void draft_judge(const Draft *d, Scheduler *sc, const State *s);

#endif
