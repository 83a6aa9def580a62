"""The figures of chapter 8."""

from draw import Figure


def toy():
    """Two blocks that add means: what a fourth token changes."""
    f = Figure(720, 292, "A fourth token comes",
               "A toy model of two blocks, each of which adds the mean of the values so far. "
               "The text 2, 4, 6 has the values 2, 4, 6 in block 0 and 4, 7, 10 in block 1. "
               "A fourth token, 0, gets a column of its own: 0, 3, 3, 9. It needs the "
               "values of the three columns before it, and changes none of them.")
    f.heading(20, 26, "The text 2, 4, 6; then comes 0")
    left, w = 190, 72
    rows = (("token", ("2", "4", "6", "0"), "violet"),
            ("values in block 0", ("2", "4", "6", "0"), "orange"),
            ("x after block 0", ("4", "7", "10", "0+3 = 3"), "dim"),
            ("values in block 1", ("4", "7", "10", "3"), "orange"),
            ("x after block 1", ("8", "12.5", "17", "3+6 = 9"), "dim"))
    for i, (name, values, ink) in enumerate(rows):
        y = 52 + 42 * i
        f.row(left, y, name, values[:3], w=w, ink=ink)
        f.cells(left + 3 * w + 40, y, values[3:], w=w + 14, ink="violet" if i == 0 else "green")
    for i, name in ((1, "mean of 2, 4, 6, 0: 3"), (3, "mean of 4, 7, 10, 3: 6")):
        y = 52 + 42 * i
        f.arrow(left + 3 * w + 4, y + 22, left + 3 * w + 36, y + 44, ink="orange")
        f.text(left + 4 * w + 64, y + 35, name, "dim", 12, anchor="start")
    f.brace(left, left + 3 * w, 254, "unchanged: cached values, read again")
    f.brace(left + 3 * w + 40, left + 4 * w + 54, 254, "computed", "green")
    return f


def layout():
    """The six dimensions of a cache, outermost first."""
    f = Figure(720, 300, "Where a key lies",
               "The memory of a cache is a row of chunks. A chunk has a part for each of the "
               "6 blocks; such a part has the keys of 5 heads and then their values; and the "
               "keys of one head are 32 vectors of 64 numbers, side by side.")
    f.heading(20, 26, "models/tales: 16 chunks of 32 slots, 6 blocks, 5 heads, HS = 64")
    left = 150
    f.row(left, 50, "the cache", ["chunk 0", "chunk 1", "chunk 2", "...", "chunk 15"],
          w=96, inks=["dim", "orange", "dim", "dim", "dim"])
    f.row(left, 114, "chunk 1", ["block 0", "block 1", "block 2", "...", "block 5"], w=96,
          inks=["dim", "dim", "orange", "dim", "dim"])
    names = [f"k, h {h}" for h in range(5)] + [f"v, h {h}" for h in range(5)]
    f.row(left, 178, "its block 2", names, w=54, size=12,
          inks=["dim"] * 3 + ["orange"] + ["dim"] * 6)
    f.row(left, 242, "keys of head 3", ["slot 32", "slot 33", "slot 34", "...", "slot 63"],
          w=96, ink="orange")
    for x1, x2, y, at, to in ((left + 96, left + 192, 78, left, left + 480),
                              (left + 192, left + 288, 142, left, left + 540),
                              (left + 162, left + 216, 206, left, left + 480)):
        f.line(x1, y, at, y + 36, dashed=True)
        f.line(x2, y, to, y + 36, dashed=True)
    f.text(left, 286, "64 numbers each: 256 bytes in f32, 128 in bf16", "dim", 13,
           anchor="start")
    return f


def overflow():
    """Five ways to see ten tokens through eight slots."""
    f = Figure(720, 330, "Ten tokens, n_ctx = 8",
               "Token 9, the tenth, has come; each cell is a slot and names the token whose "
               "key it holds. crop: 2 to 9, all computed anew. half: 4 to 9, one of them "
               "computed, two slots free. shift: 2 to 9, moved down. ring: 8, 9, then 2 to 7. "
               "sinks: 0 to 3 for ever, then 8, 9, 6, 7.")
    f.heading(20, 26, "Token 9 has come: which token's key is in which slot")
    left, w = 96, 46
    for i in range(8):
        f.text(left + (i + 0.5) * w, 54, f"slot {i}", "dim", 12)
    rows = (("crop", [2, 3, 4, 5, 6, 7, 8, 9], set(range(2, 10)), "8 rows computed: exact"),
            ("half", [4, 5, 6, 7, 8, 9, "", ""], {9}, "1 row (5 for token 8): exact"),
            ("shift", [2, 3, 4, 5, 6, 7, 8, 9], {9}, "1 row, all keys moved"),
            ("ring", [8, 9, 2, 3, 4, 5, 6, 7], {9}, "1 row; oldest in slot 2"),
            ("sinks", [0, 1, 2, 3, 8, 9, 6, 7], {9}, "1 row; 0 to 3 never go"))
    for i, (name, tokens, new, remark) in enumerate(rows):
        y = 70 + 44 * i
        f.row(left, y, name, [f"{t}*" if t in new else t for t in tokens], bold=True, w=w,
              inks=["green" if t in new else "dim" if t == "" else "orange"
                    for t in tokens])
        f.text(left + 8 * w + 14, y + 14, remark, anchor="start", size=13)
    f.text(20, 306, "* computed for this token (green); the others are kept (orange)", "dim",
           13, anchor="start")
    return f


FIGURES = {"08-toy": toy, "08-layout": layout, "08-overflow": overflow}
