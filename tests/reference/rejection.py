#!/usr/bin/env python3
"""Chapter 10's worked example of rejection, drawn 100,000 times: how often each token comes
out, beside what the model wants; and how many proposals stay, beside the sum of min(p, q)."""

import random

P = [0.50, 0.30, 0.15, 0.05]  # the model's
Q = [0.20, 0.60, 0.10, 0.10]  # the draft's
TRIALS = 100000


def draw(weights):
    """A token, with probabilities as its weight."""
    return random.choices(range(len(weights)), weights)[0]


def speculate():
    """One proposal and its trial: the token, and whether it is the proposal."""
    x = draw(Q)
    if random.random() * Q[x] < P[x]:
        return x, True
    return draw([max(p - q, 0) for p, q in zip(P, Q)]), False


def main():
    random.seed(0)
    count, kept = [0] * len(P), 0
    for _ in range(TRIALS):
        token, stayed = speculate()
        count[token] += 1
        kept += stayed
    for token, p in enumerate(P):
        print(f"token {token + 1}  wanted {p:.3f}  found {count[token] / TRIALS:.3f}")
    least = sum(min(p, q) for p, q in zip(P, Q))
    print(f"stayed   wanted {least:.3f}  found {kept / TRIALS:.3f}")


main()
