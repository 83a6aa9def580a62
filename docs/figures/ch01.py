"""The figures of chapter 1."""

from draw import Figure


def file():
    """The layout of a safetensors file, with the numbers of models/tales."""
    f = Figure(720, 262, "A safetensors file",
               "Eight bytes hold the header's length, 6608. The header is JSON and names "
               "for each tensor a dtype, a shape and two offsets. They count from the "
               "header's end, byte 6616, where the numbers begin.")
    f.heading(20, 24, "models/tales/model.safetensors: 17,752,536 bytes")
    f.box(20, 46, 90, 52, "length", "8 bytes", ink="violet")
    f.box(110, 46, 210, 52, "header: JSON", "6,608 bytes", ink="fg")
    f.box(320, 46, 380, 52, "the numbers of 76 tensors, end to end",
          "17,745,920 bytes", ink="blue")
    for x, label in ((20, "0"), (110, "8"), (320, "6616"), (700, "17752536")):
        f.line(x, 98, x, 106)
        f.text(x, 116, label, "dim", 12, mono=True,
               anchor="start" if x == 20 else "end" if x == 700 else "middle")
    f.text(20, 152, '"h.0.attn.c_attn.bias":', anchor="start", mono=True, size=13)
    f.text(40, 174, '{"dtype":"BF16", "shape":[960], "data_offsets":[0, 1920]}',
           anchor="start", mono=True, size=13)
    f.arrow(505, 164, 505, 140, 320, 140, 320, 126, ink="blue")
    f.text(514, 146, "offset 0 is byte 6616", "blue", 12, anchor="start")
    f.text(20, 210, "The rule that ties them: 960 numbers, 2 bytes each, are 1920 - 0 bytes.",
           "dim", 13, anchor="start")
    f.text(20, 234, "Offsets count from the header's end: they do not change when the header "
           "grows.", "dim", 13, anchor="start")
    return f


def nodes():
    """How a JSON tree lies in an array."""
    f = Figure(720, 250, "A JSON tree in one array",
               "Eight nodes in the order of the text. Each container is followed by all "
               "that it contains, and its span says how many nodes to jump over to reach "
               "its next sibling.")
    f.text(20, 24, '{ "x": { "dtype": "F32", "shape": [2], "data_offsets": [0, 8] } }',
           anchor="start", mono=True, size=14)
    top, w = 104, 84
    rows = [("0", "object", "", "8"), ("1", "object", '"x"', "7"),
            ("2", '"F32"', "dtype", "1"), ("3", "array", "shape", "2"),
            ("4", "2", "", "1"), ("5", "array", "data_offsets", "3"),
            ("6", "0", "", "1"), ("7", "8", "", "1")]
    for i, (index, kind, key, span) in enumerate(rows):
        x = 30 + i * w
        ink = "violet" if kind == "object" else "orange" if kind == "array" else "fg"
        f.box(x, top, w - 6, 58, ink=ink)
        f.text(x + (w - 6) / 2, top + 18, kind, size=13, mono=True)
        f.text(x + (w - 6) / 2, top + 40, f"span {span}", "dim", 12)
        f.text(x + (w - 6) / 2, top + 74, key, "dim", 12)
        f.text(x + 4, top - 10, index, "dim", 12, anchor="start", mono=True)
    middle = [30 + i * w + (w - 6) / 2 for i in range(9)]
    for a, b, y in ((2, 3, 62), (3, 5, 62)):
        f.arrow(middle[a] + 8, top - 4, middle[a] + 8, y, middle[b] - 8, y,
                middle[b] - 8, top - 4, ink="green")
    f.text(middle[3] + 84, 52, "json_next: this + span", "green", 12)
    f.arrow(middle[1], 190, middle[1], 212, middle[2], 212, middle[2], 190, ink="blue")
    f.text(middle[2] + 12, 212, "json_first: this + 1", "blue", 12, anchor="start")
    return f


def bits():
    """The same number in three formats."""
    f = Figure(720, 238, "One number in F32, BF16 and F16",
               "0.177734375 is plus 2 to the -3 times 1.421875. F32 has 8 bits of exponent "
               "and 23 of fraction; BF16 is its upper half; F16 has 5 and 10.")
    f.heading(20, 24, "0.177734375 = + 1.421875 × 2⁻³")
    w, left = 19, 76

    def row(y, name, sign, exponent, fraction, remark):
        inks = ["red"] + ["violet"] * len(exponent) + ["blue"] * len(fraction)
        f.row(left, y, name, sign + exponent + fraction, h=26, bold=True, w=w, inks=inks)
        if remark:
            f.text(left + w * len(inks) + 12, y + 13, remark, "dim", 12, anchor="start")

    f.brace(left + w, left + 9 * w - 2, 70, "exponent: 124 - 127 = -3", "violet", up=True)
    f.brace(left + 9 * w + 2, left + 32 * w, 70, "fraction: 0110110... = 54/128 = 0.421875",
            "blue", up=True)
    row(78, "F32", "0", "01111100", "0110110" + "0" * 16, "")
    row(124, "BF16", "0", "01111100", "0110110", "the upper half: the same range")
    row(170, "F16", "0", "01100", "0110110000", "exponent: 12 - 15 = -3; three more bits")
    f.text(left, 216, "sign, exponent, fraction; a 1 stands unwritten before each fraction",
           "dim", 12, anchor="start")
    return f


FIGURES = {"01-file": file, "01-nodes": nodes, "01-bits": bits}
