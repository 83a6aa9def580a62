"""Writes tokens.json: texts, and what Hugging Face's GPT-2 tokenizer makes of them.

    .venv/bin/python tests/reference/make_tokens.py
    GPT2_VOCAB=DIR .venv/bin/python tests/reference/make_tokens.py    # GPT-2's own too

Run it after the vocabulary of models/tales has changed.  Without GPT2_VOCAB (a directory with
GPT-2's vocab.json and merges.txt) the numbers for GPT-2 stay as they are.

    {"vocabulary": FNV of tales' vocab.json and merges.txt,
     "cases": [[text, times, n, FNV, n of GPT-2, FNV of GPT-2, id, id, ...], ...]}

`times`: the text is repeated so often; n, FNV: how many ids, and the 32-bit FNV-1a hash of them
as 4 bytes each.  The ids themselves (of tales) are there if times is 1, for messages.
"""

import json
import os
import random
import struct
import unicodedata
from pathlib import Path

from transformers import GPT2TokenizerFast

ROOT = Path(__file__).resolve().parent.parent.parent
OUT = ROOT / "tests/reference/tokens.json"
SPACES = [chr(c) for c in [9, 10, 11, 12, 13, 32, 0x85, 0xa0, 0x1680, *range(0x2000, 0x200b),
                           0x2028,
                           0x2029, 0x202f, 0x205f, 0x3000]]
LIKE_SPACES = [chr(c) for c in [0x1c, 0x1d, 0x1e, 0x1f, 0x180e, 0x200b, 0x200c, 0x200d, 0x2060,
                                0xfeff, 0]]
WORDS = ("the old king had three daughters and a goose that laid golden eggs tokenization "
         "unbelievable Rapunzel LONDON iPhone naïve café Straße œuvre ﬁsh ĳs").split()
SCRIPTS = ["старик и море", "ελληνικά", "שלום עולם", "مرحبا ١٢٣", "नमस्ते ४५६", "สวัสดี ๗๘",
           "日本語テキスト",
           "한국어", "中文字符", "ქართული", "አማርኛ", "ᏣᎳᎩ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𐍈𐌿𐌻𐍆", "ꙮ", "x̧̛̣́̂", "ﷺ"]
NUMBERS = ["0", "7", "42", "1969", "3.14", "1,000,000", "²", "½", "Ⅷ", "①", "٣", "४", "๗", "𝟗",
           "१२", "〇", "৪"]
SIGNS = list("!?.,;:-_+*/=<>()[]{}@#$%&|~^`\"'\\") + ["…", "—", "“", "”", "’", "€", "→", "☕",
                                                      "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "é"]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'x", "’s", "'",
                "''", "'sing", "'dare"]
SPECIAL = ["<|endoftext|>", "<|endoftext|", "|endoftext|>", "<|ENDOFTEXT|>",
           "<|endoftext|><|endoftext|>"]
HAND = ["", " ", "  ", "a", " a", "a ", "  a", "a  ", "\n", "\n\n", "\n\na", " \n a", "a\tb",
        "\t\ta", "a'b", "I'll", "don't've",
        "he's's", "'s", " 's", "  's", "x  's", "Hello, world!", "tokenization",
        "a<|endoftext|>b",
        "a <|endoftext|> b", "  <|endoftext|>  ", "1a2b", "a1 b2", "é", "e\u0301", "a\u200bb",
        "a\u00a0b",
        "a \u00a0b", "\u00a0 b", "\x00", "a\x00b", "\x85a", "\u3000a",
        "for (int i = 0; i < n; i++) {\n\tx[i] *= 2;\n}\n"]
LONG = [["a", 20000], [" ", 20000], ["\n", 3000], ["=", 5000], ["ab", 9000],
        ["tokenization", 2000], ["the", 7000],
        [" a", 5000], ["é", 5000], ["'s", 3000], ["1", 9999], ["👍", 3000], ["aaaaab", 3000],
        ["\u3000", 2000],
        ["<|endoftext|>", 500], ["Once upon a time, there's a king. ", 300]]


def assigned(r):
    """A character that this Python's Unicode knows: newer ones are classed by newer tables only."""
    while True:
        c = chr(r.choice([r.randrange(0x250), r.randrange(0x3000), r.randrange(0x10000),
                          r.randrange(0x20000)]))
        if unicodedata.category(c) not in ("Cn", "Cs"):
            return c


def made_up(r):
    """A short text of parts that the tokenizer's rules tell apart."""
    kinds = [lambda: r.choice(WORDS), lambda: r.choice(WORDS).upper(),
             lambda: r.choice(SCRIPTS),
             lambda: r.choice(NUMBERS), lambda: r.choice(SIGNS), lambda: r.choice(CONTRACTIONS),
             lambda: r.choice(SPACES), lambda: r.choice(SPACES) * r.randrange(1, 4),
             lambda: " " * r.randrange(1, 4), lambda: " ", lambda: " ",
             lambda: r.choice(LIKE_SPACES),
             lambda: assigned(r), lambda: assigned(r), lambda: chr(r.randrange(32, 127)),
             lambda: r.choice(SIGNS) * r.randrange(1, 5)]
    if r.random() < 0.04:
        kinds.append(lambda: r.choice(SPECIAL))
    return "".join(r.choice(kinds)() for _ in range(r.randrange(1, 9)))


def fnv(data):
    h = 0x811c9dc5
    for b in data:
        h = ((h ^ b) * 0x01000193) & 0xffffffff
    return h


def summary(ids):
    return [len(ids), fnv(struct.pack(f"<{len(ids)}I", *ids))]


def tokenizer(directory):
    return GPT2TokenizerFast(vocab=str(directory / "vocab.json"),
                             merges=str(directory / "merges.txt"))


def main():
    r = random.Random(2)
    texts = [[t, 1] for t in HAND + SPECIAL + SCRIPTS + NUMBERS + CONTRACTIONS] + LONG
    texts += [[made_up(r), 1] for _ in range(2300)]
    tales = tokenizer(ROOT / "models/tales")
    real = tokenizer(Path(os.environ["GPT2_VOCAB"])) if os.environ.get("GPT2_VOCAB") else None
    old = {(c[0], c[1]): c[4:6] for c in json.loads(OUT.read_text())["cases"]} if OUT.exists() else {}
    lines = []
    for text, times in texts:
        ids = tales(text * times).input_ids
        gpt2 = summary(real(text * times).input_ids) if real else old.get((text, times), [0, 0])
        case = [text, times, *summary(ids), *gpt2, *(ids if times == 1 else [])]
        lines.append(json.dumps(case, ensure_ascii=False, separators=(",", ":")))
    files = b"".join((ROOT / "models/tales" / f).read_bytes() for f in ("vocab.json",
                                                                        "merges.txt"))
    OUT.write_text(f'{{"vocabulary":{fnv(files)},"cases":[\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{OUT}: {len(texts)} texts, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
