"""04a: --distance prints how far back each head looks, on average."""

import json

from lib import expect, make, run


def distance(weights):
    """The mean over the rows t of the sum of (t - j) times weight j."""
    rows = [sum((t - j) * w for j, w in enumerate(row)) for t, row in enumerate(weights)]
    return sum(rows) / len(rows)


make("stage04")
program = ["stage04/run", "--dtype", "f32"]
for model, heads, layer, prompt in (
        ("models/tales", 5, 0, ["The old king went to the forest"]),
        ("models/tales", 5, 3, ["The wolf saw the wolf, and the wolf saw the hare."]),
        ("models/tales", 5, 1, ["--ids", "338"]),
        ("tests/models/odd", 3, 1, ["--ids", "5,3,9,1,7,7,2,4"])):
    where = [*program, "-m", model, "--layer", layer, *prompt]
    wanted = [f"head {h}: "
              f"{distance(json.loads(run(*where, '--json', '--head', h))['attention']):.2f}"
              for h in range(heads)]
    expect(f"{' '.join(map(str, where))} --distance", wanted,
           run(*where, "--distance").splitlines())
