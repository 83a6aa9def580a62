#!/usr/bin/env python3
"""models/corpus.py on a small book in Project Gutenberg's format: no network needed.

python3 -m unittest tests/test_corpus.py
"""

import contextlib
import importlib.util
import io
import pathlib
import tempfile
import unittest
from unittest import mock

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "models" / "corpus.py"
spec = importlib.util.spec_from_file_location("corpus", SCRIPT)
corpus = importlib.util.module_from_spec(spec)
spec.loader.exec_module(corpus)

HEADER = """\ufeffThe Project Gutenberg eBook of Two Small Tales

This ebook is for the use of anyone anywhere in the United States.

*** START OF THE PROJECT GUTENBERG EBOOK TWO SMALL TALES ***

"""
FOOTER = """

*** END OF THE PROJECT GUTENBERG EBOOK TWO SMALL TALES ***

Section 5. General Information About Project Gutenberg works
"""
FRONT = """
TWO SMALL TALES

BY A. WRITER

WITH ILLUSTRATIONS

LONDON: PRINTED FOR NOBODY



PREFACE

The Editor of this volume begs the reader's pardon. The stories in this collection are
translated from several sources, and the publisher has printed a second edition of the
volume with illustrations; for the variants and the parallels the reader may consult the
introduction of the first edition, and the literature that scholars have collected.



CONTENTS

   THE FOX
   THE KING'S WELL



"""
FOX = """THE FOX



ONCE upon a time there was a fox, who lived under a hill with his wife. \u201cI am
hungry,\u201d said the fox one day\u2014\u201cso _very_ hungry.\u201d[1]

[Illustration: The fox goes out]

So he went down the road, and over the bridge, and into the wood, and there he met an old
man with a loaf of bread. The old man sat down on a stone, and the fox sat down beside
him, and they said nothing for a long time, because neither of them knew how to begin.

   \u2018Bread for the road,
   Bread for the day,
   Give me a little
   And send me away,\u2019

sang the fox at last. The old man laughed, and broke the loaf in two, and gave him one
half. And when the fox came home again his wife was so glad that she danced round the room
three times, and they lived under the hill for many years.

THE END


[1] In another version it is the wife who is hungry.



"""
WELL = """THE KING'S WELL



There was once a king who had a well in his garden, and the water of the well was so clear
that he could see his own face in it, as he said, "better than in any glass." Every day he
came down to look, and every day the face was a little older, and the king did not like
it.

"Bring me a man who can make the water kinder," he said to his servants, and they went out
into the town and asked at every door, but there was no such man. At last there came a
little girl with a pail. She let the pail down into the well, and when she drew it up the
water was all in rings, and the king looked and could see no face at all.

"That is much better," said the king; and from that day the little girl had bread and milk
at his table, and nobody ever saw him frown again. Caf\u00e9 is a word that comes last.
"""
DIALECT = (
    """JOCK O' THE BRAE



"""
    + "Thar wis yince an auld wifie wha bade i' the wee hoose ayont the burn an' hadna. "
    * 12
)
BOOK = HEADER + FRONT + FOX + WELL + "\n\n\n\n" + DIALECT + FOOTER


class Parts(unittest.TestCase):
    def test_strip_leaves_the_book_alone(self):
        book = corpus.strip_gutenberg(BOOK.replace("\n", "\r\n"))
        self.assertNotIn("Gutenberg", book)
        self.assertNotIn("General Information", book)
        self.assertNotIn("\r", book)
        self.assertTrue(book.strip().startswith("TWO SMALL TALES"))

    def test_strip_refuses_what_is_no_gutenberg_book(self):
        with self.assertRaises(ValueError):
            corpus.strip_gutenberg("<html>404 Not Found</html>")

    def test_ascii(self):
        self.assertEqual(
            corpus.to_ascii("\u201cna\u00efve\u201d\u2014\u00e6on\u2026\u4e2d"),
            '"naive"--aeon...',
        )

    def test_lines_become_paragraphs_and_verse_stays_verse(self):
        found = list(corpus.paragraphs("one\ntwo\n\n\n  a rose,\n  a nose\n"))
        self.assertEqual([text for _, _, text in found], ["one two", "a rose,\na nose"])
        self.assertEqual([blanks for blanks, _, _ in found], [0, 2])

    def test_headings(self):
        for text in (
            "CHAPTER II",
            "THE RED SHOES",
            "Chapter 3. The Well",
            "The Ugly Duck",
        ):
            self.assertTrue(corpus.is_heading(text), text)
        for text in ("He went away.", '"Come in!"', "And then the king died", "x" * 99):
            self.assertFalse(corpus.is_heading(text), text)

    def test_capitals_of_an_opening(self):
        known = {"upon", "was", "late"}
        lower = corpus.lower_opening
        self.assertEqual(lower("ONCE UPON a time", known), "Once upon a time")
        self.assertEqual(lower("IT WAS late", known), "It was late")
        self.assertEqual(lower('"SQUIRE TRELAWNEY was', known), '"Squire Trelawney was')
        self.assertEqual(lower("I have been", known), "I have been")

    def test_footnotes_and_emphasis_go(self):
        self.assertEqual(
            corpus.clean_paragraph("so _very_ old[1], he"), "so very old, he"
        )
        for noise in (
            "[Illustration: a fox]",
            "[1] A note.",
            "THE END",
            "* * * * *",
            "CHAPTER IX",
        ):
            self.assertEqual(corpus.clean_paragraph(noise), "", noise)


class WholeBook(unittest.TestCase):
    def setUp(self):
        split = corpus.split_tales(corpus.strip_gutenberg(BOOK))
        # Words count as known when three books use them: give the dialect no company.
        fox = corpus.split_tales(FOX + WELL)
        self.tales = corpus.clean_books([split, fox, fox])[0]

    def test_two_tales_are_left(self):
        self.assertEqual(len(self.tales), 2, [tale[0][:40] for tale in self.tales])

    def test_the_first_is_clean(self):
        fox = self.tales[0]
        self.assertTrue(fox[0].startswith("Once upon a time there was a fox, who lived"))
        self.assertTrue(
            fox[0].endswith('"I am hungry," said the fox one day--"so very hungry."')
        )
        self.assertIn("'Bread for the road,\nBread for the day,", "\n".join(fox))
        self.assertTrue(fox[-1].endswith("under the hill for many years."))
        self.assertNotIn("llustration", " ".join(fox))

    def test_the_second_is_ascii(self):
        self.assertTrue(self.tales[1][-1].endswith("Cafe is a word that comes last."))

    def test_a_tale_told_twice_is_kept_once(self):
        split = corpus.split_tales(FOX)
        self.assertEqual([len(b) for b in corpus.clean_books([split, split])], [1, 0])


class Program(unittest.TestCase):
    def test_main_reads_cached_books_and_writes_the_corpus(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "raw").mkdir()
            for number in (1, 2, 3):
                (folder / "raw" / f"{number}.txt").write_text(BOOK, "utf-8")
            rows = "gutenberg_id\ttitle\n1\tA\n2\tB\n3\tC\n"
            (folder / "books.tsv").write_text(rows, "utf-8")
            argv = ["corpus.py", name, "--books", f"{name}/books.tsv", "--val", "0.5"]
            with mock.patch("sys.argv", argv), contextlib.redirect_stdout(io.StringIO()):
                corpus.main()
            parts = [(folder / f"{p}.txt").read_text("ascii") for p in ("train", "val")]
        for part in parts:
            self.assertTrue(part.endswith(corpus.END))
            self.assertNotIn("Gutenberg", part)
        joined = "".join(parts)
        self.assertEqual(joined.count("Once upon a time there was a fox"), 1)
        self.assertEqual(joined.count("There was once a king who had a well"), 1)

    def test_the_list_of_books_reads(self):
        books = corpus.read_books(SCRIPT.parent / "books.tsv")
        self.assertGreater(len(books), 50)
        self.assertEqual(len({number for number, _ in books}), len(books))
        self.assertIn((11, "Alice's Adventures in Wonderland"), books)


if __name__ == "__main__":
    unittest.main()
