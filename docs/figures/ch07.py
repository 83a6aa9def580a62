"""The figures of chapter 7."""

from draw import Figure


SURE = [("sons", 40.25), ("daughters", 37.89), ("children", 4.33), ("heads", 1.64),
        ("hundred", 0.98), ("brothers", 0.93)]
UNSURE = [("great", 7.58), ("little", 5.92), ("man", 4.53), ("big", 2.32), ("large", 1.39),
          ("woman", 1.38)]


def filters():
    """What top-k, top-p and min-p keep of two distributions."""
    f = Figure(720, 344, "What the filters keep of two distributions",
               "After 'a king who had three' two tokens have 40 and 38 per cent, the "
               "others little; top-p 0.8 and min-p 0.1 keep 3. After 'there was a' the "
               "likeliest has 8 per cent; top-p 0.8 keeps 311, min-p 0.1 keeps 16. Top-k "
               "16 keeps 16 of both.")
    for left, title, tokens in ((20, "... a king who had three", SURE),
                                (400, "... there was a", UNSURE)):
        f.heading(left, 26, title)
        for i, (token, p) in enumerate(tokens):
            y = 48 + 27 * i
            f.text(left, y + 10, f"␣{token}", anchor="start", mono=True, size=13)
            f.add("rect", x=left + 100, y=y + 1, width=3.4 * p, height=18, class_="t-green")
            f.text(left + 108 + 3.4 * p, y + 10, f"{p:.2f} %", anchor="start", size=12)
        f.text(left, 220, "... and 4090 more", "dim", 12, anchor="start")
    f.line(20, 236, 700, 236)
    rows = (("top-k 16", "violet", "16", "16", "so many, whatever they have"),
            ("top-p 0.8", "blue", "3", "311", "until their sum passes 80 %"),
            ("min-p 0.1", "orange", "3", "16", "a tenth of the first one's"))
    f.text(640, 252, "kept", "dim", 12, anchor="end")
    f.text(300, 252, "kept", "dim", 12, anchor="end")
    for i, (name, ink, sure, unsure, note) in enumerate(rows):
        y = 272 + 25 * i
        f.text(20, y, name, ink, anchor="start", bold=True)
        f.text(300, y, sure, mono=True, anchor="end")
        f.text(640, y, unsure, mono=True, anchor="end")
        f.text(350, y, note, "dim", 12, anchor="start")
    return f


def gumbel():
    """Logits plus noise, and the largest sum wins."""
    f = Figure(720, 236, "Gumbel-max: logit plus noise, and the largest wins",
               "Four tokens with logits 2, 1, 0, -1. The noise of this place adds -0.19, "
               "2.25, 0.37, 0.67. The sums are 1.81, 3.25, 0.37 and -0.33, so the second "
               "token wins.")
    rows = [("A", 2, 0.3, -0.19, 1.81, 0.644), ("B", 1, 0.9, 2.25, 3.25, 0.237),
            ("C", 0, 0.5, 0.37, 0.37, 0.087), ("D", -1, 0.6, 0.67, -0.33, 0.032)]
    for x, head in ((40, "token"), (110, "logit"), (180, "u"), (262, "-log(-log u)"),
                    (350, "sum"), (640, "softmax")):
        f.text(x, 28, head, "dim", 12)
    zero = 430
    for i, (token, logit, u, noise, total, p) in enumerate(rows):
        y = 66 + 38 * i
        won = token == "B"
        f.text(40, y, token, bold=won, mono=True)
        for x, value in ((110, logit), (180, u), (262, noise), (350, total)):
            f.text(x, y, value, mono=True, bold=won and x == 350, size=13)
        f.box(min(zero, zero + 40 * total), y - 12, abs(40 * total), 24,
              ink="green" if won else "fg")
        f.text(640, y, p, "dim", mono=True, size=13)
    f.line(zero, 46, zero, 198)
    f.text(580, 104, "wins", "green", 13)
    f.text(20, 218, "Over many places A wins 64.4 % of the time, B 23.7 %: the softmax of "
           "the logits.", "dim", 13, anchor="start")
    return f


FIGURES = {"07-filters": filters, "07-gumbel": gumbel}
