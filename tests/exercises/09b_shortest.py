"""09b: --schedule shortest lets the text with the fewest tokens to write in first."""

import json
import random
import re
import tempfile
from lib import make, run, expect, fail


def passes(texts, batch):
    """The lanes' picture: a free lane goes to the shortest of those that wait."""
    lanes, left, waiting = [""] * batch, [0] * batch, list(range(len(texts)))
    while waiting or any(left):
        for lane in range(batch):
            if left[lane] == 0 and waiting:
                who = min(waiting, key=lambda i: texts[i])
                waiting.remove(who)
                left[lane] = texts[who]
                lanes[lane] += chr(65 + who)
            elif left[lane]:
                lanes[lane] += lanes[lane][-1].lower()
            else:
                lanes[lane] += " "
            left[lane] -= left[lane] > 0
    return [lane.rstrip() for lane in lanes]


make("stage09")
words = "Once upon a time there was an old king who had a daughter".split()
for seed, batch in enumerate([1, 2, 3, 4]):
    draw = random.Random(seed)
    texts = [draw.randint(1, 14) for _ in range(9)]
    lines = [json.dumps({"prompt": " ".join(draw.choices(words, k=draw.randint(1, 8))),
                         "tokens": n, "seed": i}) for i, n in enumerate(texts)]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        print(*lines, sep="\n", file=file, flush=True)
        command = ["stage09/run", "--prompts", file.name, "--batch", batch, "--ignore-eos"]
        shown = run(*command, "--schedule", "shortest")
        plain = run(*command, "-q")
        expect("the texts are the same as with --schedule continuous", plain,
               run(*command, "-q", "--schedule", "shortest"))
    if batch > 1 or sum(texts) < 70:
        found = re.findall(r"^lane +\d+  (.*?) *$", shown, re.M)
        expect(f"texts of {texts} tokens in {batch} lanes", passes(texts, batch), found)
    if " in %d passes" % len(passes(texts, batch)[0]) not in shown and batch == 1:
        fail("one lane: a pass a token is wanted")

# With few pages texts lose their lanes, and still all end.
run("stage09/run", "-q", "--schedule", "shortest", "--cache", "paged", "--pages", 4, "-n", 90)
