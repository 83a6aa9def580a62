"""02c: --train N learns merges from a text."""

import collections
import re

from lib import expect, make, run

TEXTS = {
    "the worked example": "the hen then the",
    "runs": "aaaa aaaaa aaa baaab",
    "ties": "xy yx zy xz xy yx zy xz",
    "prose": " ".join(f"the old {a} and the young {b} went to the {c}s house in the {a}land"
                      for a in ("king", "queen", "wood") for b in ("kings", "singing", "wool")
                      for c in ("hunter", "king", "thing")),
}


def learn(text, count):
    """The rule as it is told, on every piece anew for each merge."""
    pieces = [[bytes([b]) for b in piece.encode("utf-8")]
              for piece in re.findall(r" ?[a-z]+", text)]
    merges = []
    while len(merges) < count:
        pairs = collections.Counter(pair for piece in pieces
                                    for pair in zip(piece, piece[1:]))
        if not pairs or max(pairs.values()) < 2:
            break
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(f"{len(merges)} {pairs[left, right]} {left.hex()} {right.hex()}")
        for i, piece in enumerate(pieces):
            joined, at = [], 0
            while at < len(piece):
                both = piece[at:at + 2] == [left, right]
                joined.append(left + right if both else piece[at])
                at += 2 if both else 1
            pieces[i] = joined
    return merges


make("stage02")
for name, text in TEXTS.items():
    for n in (1, 3, 40):
        found = run("stage02/run", "--train", n, text).splitlines()
        expect(f"--train {n} of {name} ({text[:40]}...)", learn(text, n), found)
