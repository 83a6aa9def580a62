"""03b: --positions --sinusoid compares the positions of the first transformer."""

import json
import math

from lib import expect, fail, make, run

make("stage03")
for model in ("models/tales", "tests/models/odd", "tests/models/head80"):
    with open(f"{model}/config.json", encoding="utf-8") as file:
        width = json.load(file)["n_embd"]
    found = json.loads(run("stage03/run", "-m", model, "--positions", "--sinusoid", "--json"))
    learned = json.loads(run("stage03/run", "-m", model, "--positions", "--json"))
    expect(f"{model}: the positions", learned["positions"], found["positions"])

    def row(position):
        """Even elements are sines, odd ones cosines."""
        angles = [position / 10000 ** ((i - i % 2) / width) for i in range(width)]
        return [math.cos(a) if i % 2 else math.sin(a) for i, a in enumerate(angles)]

    rows = [row(position) for position in found["positions"]]
    for i, a in enumerate(rows):
        for k, b in enumerate(rows):
            wanted = sum(x * y for x, y in zip(a, b)) / math.sqrt(
                sum(x * x for x in a) * sum(y * y for y in b))
            if not abs(found["cosines"][i][k] - wanted) <= 1e-3:
                fail(f"{model}: positions {found['positions'][i]} and "
                     f"{found['positions'][k]}: wanted {wanted:.4f}, "
                     f"found {found['cosines'][i][k]}")
