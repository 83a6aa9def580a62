"""04c: with --window N a row reads from N rows at most."""

import json
import sys
import tempfile
from pathlib import Path

from lib import expect, fail, make, run

sys.path.insert(0, "tests/reference")
import attention  # noqa: E402

MODEL = "models/tales"
IDS = ",".join(str(300 + 7 * i) for i in range(40))


def check(model, prompt, window, dump):
    """The weights that are shown, and what is computed, by both kernels."""
    program = ["stage04/run", "--dtype", "f32", *prompt, "--window", window]
    rows = json.loads(run(*program, "--json"))["attention"]
    for t, row in enumerate(rows):
        seen = range(max(0, t + 1 - window) if window else 0, t + 1)
        expect(f"{' '.join(map(str, program))} --json: where row {t} has weights",
               list(seen), [j for j, weight in enumerate(row) if weight > 0])
        if not abs(sum(row) - 1) < 1e-5:
            fail(f"row {t} sums to {sum(row)}")
    for kernel in ("naive", "fused"):
        command = [*program, "--kernel", f"attention={kernel}"]
        run(*command, "-q", "--dump", dump)
        off = attention.difference(attention.read(dump), model, 5,
                                   lambda t: max(0, t + 1 - window) if window else 0)
        if not off < 1e-5:
            fail(f"{' '.join(map(str, command))}: what attention adds is off by {off:.2g}")


make("stage04")
with tempfile.TemporaryDirectory() as folder:
    weights = attention.read(f"{MODEL}/model.safetensors")
    for text, sizes in ((["The old king went to the forest"], (0, 1, 3, 7, 100)),
                        (["--ids", IDS], (33, 5))):
        for size in sizes:
            check(weights, text, size, Path(folder) / "dump.safetensors")
