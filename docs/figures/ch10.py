"""The figures of chapter 10."""

from draw import Figure


def turn():
    """One round: a guess of four tokens, one pass of five rows, three tokens more."""
    f = Figure(720, 348, "A round of speculation",
               "The text ends in ' the'. The draft proposes ' old', ' man', a comma and "
               "' who'. One pass of the model over five rows says what follows each: "
               "' old', ' man', ' was', and two more that are worthless. The first two "
               "proposals stay, ' was' replaces the third.")
    f.heading(20, 26, "One round: gamma = 4 proposals, 5 rows, 3 new tokens")
    left, w = 158, 108
    row = ["␣the", "␣old", "␣man", ",", "␣who"]
    inks = ["violet", "green", "green", "red", "red"]
    f.row(left, 76, "text + proposals", row, w=w, h=32, inks=inks)
    f.brace(left + 3, left + w - 3, 72, "the text's end", up=True)
    f.brace(left + w + 3, left + 5 * w - 3, 72, "the draft's guesses, one by one", up=True)
    f.box(left, 138, 5 * w, 42, "the model: one pass, each weight read once", ink="blue")
    answers = ["␣old", "␣man", "␣was", "␣who", "␣was"]
    f.row(left, 210, "the model says", answers, w=w, h=32,
          inks=["green", "green", "orange", "dim", "dim"])
    for i in range(5):
        x = left + (i + 0.5) * w
        f.arrow(x, 108, x, 136)
        f.arrow(x, 180, x, 208)
    verdicts = (("= proposal 1", "stays", "green"), ("= proposal 2", "stays", "green"),
                ("≠ proposal 3", "instead of it", "orange"), ("saw a comma", "worthless", "dim"),
                ("so did this", "worthless", "dim"))
    for i, (what, then, ink) in enumerate(verdicts):
        f.text(left + (i + 0.5) * w, 258, what, ink, 12)
        f.text(left + (i + 0.5) * w, 274, then, ink, 12)
    f.row(left, 302, "the text now", ["␣the", "␣old", "␣man", "␣was"], w=w, h=32,
          inks=["violet", "green", "green", "orange"])
    return f


def overlap_of_p_and_q():
    """The four tokens of the worked example as bars."""
    f = Figure(720, 330, "p, q, and what they share",
               "Four tokens. q gives them 0.20, 0.60, 0.10, 0.10; p gives them 0.50, 0.30, "
               "0.15, 0.05. The shared part of each bar, min(p, q), is 0.20, 0.30, 0.10 and "
               "0.05, in all 0.65. What p has more, 0.30 at token 1 and 0.05 at token 3, is "
               "0.35, as much as q has too much at tokens 2 and 4.")
    f.heading(20, 26, "min(p, q) is kept; what q has too much is drawn anew from what p lacks")
    p, q = (0.5, 0.3, 0.15, 0.05), (0.2, 0.6, 0.1, 0.1)
    base, scale, w = 268, 340, 62
    f.line(40, base, 560, base)
    for i in range(4):
        x, both = 60 + 128 * i, min(p[i], q[i])
        top = base - scale * both
        f.box(x, top, w, scale * both, ink="green")
        more = abs(p[i] - q[i])
        ink = "orange" if p[i] > q[i] else "red"
        f.box(x, top - scale * more, w, scale * more, ink=ink)
        f.text(x + w + 4, top + scale * both / 2, f"{both:.2f}", "green", 12, anchor="start")
        f.text(x + w + 4, top - scale * more / 2,
               ("p +" if ink == "orange" else "q +") + f"{more:.2f}", ink, 12,
               anchor="start")
        f.text(x + w / 2, base + 16, f"token {i + 1}")
        f.text(x + w / 2, base + 36, f"p = {p[i]:.2f}, q = {q[i]:.2f}", "dim", 12)
    for y, ink, lines in ((64, "red", ("q has more:", "refused: 0.35")),
                          (122, "orange", ("p has more:", "drawn: 0.35")),
                          (180, "green", ("both have it:", "kept: 0.65"))):
        f.box(556, y, 18, 18, ink=ink)
        f.text(582, y + 3, lines[0], ink, 12, anchor="start")
        f.text(582, y + 19, lines[1], ink, 12, anchor="start")
    return f


def halves():
    """Who works when: one batch, and two halves in two streams."""
    f = Figure(720, 250, "One batch, and two half-batches",
               "One batch drafts for 2 units and verifies for 4, in turns: two rounds take "
               "12 units. Two halves, of which each drafts for 1 unit and verifies for 2 in "
               "a stream of its own, can fill the gaps: while one half verifies, the other "
               "drafts.")
    f.heading(20, 26, "Time goes with rows: D = 2, V = 4 for all; d = 1, v = 2 for half of them")
    left, unit = 130, 44

    def bar(y, at, length, text, ink):
        f.box(left + at * unit, y, length * unit - 3, 34, text, ink=ink, size=12)

    f.text(20, 67, "one batch", anchor="start")
    for at in (0, 6):
        bar(50, at, 2, "draft all", "orange")
        bar(50, at + 2, 4, "verify all", "blue")
    f.text(20, 133, "first half", anchor="start")
    f.text(20, 173, "second half", anchor="start")
    for i in range(2):
        bar(116, (0, 3)[i], 1, "draft", "orange")
        bar(116, 1 + 4 * i, 2, "verify", "blue")
        bar(156, 1 + 4 * i, 1, "draft", "orange")
        bar(156, 3 + 4 * i, 2, "verify", "blue")
    for t in range(0, 13, 2):
        f.line(left + t * unit, 206, left + t * unit, 212)
        f.text(left + t * unit, 224, t, "dim", 12)
    f.line(left, 206, left + 12 * unit, 206)
    f.text(left + 9.2 * unit, 166, "two rounds: 9, not 12", "green", 12,
           anchor="start")
    return f


FIGURES = {"10-halves": halves, "10-round": turn, "10-shared": overlap_of_p_and_q}
