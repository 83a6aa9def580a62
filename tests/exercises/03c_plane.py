"""03c: --plane prints the two coordinates in which the tokens of wte differ most."""

import json
import math
import random
import struct
import tempfile
from pathlib import Path

from lib import expect, fail, make, run, safetensors

V, C, SPREAD = 60, 12, (5.0, 2.5, 0.5)  # two directions stand out, the third is far below


def directions(draw):
    """C vectors of length 1, at right angles."""
    made = []
    while len(made) < C:
        v = [draw.gauss(0, 1) for _ in range(C)]
        for u in made:
            part = sum(a * b for a, b in zip(u, v))
            v = [b - part * a for a, b in zip(u, v)]
        length = math.sqrt(sum(a * a for a in v))
        made.append([a / length for a in v])
    return made


def columns(draw):
    """C columns of V numbers with mean 0, at right angles, of length 1."""
    made = [[1 / math.sqrt(V)] * V]
    while len(made) < C + 1:
        v = [draw.gauss(0, 1) for _ in range(V)]
        for u in made:
            part = sum(a * b for a, b in zip(u, v))
            v = [b - part * a for a, b in zip(u, v)]
        length = math.sqrt(sum(a * a for a in v))
        made.append([a / length for a in v])
    return made[1:]


def check(seed, folder):
    """A model whose plane is known."""
    draw = random.Random(seed)
    axes, parts = directions(draw), columns(draw)
    spread = [SPREAD[min(i, 2)] for i in range(C)]
    middle = [draw.gauss(0, 3) for _ in range(C)]
    table = [middle[c] + sum(spread[i] * parts[i][v] * axes[i][c] for i in range(C))
             for v in range(V) for c in range(C)]
    config = {"model_type": "gpt2", "vocab_size": V, "n_positions": 4, "n_embd": C,
              "n_layer": 1, "n_head": 1}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(safetensors({
        "wte.weight": ("F32", [V, C], struct.pack(f"<{V * C}f", *table)),
        "wpe.weight": ("F32", [4, C], bytes(16 * C))}))
    ids = [draw.randrange(V) for _ in range(4)]
    lines = run("stage03/run", "-m", folder, "--plane", "--ids", ",".join(map(str, ids)))
    rows = [line.split() for line in lines.splitlines()]
    expect("--plane: a line for each id of the prompt", [str(i) for i in ids],
           [row[0] for row in rows])
    for axis in (0, 1):
        wanted = [spread[axis] * parts[axis][i] for i in ids]
        found = [float(row[1 + axis]) for row in rows]
        sign = 1 if sum(a * b for a, b in zip(wanted, found)) >= 0 else -1
        for token, a, b in zip(ids, wanted, found):
            if not abs(a - sign * b) <= 0.01:
                fail(f"coordinate {axis} of token {token}: wanted {a:.4f} (or all signs "
                     f"turned), found {b:.4f}")


make("stage03")
with tempfile.TemporaryDirectory() as directory:
    for number in range(4):
        check(number, Path(directory))
