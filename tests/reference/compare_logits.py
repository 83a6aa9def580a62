#!/usr/bin/env python3
"""Compares our program's logits and hidden states with the committed reference tensors.

    compare_logits.py [--program ./stage06/run] [NAME ...]

For every model with a reference (the random models and tales; or those named) it runs
`PROGRAM --model DIR --ids LIST --dump FILE` on the first id, on half of the ids and on
all of them, and prints the largest difference in units of the largest reference value.
Exit status 1 if one is above 1e-4. Needs nothing but Python's standard library.
"""

import argparse
import os
import sys
import tempfile

from reference import (model_path, read_safetensors, reference, reference_names,
                       run_program, stale)

# f32 with another order of summation gives about 1e-6 here; the smallest mistake that
# `make_reference.py check` tries, GELU by erf instead of tanh, gives from 1.2e-4 on.
LIMIT = 1e-4


def difference(got, want, n_got, n_want):
    """Of the rows that both have, over the largest |want|; None if there are none. A
    tensor with fewer rows than the pass had ids holds the last of them."""
    (shape, a), (want_shape, b) = got, want
    columns = want_shape[-1]
    if shape[-1] != columns:
        raise ValueError(f"rows of {shape[-1]} values, not {columns}")
    first_a = n_got - len(a) // columns
    first_b = n_want - len(b) // columns
    worst, largest = 0.0, None
    for row in range(max(first_a, first_b), min(n_got, n_want)):
        x = a[(row - first_a) * columns:][:columns]
        y = b[(row - first_b) * columns:][:columns]
        for u, v in zip(x, y):
            d = abs(u - v)
            if d > worst or d != d:              # a NaN wins, and stays: no d is > NaN
                worst = d
        largest = max(largest or 0.0, max(map(abs, y)))
    return None if largest is None else worst / largest


def compare(program, name, want, n):
    """{tensor: difference} of a pass over the first n ids; what went wrong, or None."""
    ids = want["ids"][1]
    errors = {}
    with tempfile.TemporaryDirectory() as scratch:
        dump = os.path.join(scratch, "dump.safetensors")
        _, trouble = run_program(
            program, "-q", "--model", model_path(name), "--dtype", "f32",
            "--ids", ",".join(map(str, ids[:n])), "--dump", dump)
        if trouble:
            return errors, trouble
        if not os.path.exists(dump):
            return errors, "it wrote no dump"
        got, _ = read_safetensors(dump)
    for tensor in sorted(want):
        if tensor != "logits" and not tensor.startswith("hidden_states."):
            continue
        if tensor not in got:
            return errors, f"the dump has no {tensor}"
        try:
            error = difference(got[tensor], want[tensor], n, len(ids))
        except ValueError as e:
            return errors, f"{tensor}: {e}"
        if error is not None:
            errors[tensor] = error
    if n == len(ids) and "logits" not in errors:
        return errors, "no logits were compared"
    return errors, None


def check(program, name):
    """Prints a line; true if the model is right."""
    if trouble := stale(name):
        print(trouble)
        return False
    want, _ = reference(name)
    T = len(want["ids"][1])
    errors = {}
    for n in sorted({1, T // 2, T}):
        found, trouble = compare(program, name, want, n)
        if trouble:
            print(f"{name:10} {n:3} ids   FAILED: {trouble}")
            return False
        for tensor, error in found.items():
            errors.setdefault(tensor, []).append(error)
    good = all(e <= LIMIT for list_ in errors.values() for e in list_)
    logits = max(errors.pop("logits"), key=badness)
    worst = max(errors, key=lambda t: max(map(badness, errors[t])))
    print(f"{name:10} {T:3} ids   logits {logits:.1e}   {worst} "
          f"{max(errors[worst], key=badness):.1e}   {'ok' if good else 'DIFFERENT'}")
    return good


def badness(error):
    return error if error == error else float("inf")     # NaN sorts last


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="./stage06/run")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    a = parser.parse_args()
    names = a.names or reference_names()
    for name in set(names) - set(reference_names()):
        sys.exit(f"no reference {name}: there are {', '.join(reference_names())}")
    good = [check(a.program, name) for name in names]
    print(f"{sum(good)} of {len(good)} models agree with Hugging Face within {LIMIT:g}")
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
