"""The figures of chapter 6."""

from draw import Figure


def forward():
    """The whole pass, with the shapes of a prompt of seven tokens."""
    f = Figure(720, 268, "One pass through the model",
               "Seven ids become x, 7 rows of 320 numbers. Six blocks read and add to it. "
               "gather takes the last row, ln_f normalises it, and the dot product with "
               "each of the 4096 rows of wte gives 4096 logits. Softmax makes "
               "probabilities of them.")
    f.heading(20, 26, "Once upon a time there was a")
    f.cells(20, 44, ["2620", "652", "258", "528", "441", "307", "258"], w=42, ink="violet")
    f.text(326, 58, "ids [7]", "dim", 12, anchor="start")
    f.arrow(62, 72, 62, 98)
    f.box(20, 98, 84, 54, "wte + wpe", "2 tables", "blue", size=13)
    for x, w, text, below, ink in ((128, 74, "x", "[7, 320]", "green"),
                                   (226, 104, "6 blocks", "x = x + ...", "blue"),
                                   (354, 74, "x", "[7, 320]", "green"),
                                   (452, 84, "gather", "the last row", "fg"),
                                   (560, 64, "ln_f", "[1, 320]", "blue")):
        f.arrow(x - 24, 125, x, 125)
        f.box(x, 98, w, 54, text, below, ink)
    f.arrow(592, 152, 592, 186)
    f.box(510, 186, 164, 54, "· each row of wte", "the head: [4096, 320]", "blue")
    f.arrow(510, 213, 486, 213)
    f.box(402, 186, 84, 54, "logits", "[1, 4096]", "green")
    f.arrow(402, 213, 340, 213)
    f.text(371, 198, "softmax", "dim", 12)
    for y, token, prob in ((194, "great", "0.076"), (213, "little", "0.059"),
                           (232, "man", "0.045")):
        f.text(210, y, f"\"␣{token}\"", anchor="start", mono=True, size=13)
        f.text(330, y, prob, anchor="end", mono=True, size=13)
    return f


def windows():
    """How a text longer than n_ctx is measured."""
    f = Figure(720, 236, "Three windows over a text of 14 tokens",
               "n_ctx is 8, the stride 4. The first window counts the predictions of "
               "tokens 1 to 7, the second those of tokens 8 to 11, the third those of 12 "
               "and 13. What a window only reads is dim.")
    left, w = 176, 36
    f.row(left, 26, "token", range(14), w=w, ink="violet")
    rows = [("from 0", 0, 1, 8), ("from 4", 4, 8, 12), ("from 8", 8, 12, 14)]
    for i, (name, begin, first, end) in enumerate(rows):
        y = 76 + 42 * i
        reads, counts = first - begin, end - first
        f.row(left + begin * w, y, f"window {name}", "·" * reads + "✓" * counts, w=w,
              inks=["dim"] * reads + ["green"] * counts)
    f.text(20, 214, "✓ its surprise is counted: each token but the first, once.   "
           "· read only", "dim", 13, anchor="start")
    return f


FIGURES = {"06-forward": forward, "06-windows": windows}
