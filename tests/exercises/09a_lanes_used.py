"""09a: a line tells how many of the lanes computed something, pass by pass."""

import re
from lib import make, run, expect, fail

MIXES = [
    ["-n", 30],
    ["-n", 40, "--batch", 3, "--schedule", "static"],
    ["-n", 30, "--batch", 5, "--schedule", "grouped"],
    ["-n", 20, "--batch", 6, "--prefill-chunk", 3],
    ["-n", 20, "--batch", 4, "--prefill-chunk", 8, "--schedule", "static"],
    ["-n", 12, "--batch", 2, "--samples", 5, "Once upon a time"],
]

make("stage09")
for mix in MIXES:
    text = run("stage09/run", "--ignore-eos", *mix)
    if "a column for 1 pass;" not in text:
        fail(f"{mix}: the picture merges passes; this test needs fewer of them")
    lanes = re.findall(r"^lane +\d+  ([A-Za-z. ]*)$", text, re.M)
    found = re.search(r"^lanes: (\d+) of (\d+) used$", text, re.M)
    if not found:
        fail(f"{mix}: no line 'lanes: N of M used'")
    used = sum(len(re.findall("[A-Za-z]", lane)) for lane in lanes)
    expect(f"{mix}: lanes used", f"{used} of {sum(map(len, lanes))}",
           f"{found[1]} of {found[2]}")
