"""08a: --json tells how many rows were computed for each new token."""

import json

from lib import expect, make, run

MODEL, N_CTX = "tests/models/odd", 41


def rows(n, kind, overflow):
    """For the token that follows n others, when all n - 1 before were computed."""
    if kind == "none":
        return min(n, N_CTX) if overflow == "crop" else n - base(n)
    if overflow == "crop" and n > N_CTX:
        return N_CTX
    if overflow == "half" and base(n) != base(n - 1):
        return n - base(n)
    return 1


def base(n):
    """How many tokens have left the window of half."""
    gone = 0
    while n - gone > N_CTX:
        gone += N_CTX // 2
    return gone


make("stage08")
for prompt, new in (([5, 3, 9, 1], 9), ([7], 1), ([1, 2] * 16, 61)):
    for kind in "none", "dynamic", "static":
        for overflow in "crop", "half", "ring", "shift", "sinks":
            if kind == "none" and overflow not in ("crop", "half"):
                continue
            command = ["stage08/run", "-m", MODEL, "--json", "--ignore-eos", "-n", new,
                       "--cache", kind, "--overflow", overflow, "--prefill-chunk", 3,
                       "--ids", ",".join(map(str, prompt))]
            found = json.loads(run(*command))
            wanted = [len(prompt)] + [rows(len(prompt) + i, kind, overflow)
                                      for i in range(1, new)]
            expect(" ".join(map(str, command)), wanted, found.get("rows"))
            expect("the sum of rows", found["kv_appended_tokens"], sum(found["rows"]))
