#!/usr/bin/env python3
"""Fetch children's books from Project Gutenberg and clean them into text to train on.

    models/corpus.py build/corpus            # downloads the books of books.tsv, once each
    models/corpus.py build/corpus --books my.tsv --val 0.02
    models/train.py tokenizer --text build/corpus/train.txt --out build/tales

It writes DIR/train.txt and DIR/val.txt: tales in plain ASCII, a paragraph a line, and
<|endoftext|> after each tale. A book goes through four steps, in the order of this file:

  1. strip      off comes what Project Gutenberg put before and after the book;
  2. unwrap     hard-wrapped lines become paragraphs, typography becomes ASCII;
  3. split      the book is cut into tales at its headings;
  4. filter     what is no story goes: contents, prefaces, notes, adverts, thick dialect.

Only the standard library is used. Please be gentle with gutenberg.org: the books are kept
in DIR/raw, so that a second run downloads nothing.
"""

import argparse
import collections
import csv
import pathlib
import re
import sys
import time
import unicodedata
import urllib.error
import urllib.request

END = "<|endoftext|>"
HERE = pathlib.Path(__file__).resolve().parent
URLS = (
    "https://www.gutenberg.org/cache/epub/{id}/pg{id}.txt",
    "https://www.gutenberg.org/files/{id}/{id}-0.txt",
)


# ---- 1. strip --------------------------------------------------------------------------

START_LINE = re.compile(r"^\*\*\* ?START OF TH(?:E|IS) PROJECT GUTENBERG.*$", re.M)
END_LINE = re.compile(
    r"^(?:\*\*\* ?END OF TH(?:E|IS) PROJECT GUTENBERG"
    r"|End of (?:the |this )?Project Gutenberg).*$",
    re.M | re.I,
)


def strip_gutenberg(raw):
    """The book alone, without Project Gutenberg's header and licence."""
    raw = raw.replace("\r\n", "\n")
    start = START_LINE.search(raw)
    if start is None:
        raise ValueError("no '*** START OF THE PROJECT GUTENBERG ...' line")
    end = END_LINE.search(raw, start.end())
    return raw[start.end() : end.start() if end else len(raw)]


# ---- 2. unwrap -------------------------------------------------------------------------

# What NFKD does not take apart. Old books need little more than this.
ASCII = dict(zip("\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u00a0", "'''\"\"\"- "))
ASCII.update({"\u2014": "--", "\u2026": "...", "\u00a3": "L", "\ufeff": ""})
ASCII.update({"\u00e6": "ae", "\u00c6": "Ae", "\u0153": "oe", "\u0152": "Oe"})
ASCII.update({"\u00df": "ss", "\u00f8": "o", "\u00d8": "O"})


def to_ascii(text):
    """Plain ASCII: dashes and quotes spelt out, accents dropped, the rest left out."""
    text = "".join(ASCII.get(c, c) for c in text)
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


def paragraphs(book):
    """Hard-wrapped lines joined into paragraphs; blank lines divide them.

    Yields (blank lines before it, lines, text). Indented lines are verse and stay lines.
    """
    blanks, block = 0, []
    for line in to_ascii(book).split("\n") + [""]:
        if line.strip():
            block.append(line.rstrip())
            continue
        if block:
            verse = sum(part.startswith("  ") for part in block) > len(block) / 2
            glue = "\n" if verse else " "
            yield blanks, block, glue.join(part.strip() for part in block)
            blanks, block = 0, []
        blanks += 1


# ---- 3. split --------------------------------------------------------------------------

NUMBERED = re.compile(
    r"^(?:chapter|book|part|story|legend|tale)\b[ .:]*[ivxlc\d]*\b"
    r"|^[IVXLC]{1,7}\.?(?:\s|$)|^\d{1,3}\.?(?:\s+[A-Z]|$)",
    re.I,
)
SMALL_WORDS = set(
    "a an and at by for from her his how in is of on or that the to was who with".split()
)


def title_case(line):
    """Do the words that carry weight begin with capitals?"""
    words = re.findall(r"[A-Za-z][A-Za-z'-]*", line)
    heavy = [w for w in words if w.lower() not in SMALL_WORDS]
    return bool(heavy) and sum(w[0].isupper() for w in heavy) >= 0.8 * len(heavy)


def is_heading(text):
    """A short line that is no sentence: "CHAPTER II", "THE RED SHOES", "The Duck"."""
    if len(text) > 70 or "\n" in text or text[-1] in ",;!?\"'":
        return False
    if text.isupper():
        return True
    if NUMBERED.match(text):
        return title_case(text)
    return text[-1] not in ".:" and title_case(text)


def split_tales(book):
    """Cut a book at its headings; a tale is a list of paragraphs, headings left out."""
    tales, tale = [], []
    for blanks, _, text in paragraphs(book):
        # Gutenberg sets off a chapter with blank lines; a shout inside a tale has one.
        if is_heading(text) and (blanks > 1 or not tale):
            if tale:
                tales.append(tale)
            tale = []
        else:
            tale.append(text)
    if tale:
        tales.append(tale)
    return tales


# ---- 4. filter -------------------------------------------------------------------------

NO_STORY = re.compile(
    r"^\W*(?:to (?:my|the \w+) readers?|(?:author'?s?|transcriber'?s?|editor'?s?) notes?"
    r"|(?:table of |list of )?(?:contents|illustrations|chapters)|preface|foreword"
    r"|introduct|dedicat|notice to|acknowledg|author of|bibliograph|glossary|appendix"
    r"|sources?\b|to messrs|produced by|copyright|prologue to|archaic spelling"
    r"|the editor|the (?:children|stories|tales|fairy tales) (?:who|in th|of old)"
    r"|this (?:book|volume|collection)|most of the adventures recorded)",
    re.I,
)
BOOKISH = re.compile(
    r"\b(?:parallels?|sources?|folk-?lore|folk-?tales?|edition|editors?|publish\w*"
    r"|preface|prefixed|volumes?|vol|pp?|frontispiece|illustrat\w+|translat\w+|messrs"
    r"|copyright|collections?|variants?|version|authors?|readers?|introduction|printed"
    r"|mythology|literature|scholars?|professor|ed|ibid|archaic|contents)\b",
    re.I,
)
NOISE = re.compile(
    r"^\W*(?:.*\billustrat(?:ion|ed by)\b.*|.*\bfrontispiece\b.*"
    r"|the end|finis|footnotes?\b.*|end of (?:the|vol).*|chapter\b.{0,60}"
    r"|translated (?:from|by).*|adapted (?:from|by).*|from the (?:\w+ ){1,3}of.*"
    r"|note\.? ?-.*)\W*$",
    re.I,
)
# In FairytaleQA and in old books a tale's last words are often its source.
SOURCE_LINE = re.compile(
    r"^\W*(?:from|by|par|translated|adapted|grimm|source|contes|told|ungarische|kletke"
    r"|andersen|perrault|sicilian|marchen|mahrchen|japanische|[A-Z]\. ?[A-Z]\.)\b",
    re.I,
)
WORD = re.compile(r"[A-Za-z]+(?:[-'][A-Za-z]+)*")
STRAY = re.compile(r"[\[\]{}|<>^~#=+\\/@_*]|\.\s*\.\s*\.\s*\.\s*\d|\d{1,3}\s*$")
MIN_TALE = 600  # characters
LONG_TALE = 60_000
MAX_STRANGE = 0.03  # words of a tale that fewer than MIN_BOOKS books use
MIN_BOOKS = 3


def lower_opening(text, known):
    """Old books set a chapter's first words in capitals: "ONCE upon", "IT WAS late"."""
    words = text.split(" ")
    for i, word in enumerate(words[:6]):
        bare = word.strip("\"'(,.!?;:-")
        if not bare.isupper() or (len(bare) == 1 and bare in "IAO" and i > 0):
            break
        if len(bare) > 1:
            plain = bare.lower() in known and i > 0
            words[i] = word.replace(bare, bare.lower() if plain else bare.capitalize())
    return " ".join(words)


def clean_paragraph(text):
    """A paragraph fit to read, or "" where there is nothing of a story in it."""
    mark = r"\[(?:\d+|[A-Z*])\]|\{\d+\}|\(\d+\)"
    if re.match(mark, text) or re.match(r"\[.*\]$", text, re.S):
        return ""  # a footnote, a picture, a remark
    text = re.sub(mark, "", text)
    text = re.sub(r"_([^_]*)_", r"\1", text)  # emphasis
    text = re.sub(r"^\|", "", text.strip())
    text = re.sub(r"^\d{1,3} (?=[a-z])", "", text)  # the number of a page
    text = re.sub(r"-{3,}", "--", text)
    text = re.sub(r"[ \t]+", " ", text).strip()
    if STRAY.search(text) or not re.search("[a-z]{2}", text):
        return ""
    if len(text) < 160 and (NOISE.match(text) or is_heading(text)):
        return ""
    return text


def is_tail(text):
    """What stands below a tale: where it comes from, or a word or two in small type."""
    source = SOURCE_LINE.match(text) and len(text) < 120
    return source or (len(text.split()) < 4 and '"' not in text)


def clean_tale(tale, known):
    """A tale's paragraphs, cleaned; None if it is no tale at all."""
    length = sum(map(len, tale))
    if length > LONG_TALE:  # a novel in one piece: only its first paragraphs are suspect
        while NO_STORY.match(tale[0]):
            tale = tale[1:]
    opening = " ".join(tale)[:3000]
    if NO_STORY.match(opening):
        return None
    hits, words = len(BOOKISH.findall(opening)), len(WORD.findall(opening))
    if hits > 4 and hits > 0.016 * words:
        return None
    kept = [text for text in map(clean_paragraph, tale) if text]
    while kept and is_tail(kept[-1]):
        kept.pop()
    while kept and SOURCE_LINE.match(kept[0]) and len(kept[0]) < 120:
        kept.pop(0)
    if not kept:
        return None
    text = "\n".join(kept)
    words = WORD.findall(text)
    if len(text) < MIN_TALE or len(text) < 0.6 * length:
        return None  # too short, or mostly thrown away: a list of something
    capitals = sum(w[0].isupper() for w in words)
    if capitals > 0.3 * len(words):
        return None  # names and titles
    plain = [w for w in words if w.islower()]  # whose names these are does not matter
    if sum(w not in known for w in plain) > MAX_STRANGE * len(plain):
        return None  # dialect, another language, a glossary
    kept[0] = lower_opening(kept[0], known)
    return kept


def common_words(books):
    """Words that at least MIN_BOOKS books use: dialect and names have few readers."""
    seen = collections.Counter()
    for tales in books:
        used = {w.lower() for tale in tales for text in tale for w in WORD.findall(text)}
        seen.update(used)
    least = min(MIN_BOOKS, len(books))
    return {word for word, books_with_it in seen.items() if books_with_it >= least}


def clean_books(books):
    """[[tale, ...] of each book] -> the same, cleaned, without tales told twice."""
    known = common_words(books)
    heard, result = set(), []
    for tales in books:
        kept = []
        for tale in (clean_tale(tale, known) for tale in tales):
            if tale is None:
                continue
            key = " ".join(tale)[:200].lower()
            if key not in heard:
                heard.add(key)
                kept.append(tale)
        result.append(kept)
    return result


# ---- all of it -------------------------------------------------------------------------


def read_books(path):
    """(Gutenberg's number, title) of each row of a tab-separated list."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [(int(row["gutenberg_id"]), row["title"]) for row in rows]


def fetch(number, folder):
    """The raw text of a book: from the folder, else from Project Gutenberg."""
    path = folder / f"{number}.txt"
    if path.exists():
        return path.read_text("utf-8")
    for url in URLS:
        request = urllib.request.Request(
            url.format(id=number), headers={"User-Agent": "corpus.py (a small tutorial)"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read().decode("utf-8", "replace")
        except (urllib.error.URLError, TimeoutError) as problem:
            print(f"  {url.format(id=number)}: {problem}", file=sys.stderr)
            continue
        part = path.with_suffix(".part")
        part.write_text(text, "utf-8")
        part.replace(path)
        time.sleep(2)  # gutenberg.org is for readers; robots wait their turn
        return text
    return None


def write_corpus(books, folder, share):
    """train.txt and val.txt; every so-manieth tale of all goes to val."""
    every = max(2, round(1 / share)) if share > 0 else 0
    tales = ["\n".join(tale) for tales in books for tale in tales]
    parts = {"train": [], "val": []}
    for number, tale in enumerate(tales):
        held_out = every and number % every == every // 2
        parts["val" if held_out else "train"].append(tale)
    for name, chosen in parts.items():
        text = "".join(tale + END for tale in chosen)
        (folder / f"{name}.txt").write_text(text, "ascii")
        print(f"{folder / name}.txt: {len(chosen)} tales, {len(text):,} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=pathlib.Path, help="where the text goes")
    parser.add_argument("--books", default=HERE / "books.tsv", help="list of books")
    parser.add_argument("--val", type=float, default=0.02, help="share of tales held out")
    args = parser.parse_args()
    raw = args.folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    books = []
    for number, title in read_books(args.books):
        print(f"{number:6} {title}", flush=True)
        text = fetch(number, raw)
        if text is None:
            print(f"corpus.py: book {number} left out", file=sys.stderr)
            continue
        try:
            books.append(split_tales(strip_gutenberg(text)))
        except ValueError as problem:
            print(f"corpus.py: book {number} left out: {problem}", file=sys.stderr)
    if not books:
        sys.exit(
            "corpus.py: no book at all: is there a network? Or put the plain-text files "
            f"into {raw}, named NUMBER.txt"
        )
    write_corpus(clean_books(books), args.folder, args.val)


if __name__ == "__main__":
    main()
