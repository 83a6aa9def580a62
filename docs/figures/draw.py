"""Boxes, arrows, cells and text as SVG: what the figures of the chapters are made of.

    f = Figure(640, 200, "Title", "What one sees, in a sentence or two.")
    f.box(20, 20, 160, 60, "wte", "4096 rows of 320", ink="blue")
    f.arrow(180, 50, 260, 50)
    f.cells(260, 30, ["36", "3e", "b5"], ink="green")

x goes right, y goes down, in pixels; a text's y is its middle.  A figure has a
background of its own, and colours for a light and a dark screen, so that it can be read
on any page.  Inks: fg dim blue green orange violet red.
"""

from html import escape

LIGHT = {"bg": "#ffffff", "fg": "#1f2328", "dim": "#656d76", "blue": "#0a5fc2",
         "green": "#1a7f37", "orange": "#b35900", "violet": "#7a3fc4", "red": "#c62828"}
DARK = {"bg": "#0d1117", "fg": "#e6edf3", "dim": "#9198a1", "blue": "#6cb0ff",
        "green": "#56d364", "orange": "#f0a050", "violet": "#c9a2ff", "red": "#ff8078"}
SANS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', monospace"


def colours(theme):
    """The rules of one theme: .s- strokes, .f- fills, .t- tints."""
    rules = [f".page {{ fill: {theme['bg']}; stroke: {theme['dim']} }}"]
    for ink, colour in theme.items():
        if ink != "bg":
            rules += [f".s-{ink} {{ stroke: {colour}; fill: none }} "
                      f".f-{ink} {{ fill: {colour} }} "
                      f".t-{ink} {{ fill: {colour}; fill-opacity: .14; stroke: {colour} }}"]
    return "\n".join(rules)


def number(x):
    """A coordinate, short and the same everywhere."""
    return f"{x:.1f}".removesuffix(".0").replace("-0.0", "0")


class Figure:
    """A picture in the making; svg() is its text."""

    def __init__(self, width, height, title, description):
        self.width, self.height = width, height
        self.title, self.description = title, description
        self.parts = []

    def add(self, tag, content=None, **attributes):
        """An element; `_` in the names of attributes becomes `-`, a final one goes."""
        text = "".join(
            f' {name.rstrip("_").replace("_", "-")}="'
            f'{number(value) if isinstance(value, (int, float)) else value}"'
            for name, value in attributes.items() if value is not None)
        self.parts.append(f"<{tag}{text}/>" if content is None else
                          f"<{tag}{text}>{escape(content, quote=False)}</{tag}>")

    def text(self, x, y, text, ink="fg", size=14, anchor="middle", mono=False, bold=False):
        """A line of text around (x, y); anchor: start, middle, end."""
        self.add("text", str(text), x=x, y=y + size * 0.35, font_size=size,
                 text_anchor=anchor, class_=f"f-{ink}" + (" mono" if mono else ""),
                 font_weight="600" if bold else None)

    def heading(self, x, y, text):
        """What the figure, or a part of it, is about."""
        self.text(x, y, text, anchor="start", bold=True)

    def line(self, *points, ink="dim", width=1.5, dashed=False):
        """A line through points x1, y1, x2, y2, ..."""
        path = " ".join(f"{number(x)},{number(y)}" for x, y in zip(points[::2], points[1::2]))
        self.add("polyline", points=path, class_=f"s-{ink}", stroke_width=width,
                 stroke_dasharray="5 4" if dashed else None)

    def arrow(self, *points, ink="dim", width=1.5, dashed=False):
        """A line with a head at its end."""
        x0, y0, x, y = points[-4:]
        length = ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5
        dx, dy = (x - x0) / length, (y - y0) / length
        back = points[:-2] + (x - 6 * dx, y - 6 * dy)
        self.line(*back, ink=ink, width=width, dashed=dashed)
        corners = [(x, y), (x - 9 * dx - 4.5 * dy, y - 9 * dy + 4.5 * dx),
                   (x - 9 * dx + 4.5 * dy, y - 9 * dy - 4.5 * dx)]
        self.add("polygon", class_=f"f-{ink}",
                 points=" ".join(f"{number(a)},{number(b)}" for a, b in corners))

    def box(self, x, y, w, h, text="", below=None, ink="fg", mono=False, size=14):
        """A tinted box with a text in its middle, and a smaller one below that."""
        self.add("rect", x=x, y=y, width=w, height=h, rx=6, class_=f"t-{ink}")
        middle = y + h / 2
        if text:
            self.text(x + w / 2, middle - (9 if below else 0), text, size=size, mono=mono)
        if below:
            self.text(x + w / 2, middle + 10, below, "dim", 12)

    def cells(self, x, y, values, w=40, h=28, ink="fg", inks=None, size=13):
        """A row of cells with values in them, as an array in memory; `inks`: one each."""
        for i, value in enumerate(values):
            self.add("rect", x=x + i * w, y=y, width=w, height=h,
                     class_=f"t-{inks[i] if inks else ink}")
            if value != "":
                self.text(x + (i + 0.5) * w, y + h / 2, value, size=size, mono=True)

    def row(self, left, y, name, values, h=28, name_size=14, bold=False, **style):
        """Cells from `left` on, and their name at the figure's edge."""
        self.text(20, y + h / 2, name, size=name_size, anchor="start", bold=bold)
        self.cells(left, y, values, h=h, **style)

    def brace(self, x1, x2, y, text, ink="dim", up=False, size=12):
        """A bracket over (up) or under a stretch, and what it is."""
        d = -6 if up else 6
        self.line(x1, y, x1, y + d, x2, y + d, x2, y, ink=ink)
        self.text((x1 + x2) / 2, y + (-17 if up else 18), text, ink, size)

    def svg(self, themes=(LIGHT, DARK)):
        """The file.  One theme alone: for programs that know no media queries."""
        style = (f"text {{ font-family: {SANS} }}\ntext.mono {{ font-family: {MONO} }}\n"
                 + colours(themes[0]))
        if len(themes) > 1:
            style += ("\n@media (prefers-color-scheme: dark) {\n" + colours(themes[1])
                      + "\n}")
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} '
                f'{self.height}" width="{self.width}" height="{self.height}" role="img">')
        page = (f'<rect class="page" x="0.5" y="0.5" width="{self.width - 1}" '
                f'height="{self.height - 1}" rx="8"/>')
        return "\n".join([head, f"<title>{escape(self.title)}</title>",
                          f"<desc>{escape(self.description)}</desc>",
                          f"<style>\n{style}\n</style>", page, *self.parts, "</svg>", ""])
