"""The figures of chapter 3."""

import json
import math
import struct
from pathlib import Path

from draw import Figure

MODEL = Path(__file__).resolve().parents[2] / "models/tales/model.safetensors"


def rows(name, *indices, count=4):
    """The first numbers of some rows of a matrix of BF16."""
    data = MODEL.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    entry = json.loads(data[8:8 + length])[name]
    start = 8 + length + entry["data_offsets"][0]
    width = entry["shape"][1]
    return [[struct.unpack("<f", b"\0\0" + data[at:at + 2])[0]
             for at in range(start + 2 * i * width, start + 2 * (i * width + count), 2)]
            for i in indices]


def lookup():
    """One token at two places, as sums of rows; the model's own numbers."""
    king, = rows("wte.weight", 651)
    places = rows("wpe.weight", 1, 4)
    f = Figure(720, 264, "A row for the token, a row for the place",
               "The id 651 of ' king' picks a row of wte, the same at both places. "
               "Positions 1 and 4 pick different rows of wpe. Their sums differ.")
    f.heading(20, 24, "'The king saw the king'")
    f.text(20, 44, "the first 4 of 320 numbers of each row", "dim", 12, anchor="start")
    for k, (position, place) in enumerate(zip((1, 4), places)):
        y = 72 + 98 * k
        f.cells(20, y + 22, ["651"], w=52, h=32, ink="violet", size=14)
        f.text(46, y + 68, f"position {position}", "dim", 12)
        f.arrow(74, y + 38, 128, y + 38, ink="violet")
        for dy, values, ink, name in ((0, king, "blue", "wte[651]"),
                                      (40, place, "orange", f"wpe[{position}]")):
            f.cells(140, y + dy, [f"{x:.3f}" for x in values], w=54, h=28, ink=ink, size=12)
            f.text(363, y + dy + 14, name, ink, 12, anchor="start")
        f.arrow(422, y + 34, 446, y + 34)
        f.cells(452, y + 20, [f"{a + b:.3f}" for a, b in zip(king, place)], w=54, h=28,
                ink="green", size=12)
        f.text(674, y + 34, f"x[{position}]", "green", 12, anchor="start")
    return f


def plane():
    """The worked example: one token at two positions, as arrows."""
    f = Figure(720, 300, "The worked example in the plane",
               "Token 7 at position 0 points to (0.6, -0.7), at position 3 to "
               "(0.1, -0.8). The angle between both is 33 degrees, its cosine 0.83.")
    left, top, unit = 120, 60, 200

    def at(x, y):
        return left + unit * x, top - unit * y

    f.arrow(*at(-0.35, 0), *at(0.95, 0))
    f.arrow(*at(0, -1.12), *at(0, 0.2))
    token, places = (0.5, -1.0), ((0.1, 0.3), (-0.4, 0.2))
    f.arrow(*at(0, 0), *at(*token), ink="blue", width=2.5)
    x, y = at(*token)
    f.text(x + 8, y + 6, "wte[7] = (0.5, -1.0)", "blue", anchor="start")
    ends = [(token[0] + place[0], token[1] + place[1]) for place in places]
    for end in ends:
        f.arrow(*at(*token), *at(*end), ink="orange", dashed=True)
        f.arrow(*at(0, 0), *at(*end), ink="green", width=2.5)
    x, y = at(*ends[0])
    f.text(x + 8, y, "x at 0 = (0.6, -0.7)", "green", anchor="start")
    x, y = at(*ends[1])
    f.text(x - 30, y - 6, "x at 3 =", "green", anchor="end")
    f.text(x - 30, y + 14, "(0.1, -0.8)", "green", anchor="end")
    (a, b), (c, d) = ends
    dot, lengths = a * c + b * d, (math.hypot(a, b), math.hypot(c, d))
    cosine = dot / (lengths[0] * lengths[1])
    for i, line in enumerate((
            f"dot product: 0.6 · 0.1 + 0.7 · 0.8 = {dot:.2f}",
            f"lengths: {lengths[0]:.2f} and {lengths[1]:.2f}",
            f"cosine: {dot:.2f} / ({lengths[0]:.2f} · {lengths[1]:.2f}) = {cosine:.2f}",
            f"the angle: {math.degrees(math.acos(cosine)):.0f} degrees")):
        f.text(400, 60 + 24 * i, line, anchor="start")
    f.text(400, 166, "dashed: the rows of wpe, added", "orange", 12, anchor="start")
    return f


FIGURES = {"03-lookup": lookup, "03-plane": plane}
