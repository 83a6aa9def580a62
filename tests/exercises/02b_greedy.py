"""02b: --greedy prints the ids that the longest match at each place gives."""

import json
import random

from lib import expect, make, run


def alphabet():
    """The byte of each character of vocab.json."""
    seen = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    rest = [b for b in range(256) if b not in seen]
    return {**{chr(b): b for b in seen}, **{chr(256 + i): b for i, b in enumerate(rest)}}


def read_vocabulary(path):
    """bytes -> id"""
    byte = alphabet()
    with open(path, encoding="utf-8") as file:
        return {bytes(byte[c] for c in token): i for token, i in json.load(file).items()
                if token != "<|endoftext|>"}


def greedy(vocabulary, piece):
    """The ids of a piece, always the longest token that fits."""
    found, at = [], 0
    while at < len(piece):
        end = len(piece)
        while piece[at:end] not in vocabulary:
            end -= 1
        found.append(vocabulary[piece[at:end]])
        at = end
    return found


make("stage02")
words = read_vocabulary("models/tales/vocab.json")
draw = random.Random(2)
made = ["".join(draw.choice("abcdeilnorstu") for _ in range(draw.randint(1, 40)))
        for _ in range(20)]
different = 0
for text in ["unbelievable", "nevertheless", "straightforwardness", "Königskinder", *made]:
    wanted = greedy(words, text.encode("utf-8"))
    found = run("stage02/run", "--greedy", text).strip()
    expect(f"--greedy {text}", ",".join(map(str, wanted)), found)
    different += found != run("stage02/run", "--encode", text).strip()
    both = run("stage02/run", "--greedy", f"The {text}, the").strip()
    pieces = ["The", f" {text}", ",", " the"]
    wanted = [i for piece in pieces for i in greedy(words, piece.encode("utf-8"))]
    expect(f"--greedy, of several pieces: The {text}, the", ",".join(map(str, wanted)), both)
print(f"{different} of {4 + len(made)} texts have other tokens than by BPE")
