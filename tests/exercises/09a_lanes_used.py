"""09a: a line tells how many of the lanes computed something, pass by pass."""

import json
import re
import tempfile
from lib import make, run, expect, fail

PROMPTS = [("Once upon a time there was a king who had three daughters, and", 12),
           ("The wolf", 4), ("He", 3), ("In the middle of the forest stood a house", 9),
           ("Far out in the sea, where the water is as blue as the petals of the", 14),
           ("He said to", 7), ("The princess laughed", 5)]
MIXES = [
    [],
    ["--batch", 3, "--schedule", "static"],
    ["--batch", 5, "--schedule", "grouped"],
    ["--batch", 6, "--prefill-chunk", 3],
    ["--batch", 4, "--prefill-chunk", 8, "--schedule", "static"],
    ["--batch", 2, "--prefill-chunk", 8],
]

make("stage09")
for mix in MIXES:
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for prompt, tokens in PROMPTS:
            print(json.dumps({"prompt": prompt, "tokens": tokens}), file=file, flush=True)
        text = run("stage09/run", "--ignore-eos", "--prompts", file.name, *mix)
    if "a column for 1 pass;" not in text:
        fail(f"{mix}: the picture merges passes; this test needs fewer of them")
    lanes = re.findall(r"^lane +\d+  ([A-Za-z. ]*)$", text, re.M)
    found = re.search(r"^lanes: (\d+) of (\d+) used$", text, re.M)
    if not found:
        fail(f"{mix}: no line 'lanes: N of M used'")
    used = sum(len(re.findall("[A-Za-z]", lane)) for lane in lanes)
    expect(f"{mix}: lanes used", f"{used} of {sum(map(len, lanes))}",
           f"{found[1]} of {found[2]}")
