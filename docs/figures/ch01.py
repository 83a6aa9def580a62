"""The figures of chapter 1."""

from draw import Figure


def file():
    """The layout of a safetensors file, with the numbers of models/tales."""
    f = Figure(720, 300, "A safetensors file",
               "Eight bytes hold the header's length, 6608. The header is JSON and names "
               "for each tensor a dtype, a shape and two offsets. They count from the "
               "header's end, byte 6616, where the numbers begin.")
    f.text(20, 24, "models/tales/model.safetensors: 17,752,536 bytes", anchor="start",
           bold=True)
    f.box(20, 50, 90, 52, "length", "8 bytes", ink="violet")
    f.box(110, 50, 210, 52, "header: JSON", "6,608 bytes", ink="blue")
    f.box(320, 50, 380, 52, "the numbers of 76 tensors, end to end",
          "17,745,920 bytes", ink="green")
    for x, label in ((20, "0"), (110, "8"), (320, "6616"), (700, "17752536")):
        f.line(x, 102, x, 110)
        f.text(x, 120, label, "dim", 12, mono=True,
               anchor="start" if x == 20 else "end" if x == 700 else "middle")
    f.arrow(65, 132, 65, 160, 160, 160, 160, 140, ink="violet")
    f.text(112, 172, "6608: where the header ends", "violet", 12, anchor="middle")
    f.text(20, 205, '"h.0.attn.c_attn.bias":', anchor="start", mono=True, size=13)
    f.text(40, 226, '{"dtype":"BF16", "shape":[960], "data_offsets":[0, 1920]}',
           anchor="start", mono=True, size=13)
    f.text(20, 256, "960 numbers of 2 bytes are 1920 bytes: shape, dtype and offsets "
           "must agree.", "dim", 13, anchor="start")
    f.text(20, 276, "Offsets count from byte 6616, so that the header may grow without "
           "a change in it.", "dim", 13, anchor="start")
    return f


FIGURES = {"01-file": file}
