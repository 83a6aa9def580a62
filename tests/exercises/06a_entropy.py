"""06a: a line with the entropy of the next token's distribution."""

import json
import math
import re

from lib import fail, make, run

make("stage06")
for ids in ("2620,652,258,528,441,307,258", "2620", "1121,307,700", "5,6,7,8,9",
            "2620,652,258,528", ",".join(["300"] * 40)):
    options = ("--dtype", "f32", "--ids", ids)
    top = json.loads(run("stage06/run", *options, "--json", "--top", "4096"))["top"]
    wanted = -sum(t["prob"] * math.log(t["prob"]) for t in top if t["prob"] > 0)
    text = run("stage06/run", *options, "-q")
    line = re.search(r"^entropy (\d+\.\d\d\d) nats: like (\d+\.\d) equal tokens$", text, re.M)
    if not line:
        fail("no line: entropy 0.000 nats: like 0.0 equal tokens")
    if abs(float(line[1]) - wanted) > 0.0021:
        fail(f"ids {ids}: the entropy is {wanted:.3f}, not {line[1]}")
    if abs(float(line[2]) - math.exp(wanted)) > 0.003 * math.exp(wanted) + 0.051:
        fail(f"ids {ids}: e^entropy is {math.exp(wanted):.1f}, not {line[2]}")
