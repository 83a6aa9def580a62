"""The figures of chapter 9."""

from draw import Figure


def reads():
    """What a matrix costs for one row, and for four."""
    f = Figure(720, 250, "The matrix c_fc for one row and for four",
               "Left: 1.6 MB of weights come from memory and one row uses each of them for "
               "two operations, half an operation a byte. Right: the same 1.6 MB serve four "
               "rows, two operations a byte.")
    for x, rows, operations, a_byte in ((20, 1, "0.8", "0.5"), (370, 4, "3.3", "2")):
        f.heading(x, 24, f"{rows} row{'s' if rows > 1 else ''} in the pass")
        f.box(x, 56, 130, 116, "c_fc", "320 × 1280 floats", ink="blue")
        f.arrow(x + 134, 114, x + 206, 114, ink="blue", width=3)
        f.text(x + 168, 96, "1.6 MB", "blue", 13)
        for i in range(rows):
            y = 114 - 14.5 * rows + 29 * i
            f.cells(x + 212, y, [f"row {i}"], w=92, h=25, ink="green")
        f.text(x, 200, f"{operations} million operations", anchor="start", size=13)
        f.text(x, 224, f"{a_byte} operations a byte read", anchor="start", size=13)
    return f


def rows():
    """A pass of the example, row by row."""
    f = Figure(720, 322, "The rows of one pass",
               "The 25th pass of the example has 19 rows: one each of the texts D, F and G, at "
               "positions 39, 27 and 5 of lanes 3, 2 and 1, and all 16 rows of the prompt H "
               "in lane 0. Each row sees as many keys of its own lane as its position and "
               "one more. Logits are wanted for the rows of D, F and G, and the last of H.")
    f.heading(20, 24, "The 25th pass: 19 rows, 4 of them with logits")
    left, w = 128, 64
    table = (("row", ["0", "1", "2", "3", "4", "5", "...", "17", "18"], "dim"),
             ("text", ["D", "F", "G", "H", "H", "H", "...", "H", "H"], "violet"),
             ("lane", ["3", "2", "1", "0", "0", "0", "...", "0", "0"], "orange"),
             ("position", ["39", "27", "5", "0", "1", "2", "...", "14", "15"], "violet"),
             ("keys it sees", ["40", "28", "6", "1", "2", "3", "...", "15", "16"], "orange"),
             ("logits", ["yes", "yes", "yes", "", "", "", "...", "", "yes"], "green"))
    for i, (name, values, ink) in enumerate(table):
        y = 46 + 36 * i
        f.row(left, y, name, values, name_size=13, w=w, ink=ink)
    f.brace(left + 2, left + 3 * w - 2, 262, "each a text that goes on")
    f.brace(left + 3 * w + 2, left + 9 * w - 2, 262, "a prompt that has just come in")
    f.text(20, 304, "Lanes 0 to 3 are read only by attention; all else sees 19 rows.", "dim",
           13, anchor="start")
    return f


def pages():
    """Copy on write, in the order in which the program does it."""
    f = Figure(720, 420, "Two samples of one prompt share its pages",
               "Three states of the tables. First lane 0 holds a prompt of 40 tokens in "
               "pages 0 and 1, one user each. Then lane 1 has a copy of the table, and both "
               "pages have two users. Then lane 0 writes token 40 and gets page 2, a copy "
               "of page 1, for itself, after which lane 1 writes to page 1.")
    states = (("1. The prompt, 40 tokens, is in lane 0", ("0", "1"), ("-", "-"),
               (("32 tokens", "1"), ("8 tokens", "1"), ("free", "0"))),
              ("2. Lane 1 gets a copy of the table, and no more", ("0", "1"), ("0", "1"),
               (("32 tokens", "2"), ("8 tokens", "2"), ("free", "0"))),
              ("3. Lane 0 writes token 40: page 1 has two users, so it is copied first",
               ("0", "2"), ("0", "1"),
               (("32 tokens", "2"), ("8 tokens", "1"), ("9 tokens", "1"))))
    for i, (title, lane0, lane1, pool) in enumerate(states):
        y = 20 + 132 * i
        f.heading(20, y + 4, title)
        for lane, entries in enumerate((lane0, lane1)):
            f.row(76, y + 28 + 36 * lane, f"lane {lane}", entries, name_size=13,
                  ink="violet")
        f.arrow(172, y + 60, 216, y + 60)
        for page, (content, users) in enumerate(pool):
            x = 232 + 162 * page
            ink = "dim" if users == "0" else "orange"
            f.box(x, y + 28, 146, 40, f"page {page}: {content}", ink=ink, size=13)
            f.text(x + 73, y + 84, f"users: {users}", "dim", 12)
    f.text(76, 406, "the tables", "dim", 12, anchor="start")
    f.text(232, 406, "the pages of the cache, 32 slots each", "dim", 12, anchor="start")
    return f


FIGURES = {"09-reads": reads, "09-rows": rows, "09-pages": pages}
