"""The figures of chapter 5."""

from math import erf, pi, sqrt, tanh

from draw import Figure


def stream():
    """The residual stream and its two side roads."""
    f = Figure(720, 236, "One block, with the shapes of models/tales",
               "The residual stream x runs from left to right. Twice a copy is taken, "
               "normalised, worked on, and added back: attention, which reads from other "
               "rows, then the MLP, which works on each row alone and is 1,280 wide inside.")
    y = 196
    f.text(20, y - 18, "x [T, 320]", "green", 13, anchor="start")
    f.arrow(20, y, 700, y, ink="green", width=4)

    def road(x, boxes, plus):
        f.line(x, y - 2, x, 70)
        for i, (text, below, w, ink) in enumerate(boxes):
            f.arrow(x, 70, x + 16, 70)
            f.box(x + 16, 40, w, 60, text, below, ink=ink, size=13)
            x += 16 + w
        f.line(x, 70, plus, 70)
        f.arrow(plus, 70, plus, y - 14)
        f.add("circle", cx=plus, cy=y, r=12, class_="page")
        f.add("circle", cx=plus, cy=y, r=12, class_="t-green")
        f.text(plus, y, "+", size=16, bold=True)

    road(110, [("ln_1", "320", 62, "blue"), ("attention", "across rows", 106, "blue")], 326)
    road(356, [("ln_2", "320", 62, "blue"), ("fc, GELU", "to 1280", 92, "blue"),
               ("proj", "to 320", 70, "blue")], 650)
    f.text(218, 124, "reads other rows", "dim", 12)
    f.text(500, 124, "each row by itself", "dim", 12)
    f.heading(20, 20, "Sub-layers read a normalised copy, and add to the stream")
    return f


def gelu():
    """The curve, beside ReLU, and how far the two formulas differ."""
    f = Figure(720, 300, "GELU",
               "GELU follows x for large positive x, is nearly 0 for large negative x, and "
               "dips to -0.17 at x = -0.75. Beside it ReLU, with its corner at 0. On the "
               "right, the difference between the tanh formula and the exact one: at most "
               "0.0005.")
    f.heading(20, 24, "GELU and ReLU")
    x0, y0, sx, sy = 190, 232, 50, 50

    def curve(function, x0, y0, sx, sy, **style):
        points = []
        for i in range(-60, 61):
            points += [x0 + i / 20 * sx, y0 - function(i / 20) * sy]
        f.line(*points, **style)

    f.line(x0 - 155, y0, x0 + 155, y0, width=1)
    f.line(x0, y0 + 20, x0, y0 - 165, width=1)
    for i in (-3, -2, -1, 1, 2, 3):
        f.line(x0 + i * sx, y0, x0 + i * sx, y0 + 4, width=1)
        f.text(x0 + i * sx, y0 + 26, i, "dim", 12)
    for i in (1, 2, 3):
        f.text(x0 - 12, y0 - i * sy, i, "dim", 12)
    curve(lambda x: max(x, 0), x0, y0, sx, sy, ink="dim", dashed=True)
    curve(lambda x: x / 2 * (1 + erf(x / sqrt(2))), x0, y0, sx, sy, ink="blue", width=2.5)
    f.text(x0 + 92, y0 - 60, "GELU", "blue", 13, anchor="start")
    f.text(x0 - 84, y0 - 14, "ReLU: max(x, 0)", "dim", 12)
    f.text(x0 - 44, y0 + 50, "lowest: -0.17 at -0.75", "blue", 12)

    def difference(x):
        exact = x / 2 * (1 + erf(x / sqrt(2)))
        return x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) - exact

    x1, y1 = 545, 150
    f.heading(x1 - 145, 24, "tanh formula less the exact one")
    f.line(x1 - 145, y1, x1 + 155, y1, width=1)
    f.line(x1, y1 + 90, x1, y1 - 90, width=1)
    for i in (-3, -2, -1, 1, 2, 3):
        f.line(x1 + i * 48, y1, x1 + i * 48, y1 + 4, width=1)
        f.text(x1 + i * 48, y1 + 90, i, "dim", 12)
    for i in (-0.0005, 0.0005):
        f.line(x1 - 4, y1 - i * 150000, x1 + 4, y1 - i * 150000, width=1)
        f.text(x1 + 10, y1 - i * 150000, i, "dim", 12, anchor="start")
    curve(difference, x1, y1, 48, 150000, ink="red", width=2)
    return f


FIGURES = {"05-stream": stream, "05-gelu": gelu}
