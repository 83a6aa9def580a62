"""02a: --pieces prints the pieces of a text, one a line, in quotation marks."""

import re
import unicodedata

from lib import expect, make, run

SPACES = {*range(9, 14), 0x20, 0x85, 0xa0, 0x1680, *range(0x2000, 0x200b), 0x2028, 0x2029,
          0x202f, 0x205f, 0x3000}


def kind(c):
    """A letter for the class of a character."""
    category = unicodedata.category(c)[0]
    return "S" if ord(c) in SPACES else category if category in "LN" else "O"


def pieces(text):
    """GPT-2's regular expression, on the classes instead of on the characters."""
    found, at = [], 0
    while at < len(text):
        rest = text[at:]
        contraction = re.match(r"'s|'t|'re|'ve|'m|'ll|'d", rest)
        classes = "".join(" " if c == " " else kind(c) for c in rest)
        n = contraction.end() if contraction else \
            re.match(r" ?(?:L+|N+|O+)|[ S]+(?![LNO])|[ S]+", classes).end()
        found.append(rest[:n])
        at += n
    return found


make("stage02")
for text in ("I'll take 2 dogs!", "two  spaces,   three", "a\u00a0b \u00a0c", "x'S don't'v",
             "Königskinder 百年 ½3 --- “so”", " leading", "trailing  ", "1,000.5 a1b2", "ends '"):
    printed = run("stage02/run", "--pieces", text)
    expect(f"the pieces of {text!r}", [f'"{piece}"' for piece in pieces(text)],
           printed.removesuffix("\n").split("\n"))
