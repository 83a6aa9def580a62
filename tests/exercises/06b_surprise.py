"""06b: --surprise prints each token's surprise."""

import json
import math
import tempfile

from lib import expect, fail, make, run


def surprises(text):
    """[(id, surprise)], as --surprise prints them."""
    lines = run("stage06/run", "--dtype", "f32", "--surprise", text).splitlines()
    return [(int(words[0]), float(words[1])) for words in map(str.split, lines)]


def answer(ids):
    """id -> probability, of the token that follows."""
    found = run("stage06/run", "--dtype", "f32", "--json", "--top", "4096", "--ids",
                ",".join(map(str, ids)))
    return {token["id"]: token["prob"] for token in json.loads(found)["top"]}


make("stage06")
short = "Once upon a time there was a king"
long = "The youngest went to the old well, and the frog was there. " * 16
for text in (short, "of of", long):
    ids = json.loads(run("stage06/run", "--json", "--top", "1", text))["ids"]
    found = surprises(text)
    expect(f"the ids of {text[:40]!r}", ids[1:], [i for i, _ in found])
    for at in {1, len(ids) // 2, len(ids) - 1}:
        wanted = -math.log(answer(ids[:at])[ids[at]])
        if not abs(found[at - 1][1] - wanted) <= 0.001 + 1e-3 * wanted:
            fail(f"token {at} of {text[:40]!r}: {wanted:.4f} nats, not {found[at - 1][1]}")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text)
        file.flush()
        whole = json.loads(run("stage06/run", "--dtype", "f32", "--json", "--perplexity",
                               file.name))
    total = sum(s for _, s in found)
    if not abs(total - whole["nll"] * whole["tokens"]) <= 1e-3 * len(ids):
        fail(f"the sum is {total:.4f}, --perplexity says {whole['nll'] * whole['tokens']:.4f}")
    expect("how many lines", whole["tokens"], len(found))
