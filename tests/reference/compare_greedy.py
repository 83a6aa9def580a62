#!/usr/bin/env python3
"""Compares our program's greedy text with Hugging Face's, token for token.

    compare_greedy.py [--program ./stage07/run]            transformers, run now
    compare_greedy.py --stored [--program ./stage07/run]   what it said: tales_greedy.json

Ten prompts on the default model, 60 new tokens each, at f32; then the random models, from
five ids to the end of their context (and for one beyond it), always against the committed
reference. Exit status 1 on any difference. --stored needs the standard library alone.
"""

import argparse
import json
import os
import sys

from reference import (HERE, NEW_TOKENS, model_path, reference, reference_names,
                       run_program, stale)


def stored_texts():
    if trouble := stale("tales"):
        sys.exit(trouble)
    with open(os.path.join(HERE, "tales_greedy.json"), encoding="utf-8") as f:
        return json.load(f)


def live_texts():
    try:
        import make_reference
    except ImportError as e:
        sys.exit(f"{e}: install torch and transformers, or try --stored")
    return make_reference.tales_texts()


def greedy(program, model, n, *prompt):
    """The object that the program prints, and what went wrong or None."""
    out, trouble = run_program(program, "--model", model, "--temperature", "0", "--dtype",
                               "f32", "--json", "-n", str(n), *prompt)
    if trouble:
        return None, trouble
    try:
        got = json.loads(out)
    except json.JSONDecodeError:
        return None, f"not one JSON object: {out[:60]!r}"
    lacking = {"prompt_ids", "ids", "text"} - set(got)
    return got, f"no {', '.join(sorted(lacking))} in the JSON" if lacking else None


def difference(got, want):
    """A line on where two lists of ids part, or None."""
    if got == want:
        return None
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b),
              min(len(got), len(want)))
    return f"at {at}: {got[at:at + 3]} instead of {want[at:at + 3]}"


def verdict(what, trouble):
    print(f"FAILED  {what}: {trouble}" if trouble else f"ok      {what}", flush=True)
    return not trouble


def check_text(program, want):
    """Prints a line; true if prompt ids, new ids and text are the same."""
    got, trouble = greedy(program, model_path("tales"), NEW_TOKENS, want["prompt"])
    if not trouble and got["prompt_ids"] != want["ids"]:
        trouble = f"prompt ids differ {difference(got['prompt_ids'], want['ids'])}"
    if not trouble and got["ids"] != want["new_ids"]:
        trouble = (f"ids differ {difference(got['ids'], want['new_ids'])} "
                   f"(its closest decision: a gap of {want['gap']:g} between two logits)")
    # a text cut within a UTF-8 character ends in U+FFFD, as many as the decoder likes
    if not trouble and got["text"].rstrip("\ufffd") != want["text"].rstrip("\ufffd"):
        trouble = f"text differs: {got['text']!r} instead of {want['text']!r}"
    return verdict(json.dumps(want["prompt"]), trouble)


def check_random(program, name):
    """Prints a line; true if the random model's continuations are the same."""
    tensors, _ = reference(name)
    prompt = ",".join(map(str, tensors["ids"][1][:5]))
    trouble = stale(name)
    for key in ["greedy", "greedy_past"]:
        if key in tensors and not trouble:
            want = tensors[key][1].tolist()
            got, trouble = greedy(program, model_path(name), len(want), "--ids", prompt)
            if not trouble and got["ids"] != want:
                trouble = f"{key} differs {difference(got['ids'], want)}"
    return verdict(name, trouble)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="./stage07/run")
    parser.add_argument("--stored", action="store_true")
    a = parser.parse_args()
    texts = stored_texts() if a.stored else live_texts()
    good = [check_text(a.program, want) for want in texts]
    good += [check_random(a.program, n) for n in reference_names() if n != "tales"]
    print(f"{sum(good)} of {len(good)} texts are Hugging Face's, token for token")
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
