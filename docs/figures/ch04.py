"""The figures of chapter 4."""

from draw import Figure


def lookup():
    """One query, three keys: the worked example."""
    f = Figure(720, 262, "Attention as a soft lookup, HS = 2",
               "A query (1, 2) meets the keys (1, 0), (0, 1) and (1, 1). The dot products "
               "are 1, 2 and 3; softmax makes them the shares 0.140, 0.284 and 0.576; the "
               "values 10, 20 and 30 are mixed by these shares to 24.36.")
    f.heading(20, 24, "One query, three keys; HS = 2")
    f.text(72, 62, "query", "dim", 12)
    f.cells(32, 118, ["1", "2"], ink="green")
    columns = (196, 312, 414, 520, 626)
    for x, name in zip(columns, ("key", "q · k", "/ √2", "share", "value")):
        f.text(x, 62, name, "dim", 12)
    rows = (((1, 0), "1", "0.707", "0.140", "10"), ((0, 1), "2", "1.414", "0.284", "20"),
            ((1, 1), "3", "2.121", "0.576", "30"))
    for i, (key, dot, score, share, value) in enumerate(rows):
        y = 78 + 40 * i
        f.arrow(116, 132, 150, y + 14)
        f.cells(columns[0] - 40, y, key, ink="green")
        f.arrow(columns[0] + 46, y + 14, columns[1] - 26, y + 14)
        f.text(columns[1], y + 14, dot, mono=True)
        f.arrow(columns[1] + 26, y + 14, columns[2] - 34, y + 14)
        f.text(columns[2], y + 14, score, mono=True)
        f.arrow(columns[2] + 32, y + 14, columns[3] - 34, y + 14)
        f.text(columns[3], y + 14, share, mono=True, bold=True)
        f.text((columns[3] + columns[4]) / 2, y + 14, "×")
        f.cells(columns[4] - 20, y, [value], ink="green")
    f.text((columns[2] + columns[3]) / 2, 42, "softmax over the column", "blue", 12)
    f.arrow(columns[4], 188, columns[4], 211, ink="green")
    f.text(columns[4] - 12, 226, "0.140 × 10 + 0.284 × 20 + 0.576 × 30 =", anchor="end")
    f.cells(columns[4] - 4, 212, ["24.36"], w=64, ink="green")
    return f


def layout():
    """Where a head finds its numbers in qkv."""
    f = Figure(720, 258, "A row of qkv, and head 1 in it",
               "The rows of qkv for T = 3, C = 6, NH = 3, HS = 2. Each row has 18 numbers: "
               "6 of the query, 6 of the key, 6 of the value. Head 1 of row 1 uses numbers "
               "2 and 3 of each part: the query of row 1, the keys and values of rows 0 and "
               "1. Row 2 is the future.")
    left, w = 92, 32
    f.heading(20, 24, "qkv [T, 3C]: T = 3, C = 6, NH = 3, HS = 2; head 1 of row 1")
    for part, name in enumerate(("query", "key", "value")):
        f.brace(left + part * 6 * w + 3, left + (part + 1) * 6 * w - 3, 76, f"{name} [C]",
                up=True)
    for t in range(3):
        y = 88 + 38 * t
        values, inks = [], []
        for i in range(18):
            part, mine = i // 6, i % 6 // 2 == 1
            used = mine and (t == 1 if part == 0 else t <= 1)
            future = mine and part > 0 and t == 2
            inks.append("green" if used else "red" if future else "dim")
            values.append(("qkv"[part] if used else "×" if future else ""))
        f.row(left, y, f"row {t}", values, w=w, inks=inks)
    f.text(left, 218, "q: one row; k and v: rows 0 to t, always 3C = 18 numbers apart",
           "green", 13, anchor="start")
    f.text(left, 240, "×: the future, which the loop never reaches", "red", 13,
           anchor="start")
    return f


def lanes():
    """attention_kernel2: what the 32 lanes do."""
    f = Figure(720, 330, "A warp takes a chunk of 32 keys",
               "A grid of NH by T blocks, each one warp. In a chunk, each of the 32 lanes "
               "first computes the score of one key and writes its share into shared "
               "memory. After a barrier each lane reads all 32 shares and mixes its own "
               "elements of the values.")
    f.heading(20, 24, "The grid: a block for each head of each row")
    for t in range(3):
        for h in range(5):
            ink = "orange" if (t, h) == (1, 4) else "fg"
            f.add("rect", x=84 + h * 24, y=42 + t * 24, width=20, height=20, rx=3,
                  class_=f"t-{ink}")
    f.text(20, 76, "rows t", "dim", 12, anchor="start")
    f.text(142, 126, "heads h", "dim", 12)
    f.arrow(204, 76, 236, 76, ink="orange")
    f.text(244, 60, "one block: 32 threads, which are one warp", anchor="start")
    f.text(244, 84, "its own: head h of row t, 32 keys at a time", anchor="start")
    f.text(244, 108, "shared memory: p[32], out[HS]", anchor="start")
    left, w = 150, 66
    names = ["lane 0", "lane 1", "lane 2", "lane 3", "...", "lane 31"]
    for i, name in enumerate(names):
        f.text(left + (i + 0.5) * w, 154, name, "dim", 12)
    f.row(left, 170, "1. a lane a key", ["q·k₀", "q·k₁", "q·k₂", "q·k₃", "...", "q·k₃₁"],
          w=w, ink="green")
    for i in (0, 1, 2, 3, 5):
        f.arrow(left + (i + 0.5) * w, 200, left + (i + 0.5) * w, 214)
    f.row(left, 216, "shared p", ["p₀", "p₁", "p₂", "p₃", "...", "p₃₁"], w=w, ink="orange")
    f.line(20, 258, 690, 258, ink="red", dashed=True)
    f.text(700 - 142, 258 - 36 + 8, "__syncthreads()", "red", 12, anchor="start")
    f.row(left, 272, "2. a lane an i",
          ["out[0]", "out[1]", "out[2]", "out[3]", "...", "out[31]"], w=w, ink="green")
    f.text(left, 316, "out[i] = out[i] · fade + p₀ v₀[i] + p₁ v₁[i] + ... + p₃₁ v₃₁[i]",
           "dim", 13, anchor="start")
    return f


FIGURES = {"04-lookup": lookup, "04-layout": layout, "04-lanes": lanes}
