"""10a: --draft token:N proposes the token N, always; the text does not care."""

import json
import subprocess

from lib import expect, fail, make, run

PROGRAM = ("stage10/run", "--dtype", "f32", "--temperature", "0.7", "--json", "--ignore-eos",
           "-n", "40")


def rounds_of(ids, token, gamma):
    """Proposals a round, and how many of all must stay, if the text becomes `ids`."""
    history, accepted, done = [], 0, 0
    while done < len(ids):
        limit = min(gamma, len(ids) - done - 1) if done else 0  # first comes the prompt
        kept = 0
        while kept < limit and ids[done + kept] == token:
            kept += 1
        history.append(limit)
        accepted += kept
        done += kept + 1
    return history, accepted


def check(token, gamma, seed, accept):
    what = f"--draft token:{token} --gamma {gamma} --seed {seed} --accept {accept}"
    options = ("--seed", seed, "--accept", accept, "The wolf and the fox")
    found = json.loads(run(*PROGRAM, "--draft", f"token:{token}", "--gamma", gamma, *options))
    ids = found["ids"]
    if accept == "coupled":
        plain = json.loads(run(*PROGRAM, "--draft", "none", *options))
        expect(f"the text with {what}", plain["ids"], ids)
    history, accepted = rounds_of(ids, token, gamma)
    expect(f"proposals a round with {what}", history, found["gamma_history"])
    expect(f"accepted proposals with {what}", accepted, found["accepted"])
    return accepted


def main():
    make("stage10")
    total = sum(check(token, gamma, seed, accept)
                for token, gamma, seed, accept in ((11, 1, 1, "coupled"), (11, 3, 2, "coupled"),
                                                   (258, 4, 3, "coupled"),
                                                   (11, 2, 4, "rejection"),
                                                   (3, 2, 5, "rejection")))
    if total == 0:
        fail("not one proposal stayed")
    for wrong in ("token:4096", "token:-1", "token:x", "token:"):
        done = subprocess.run([*PROGRAM, "--draft", wrong, "a"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode != 1 or b"4095" not in done.stderr:
            fail(f"--draft {wrong}: wanted status 1, and a message that names 0 to 4095")


main()
