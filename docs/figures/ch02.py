"""The figures of chapter 2."""

from pathlib import Path

from draw import Figure

MERGES = Path(__file__).resolve().parents[2] / "models/tales/merges.txt"


def ranks():
    """(left, right) -> rank, as in the file of the default model."""
    lines = MERGES.read_text(encoding="utf-8").splitlines()
    return {tuple(line.split()): i for i, line in enumerate(
        line for line in lines if not line.startswith("#version"))}


def merged(word):
    """Replays the merges of a word: the (left, right, rank) of each, as nodes of a tree.

    A node is (first letter, end, height, rank); a letter has height 0 and no rank.
    """
    rank = ranks()
    row = [(i, i + 1, 0, None) for i in range(len(word))]
    made = []
    while True:
        pairs = [(rank[word[a[0]:a[1]], word[b[0]:b[1]]], i)
                 for i, (a, b) in enumerate(zip(row, row[1:]))
                 if (word[a[0]:a[1]], word[b[0]:b[1]]) in rank]
        if not pairs:
            return row, made
        least, i = min(pairs)
        a, b = row[i], row[i + 1]
        node = (a[0], b[1], max(a[2], b[2]) + 1, least)
        made.append((node, a, b))
        row[i:i + 2] = [node]


def tree():
    """The merges of one word as a tree over its bytes."""
    word = "Ġunbelievable"
    row, made = merged(word)
    f = Figure(720, 292, "The merges of one word",
               "The 13 bytes of ' unbelievable' stand at the bottom. Each join is a box "
               "above its two parts, with its rank; lower ranks join first. Six tokens "
               "are left: un b el ie v able, with the space in the first.")
    w, bottom, step = 51, 232, 62

    def x(node):
        return 28 + w * (node[0] + node[1]) / 2

    def y(node):
        return bottom - step * node[2]

    for node, a, b in made:
        for child in (a, b):
            f.line(x(node), y(node) + 17, x(child), y(child) - 15)
    for i, letter in enumerate(word):
        final = (i, i + 1, 0, None) in row
        f.cells(28 + w * i + 10, bottom - 15, [letter], w=w - 20, h=30,
                ink="violet" if final else "fg")
    for node, _, _ in made:
        text = word[node[0]:node[1]]
        f.box(x(node) - 24, y(node) - 17, 48, 34, ink="violet" if node in row else "fg")
        f.text(x(node), y(node) - 7, text, mono=True, size=13)
        f.text(x(node), y(node) + 9, node[3], "dim", 12)
    f.heading(28, 24, "' unbelievable' in models/tales")
    f.text(28, 46, "below each join its rank: the lowest goes first", "dim", 12,
           anchor="start")
    f.text(28, 274, f"{len(word)} bytes become {len(row)} tokens (violet). Ġ is the space, "
           "as merges.txt writes it.", "dim", 13, anchor="start")
    return f


def stream():
    """A character whose bytes come in two tokens."""
    f = Figure(720, 196, "Text that streams in",
               "The two bytes of an ö arrive in two tokens. After the first the stream "
               "gives out nothing; after the second, the whole character.")
    rows = [("token", ["K", "c3", "b6", "n"], "violet"),
            ("held back", ["", "c3", "", ""], "orange"),
            ("given out", ["K", "", "ö", "n"], "green")]
    for i, (name, values, ink) in enumerate(rows):
        y = 40 + 48 * i
        f.text(130, y + 17, name, anchor="end")
        for k, value in enumerate(values):
            if value:
                f.cells(160 + 130 * k, y, [value], w=80, h=34, ink=ink, size=15)
    for k, (a, b) in enumerate(((0, 2), (0, 1), (0, 2), (0, 2))):
        x = 200 + 130 * k
        f.arrow(x, 40 + 48 * a + 34, x, 40 + 48 * b)
    f.arrow(370, 105, 450, 105, 450, 134, ink="orange")
    f.text(160, 20, "one token after the other", "dim", 12, anchor="start")
    f.text(480, 105, "c3 b6 is ö", "orange", 12, anchor="start")
    return f


FIGURES = {"02-tree": tree, "02-stream": stream}
