"""The picture of a run on the front page: 00-run.ansi, what a terminal was sent by
./stage10/run -n 48 --temperature 0.6, as a figure.  Taken anew by

    script -qc './stage10/run -n 48 --temperature 0.6' /dev/null >docs/figures/00-run.ansi
"""

import re
from pathlib import Path

from draw import Figure

COLUMNS, ADVANCE, LINE = 91, 7.83, 20
INKS = {"32": "green", "33": "orange", "36": "blue", "2": "dim", "35": "violet", "31": "red"}


def spans(text):
    """(line, column, text, ink, bold) of each piece of one colour, wrapped at COLUMNS."""
    line = column = 0
    ink, bold = "fg", False
    for code, word in re.findall(r"\x1b\[([0-9;]*)m|(\n|[^\x1b\n ]+| +)", text.replace("\r", "")):
        if word == "\n":
            line, column = line + 1, 0
        elif word:
            if column + len(word) > COLUMNS and word.strip():
                line, column = line + 1, 0
            if word.strip():
                yield line, column, word, ink, bold
            column += len(word)
        elif code in ("", "0"):
            ink, bold = "fg", False
        else:
            bold = bold or code == "1"
            ink = INKS.get(code, ink)


def run():
    """The run, line by line."""
    text = (Path(__file__).parent / "00-run.ansi").read_text(encoding="utf-8")
    pieces = list(spans("\x1b[2m$\x1b[0m ./stage10/run -n 48 --temperature 0.6\n" + text.rstrip()))
    f = Figure(round(COLUMNS * ADVANCE) + 40, (pieces[-1][0] + 1) * LINE + 30,
               "A run of stage 10",
               "A small draft model proposes tokens, the large one checks them. In the text, "
               "green tokens are accepted proposals, orange ones stand in place of a rejected "
               "proposal, blue ones follow after all were accepted.")
    for line, column, word, ink, bold in pieces:
        f.text(20 + column * ADVANCE, 25 + line * LINE, word, ink, 13, "start", True, bold)
    return f


FIGURES = {"00-run": run}
