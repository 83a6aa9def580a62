"""check_docs.py, exercise.py and figures/make.py: each drift of a page makes them fail.

Every test builds a small tree of three made-up stages in a temporary directory.
"""

import re
import shutil
import subprocess
import sys
import unittest

import test_checkers
from test_checkers import TESTS

MAKE = "docs/figures/make.py"


class DocsTest(test_checkers.CheckerTest):
    """A tree with one page."""

    def chapter(self, text):
        self.write("docs/02-two.md", "# Two `words`, and more\n\n" + text)

    def good(self):
        return self.passes("check_docs.py", "--draft", "2")

    def bad(self, expected):
        return self.fails(expected, "check_docs.py", "--draft", "2")

    def fence(self, note, *lines):
        self.chapter(f"<!-- {note} -->\n```c\n" + "\n".join(lines) + "\n```\n")


class Docs(DocsTest):
    """Links and fences."""

    def test_links(self):
        self.write("README.md", "[two](docs/02-two.md#two-words-and-more)\n"
                                "[s](stage01_one)\n"
                                "[web](https://example.org/x#y) `[no](link)`\n")
        self.chapter("[up](../README.md), [here](#two-words-and-more),\n"
                     "[again](#again), [again](#again-1) [code](../stage01_one/ops.c)\n\n"
                     "## Again\n\n## Again\n\n```\n[no](link)\n# no heading\n```\n")
        output = self.good()
        self.assertIn("docs/02-two.md: 14 words", output)

    def test_broken_link(self):
        self.chapter("Text.\n\nSee [three](03-three.md).\n")
        self.bad("docs/02-two.md:5: link 03-three.md: there is no docs/03-three.md")

    def test_broken_link_over_two_lines(self):
        self.chapter("Text.\n\nSee [chapter\nthree](03-three.md).\n")
        self.bad("docs/02-two.md:5: link 03-three.md: there is no docs/03-three.md")

    def test_broken_image_and_reference(self):
        self.chapter("![a figure](figures/a.svg)\n")
        self.bad("there is no docs/figures/a.svg")
        self.chapter("[a]: figures/b.svg\n")
        self.bad("there is no docs/figures/b.svg")

    def test_broken_anchor(self):
        self.chapter("[x](#nowhere)\n")
        self.bad("no heading gives #nowhere")
        self.write("README.md", "[x](docs/02-two.md#heading-in-a-fence)\n")
        self.chapter("```\n# Heading in a fence\n```\n")
        self.bad("README.md:1: link docs/02-two.md#heading-in-a-fence: no heading")

    def test_link_out_of_the_tree(self):
        self.chapter("[x](../../elsewhere.md)\n")
        self.bad("leads out of the tree")

    def test_code(self):
        self.fence("code: stage01_one/ops.c", "    float s = 0;", "// ...",
                   "    return s;", "}")
        self.assertIn("1 fences checked", self.good())

    def test_code_drifted(self):
        self.fence("code: stage01_one/ops.c", "    float s = 0;", "    return s;")
        self.bad("docs/02-two.md:4: stage01_one/ops.c has no such line: '    return s;'")
        self.fence("code: stage01_one/ops.c", "    return s;", "// ...",
                   "    float s = 0;")
        self.bad("has no such line below what is quoted before it: '    float s = 0;'")
        self.fence("code: stage01_one/none.c", "x")
        self.bad("there is no file stage01_one/none.c")

    def test_diff(self):
        self.fence("diff: 02 ops.c", " }", "+", "+float mean(const float *x, int n)",
                   "+{")
        self.good()
        self.fence("diff: 02 run.c", "-    return 1;", "+    return 2;", " }")
        self.good()

    def test_diff_drifted(self):
        self.fence("diff: 02 ops.c", "+float sum(const float *x, int n)")
        self.bad("not new in stage02_two/ops.c: 'float sum(const float *x, int n)'")
        self.fence("diff: 02 run.c", "-    return 5;")
        self.bad("not gone since stage01_one/run.c: '    return 5;'")
        self.fence("diff: 02 ops.c", " int x;", "+float mean(const float *x, int n)")
        self.bad("stage02_two/ops.c has no such line: 'int x;'")
        self.fence("diff: 09 ops.c", "+x")
        self.bad("no diff of 09 ops.c")

    def test_sample_is_not_checked(self):
        self.fence("sample: a laptop, 2026", "anything")
        self.good()

    def test_notes(self):
        self.fence("cod: stage01_one/ops.c", "x")
        self.bad("unknown kind of fence, cod")
        self.chapter("<!-- code: stage01_one/ops.c -->\nno fence\n")
        self.bad("docs/02-two.md:3: no fence follows <!-- code: ... -->")
        self.chapter("```c\nx\n")
        self.bad("docs/02-two.md:3: this fence is never closed")

    def test_unchecked_is_named(self):
        self.chapter("```c\nint x;\n```\n")
        self.assertIn("unchecked code at lines 3", self.good())


class Images(DocsTest):
    """A figure must be there, be described, and be shown somewhere."""

    def setUp(self):
        super().setUp()
        self.write("docs/figures/02-a.svg", "<svg><title>A</title></svg>")

    def test_images(self):
        self.chapter("![two boxes and an arrow between them](figures/02-a.svg)\n")
        self.good()

    def test_no_alt_text(self):
        for image in ("![](figures/02-a.svg)", "![figure](figures/02-a.svg)",
                      '<img src="figures/02-a.svg">'):
            self.chapter(image + "\n")
            self.bad("docs/02-two.md:3: image without an alt text")

    def test_nobody_shows_it(self):
        self.chapter("Words.\n")
        self.bad("docs/figures/02-a.svg: no page shows it")

    def test_no_title(self):
        self.write("docs/figures/02-a.svg", "<svg></svg>")
        self.chapter("![two boxes and an arrow between them](figures/02-a.svg)\n")
        self.bad("docs/figures/02-a.svg: has no <title>")

    @unittest.skipUnless(shutil.which("codespell"), "codespell is not installed")
    def test_spelling(self):
        self.chapter("![two boxes and an arrow between them](figures/02-a.svg)\n"
                     "This is " + "teh" + " word.\n")
        self.bad("docs/02-two.md:4: teh ==> the")


ANSWER = """\
--- a/stage02_two/block.c
+++ b/stage02_two/block.c
@@ -1,5 +1,5 @@
 // A block.
 int block(void)
 {
-    return 1;
+    return 7;
 }
"""


class Finished(test_checkers.CheckerTest):
    """A chapter that has all that it must have, then one thing less."""

    CHAPTER = """\
# Two

![two boxes and an arrow between them](figures/02-a.svg)

<!-- code: stage02_two/block.c -->
```c
int block(void)
// ...
    return 1;
```

<!-- diff: 02 ops.c -->
```diff
+float mean(const float *x, int n)
+{
+    return sum(x, n) / n;
```

<!-- waived:
run.c show.c: not the lesson
-->

### 02a. Seven (easy)

[Answer](answers/02.md#02a-seven)

### 02b. Seven again (a weekend)

""" + "word " * 1500 + "\n"

    def setUp(self):
        super().setUp()
        self.write("docs/figures/02-a.svg", "<svg><title>A</title></svg>")
        self.write("docs/02-two.md", self.CHAPTER)
        self.write("docs/answers/02.md", f"# Answers\n\n## 02a. Seven\n\n<!-- answer: 02a -->\n"
                   f"```diff\n{ANSWER}```\n\n<!-- answer: 02b -->\n```diff\n{ANSWER}```\n")
        for name in ("02a_seven.sh", "02b_more.py"):
            self.write(f"tests/exercises/{name}", "")

    def good(self):
        return self.passes("check_docs.py", "--finished")

    def bad(self, expected):
        return self.fails(expected, "check_docs.py", "--finished")

    def without(self, old, new=""):
        self.edit("docs/02-two.md", old, new)

    def test_right(self):
        self.assertIn("2 of 4 functions shown", self.good())

    def test_draft(self):
        self.without("run.c show.c: not", "run.c: not")
        self.bad("neither shown nor waived: show.c show")
        self.assertIn("a draft", self.passes("check_docs.py", "--draft", "2"))

    def test_new_function_not_shown(self):
        self.edit("stage02_two/block.c", "// A block.\n",
                  "// A block.\nint more(void)\n{\n    return 5;\n}\n")
        self.bad("docs/02-two.md: neither shown nor waived: block.c more")

    def test_cuda_twin_not_shown(self):
        self.edit("stages.txt", "block   c      .  N  C", "block   c,cu   .  N  C")
        self.write("stage02_two/block.cu", "int block(void)\n{\n    return 1;\n}\n")
        self.bad("neither shown nor waived: block.cu block")
        self.without("-->\n\n### 02a", "block.cu block: its twin says it\n-->\n\n### 02a")
        self.good()

    def test_only_the_first_line(self):
        self.without("// ...\n    return 1;\n")
        self.bad("neither shown nor waived: block.c block")

    def test_only_the_body(self):
        self.without("int block(void)\n")
        self.bad("neither shown nor waived: block.c block")

    def test_changed_function(self):
        for n in (2, 3):
            self.edit(f"stage{n:02d}_{'two' if n == 2 else 'three'}/ops.c",
                      "float s = 0;", "float s = 0, t = 1;")
        self.bad("neither shown nor waived: ops.c sum")
        self.without("<!-- waived:", "<!-- diff: 02 ops.c -->\n```diff\n"
                     "+    float s = 0, t = 1;\n```\n\n<!-- waived:")
        self.good()

    def test_changed_function_by_an_old_line(self):
        for name in ("stage02_two", "stage03_three"):
            self.edit(f"{name}/ops.c", "float s = 0;", "float s = 0, t = 1;")
        self.without("<!-- waived:", "<!-- code: stage02_two/ops.c -->\n```c\n"
                     "        s += x[i];\n```\n\n<!-- waived:")
        self.bad("neither shown nor waived: ops.c sum")

    def test_waivers(self):
        self.without("run.c show.c: not the lesson", "run.c show.c:")
        self.bad("write FILE FUNCTION: a reason")
        self.without("run.c show.c:", "run.c show.c block.c block: no")
        self.bad("waived: block.c block: it is shown: take it off")

    def test_waiver_of_nothing(self):
        self.without("run.c show.c: not", "config.c: not\nrun.c show.c: not")
        self.bad("waived: config.c: nothing is new in it")
        self.without("config.c: not\n", "show.c gone: not\n")
        self.bad("waived: show.c gone: this stage has no such new function")

    def test_words(self):
        self.without("word " * 200)
        self.bad("words: 1500 to 3500 are wanted")
        self.write("docs/02-two.md", self.CHAPTER + "word " * 2100)
        self.bad("words: 1500 to 3500 are wanted")

    def test_no_figure(self):
        self.without("![two boxes and an arrow between them](figures/02-a.svg)")
        self.bad("docs/02-two.md: no figure")

    def test_exercises(self):
        self.without("### 02b. Seven again (a weekend)\n")
        self.bad("docs/02-two.md: 1 exercises: 2 to 4 are wanted")
        self.without("### 02a. Seven (easy)", "### 02a. Seven (hard)\n\n### 02b. Six (easy)")
        self.bad("exercise '02a. Seven (hard)': write ### 02a. Its title (easy)")

    def test_exercise_without_a_test(self):
        (self.root / "tests/exercises/02a_seven.sh").unlink()
        self.bad("docs/02-two.md: exercise 02a: no test tests/exercises/02a_*")

    def test_exercise_without_an_answer(self):
        self.edit("docs/answers/02.md", "answer: 02b", "answer: 02c")
        self.bad("exercise 02b: docs/answers/02.md has no patch below")

    def test_answer_that_does_not_apply(self):
        self.edit("docs/answers/02.md", "-    return 1;", "-    return 2;")
        self.bad("docs/answers/02.md:6: the answer 02a does not apply")


class Answers(test_checkers.CheckerTest):
    """Exercises: unsolved without the answer, solved with it."""

    def setUp(self):
        super().setUp()
        self.write_test("grep -q 'return 7' stage02_two/block.c || { echo no 7; exit 1; }\n")
        self.answer(ANSWER)

    def write_test(self, text):
        self.write("tests/exercises/02a_seven.sh", text)

    def answer(self, patch):
        self.write("docs/answers/02.md", f"<!-- answer: 02a -->\n```diff\n{patch}```\n")

    def test_right(self):
        self.assertIn("1 answers are right", self.passes("exercise.py", "--answers"))
        self.assertIn("return 1", self.read("stage02_two/block.c"))

    def test_reader(self):
        self.assertIn("no 7", self.fails("not solved yet: 02a", "exercise.py", "02a"))
        self.edit("stage02_two/block.c", "return 1", "return 7")
        self.assertIn("solved", self.passes("exercise.py", "02a"))
        self.fails("there is no exercise 09z", "exercise.py", "09z")
        self.assertIn("02a  seven", self.passes("exercise.py"))

    def test_passes_without_a_solution(self):
        self.write_test("exit 0\n")
        self.fails("02a: 02a_seven.sh passes without a solution", "exercise.py", "--answers")

    def test_breaks_without_a_solution(self):
        self.write_test("grep -q 'return 7' stage02_two/block.c || exit 3\n")
        self.fails("ends with status 3; it should be 1", "exercise.py", "--answers")

    def test_wrong_answer(self):
        self.answer(ANSWER.replace("return 7", "return 8"))
        self.fails("02a: its answer does not pass", "exercise.py", "--answers")

    def test_stale_answer(self):
        self.answer(ANSWER.replace("return 1", "return 3"))
        self.fails("02a: its answer does not apply", "exercise.py", "--answers")

    def test_no_answer(self):
        self.write("docs/answers/02.md", "# None\n")
        self.fails("no patch <!-- answer: 02a -->", "exercise.py", "--answers")

    def test_no_test(self):
        (self.root / "tests/exercises/02a_seven.sh").unlink()
        self.fails("02a: an answer without a test", "exercise.py", "--answers")


class Figures(test_checkers.CheckerTest):
    """make figures: a drawing whose script has moved on is stale."""

    def setUp(self):
        super().setUp()
        for name in ("draw.py", "make.py"):
            self.write(f"docs/figures/{name}",
                       (TESTS.parent / "docs/figures" / name).read_text(encoding="utf-8"))
        self.write("docs/figures/ch02.py", "from draw import Figure\n"
                   "FIGURES = {'02-a': lambda: Figure(300, 200, 'A', 'b')}\n")

    def call(self, script, *arguments):
        done = subprocess.run([sys.executable, self.root / script, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode("utf-8")

    def test_right(self):
        self.passes(MAKE)
        self.assertIn("1 figures are up to date", self.passes(MAKE, "--check"))
        self.assertIn("<title>A</title>", self.read("docs/figures/02-a.svg"))

    def test_stale(self):
        self.fails("docs/figures/02-a.svg: stale: run make figures", MAKE, "--check")
        self.passes(MAKE)
        self.edit("docs/figures/ch02.py", "300", "400")
        self.fails("docs/figures/02-a.svg: stale", MAKE, "--check")

    def test_nothing_makes_it(self):
        self.passes(MAKE)
        self.write("docs/figures/02-old.svg", "<svg/>")
        self.fails("docs/figures/02-old.svg: no script makes it", MAKE, "--check")

    def test_name(self):
        self.edit("docs/figures/ch02.py", "'02-a'", "'03-a'")
        self.fails("ch02.py: call 03-a 02-...", MAKE)


class Committed(unittest.TestCase):
    """This tree's own figures."""

    def test_readable(self):
        for path in sorted((TESTS.parent / "docs/figures").glob("*.svg")):
            text = path.read_text(encoding="utf-8")
            with self.subTest(path.name):
                self.assertIn("prefers-color-scheme: dark", text)
                self.assertRegex(text, r"<title>.+</title>\n<desc>.{40,}</desc>")
                width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', text)
                                    .groups())
                self.assertLessEqual(width, 760)
                for x, y in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"', text):
                    self.assertTrue(float(x) < width and float(y) < height, (x, y))


if __name__ == "__main__":
    unittest.main()
