"""09c: --preempt swap keeps what a text loses, so that no row is computed twice."""

import json
import random
import re
import tempfile
from lib import make, run, expect, fail

CASES = [
    ("models/tales", 40, 40, ["--pages", 3, "--batch", 3]),
    ("tests/models/tiny", 20, 14, ["--pages", 2, "--batch", 3]),
    ("tests/models/tiny", 50, 40, ["--pages", 4, "--kv-dtype", "bf16"]),
    ("tests/models/tiny", 50, 40, ["--pages", 5, "--schedule", "static"]),
    ("tests/models/tiny", 30, 130, ["--pages", 5, "--batch", 3, "--overflow", "ring"]),
    ("tests/models/tiny", 30, 130, ["--pages", 6, "--batch", 3, "--overflow", "sinks"]),
]


def texts(file, model, options):
    """ids and rows of each text, and how often one had to wait again."""
    command = ["stage09/run", "-m", model, "--prompts", file, "--ignore-eos",
               "--cache", "paged", "-t", "1", *options]
    found = [json.loads(line) for line in run(*command, "--json").splitlines()]
    again = re.search(r"(\d+) times a text had to wait again", run(*command))
    return ([text["ids"] for text in found],
            [text["kv_appended_tokens"] for text in found], int(again[1]) if again else 0)


make("stage09")
saved = 0
for seed, (model, most, tokens, options) in enumerate(CASES):
    draw = random.Random(seed)
    wanted = []
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for i in range(6):
            n, new = draw.randint(1, most), draw.randint(tokens // 2, tokens)
            ids = [draw.randint(1, 9) for _ in range(n)]
            print(json.dumps({"ids": ids, "tokens": new, "seed": i}), file=file, flush=True)
            wanted.append(n + new - 1)
        ids, rows, again = texts(file.name, model, options)
        ids2, rows2, again2 = texts(file.name, model, [*options, "--preempt", "swap"])
    what = f"{model} {options}"
    if not again or not again2:
        fail(f"{what}: no text had to wait again ({again}, {again2} times)")
    expect(f"{what}: the texts", ids, ids2)
    expect(f"{what}: rows computed with swap", wanted, rows2)
    saved += sum(rows) - sum(wanted)
if saved <= 0:
    fail("these texts do not lose a row even without swap; are there too many pages?")
