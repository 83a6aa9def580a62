"""03a: --cosine A:B prints how alike the vectors of two words are."""

import json
import struct

from lib import expect, make, read_safetensors, run

make("stage03")
_, (_, width), data = read_safetensors("models/tales/model.safetensors")["wte.weight"]
with open("models/tales/vocab.json", encoding="utf-8") as file:
    ids = json.load(file)


def vector(word):
    """The row of " word"."""
    at = 2 * width * ids["Ġ" + word]
    return [struct.unpack("<f", b"\0\0" + data[i:i + 2])[0]
            for i in range(at, at + 2 * width, 2)]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


for a, b in (("king", "queen"), ("king", "forest"), ("old", "old"), ("day", "night")):
    x, y = vector(a), vector(b)
    wanted = dot(x, y) / (dot(x, x) * dot(y, y)) ** 0.5
    line = run("stage03/run", "--dtype", "f32", "--cosine", f"{a}:{b}").strip()
    expect(f"--cosine {a}:{b}", "cosine:", line.split(" ")[0])
    expect(f"--cosine {a}:{b}, to three places", f"{wanted:.3f}",
           f"{float(line.split(' ')[1]):.3f}")
