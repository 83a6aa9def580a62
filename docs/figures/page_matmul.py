"""The figures of the appendix on the matrix product."""

from draw import Figure


def tile():
    """One step over k of a tile."""
    f = Figure(720, 330, "One step over k: 6 rows, 64 outputs, 24 sums in registers",
               "The weights of step k for 64 outputs are loaded into four registers of 16. "
               "Each of six numbers of x is copied to all lanes and multiplied with all "
               "four. The 24 products are added to 24 sums, which stay in registers.")
    f.heading(20, 24, "Step k of a tile: 10 loads, 24 multiply-adds of 16 lanes each")
    left, w, h = 176, 124, 32
    f.text(20, 76, "weights of step k", anchor="start")
    f.text(20, 94, "one line of the panel", "dim", 12, anchor="start")
    f.cells(left, 70, [f"{16 * v}..{16 * v + 15}" for v in range(4)], w=w, h=h, ink="blue")
    for v in range(4):
        f.arrow(left + (v + 0.5) * w, 104, left + (v + 0.5) * w, 124)
    for r in range(6):
        y = 126 + h * r
        f.text(20, y + h / 2, f"x[{r}][k]", "green", anchor="start", mono=True, size=13)
        f.text(100, y + h / 2, "× 16", "dim", 12)
        f.arrow(122, y + h / 2, left - 4, y + h / 2, ink="green")
        f.cells(left, y, [f"sum {r},{v}" for v in range(4)], w=w, h=h, ink="green")
    f.brace(left, left + 4 * w, 46 + 18, "64 outputs = 4 registers of 16 floats", up=True)
    return f


FIGURES = {"matmul-tile": tile}
