"""run_docs.py: a page that shows what is not so fails, and --update mends it.

Every test builds a small tree with a page or two in a temporary directory.
"""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "run_docs.py"


def fence(note, *lines, indent=""):
    """A note and its fence, as text."""
    return "".join(f"{indent}{line}\n" for line in (f"<!-- {note} -->", "```text", *lines,
                                                    "```"))


class RunDocs(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "docs").mkdir()

    def page(self, *parts, name="README.md"):
        """A page of a heading, the parts, and a last sentence."""
        text = "\n".join(("# A page\n", *parts, "The end.\n"))
        (self.root / name).write_text(text, encoding="utf-8")
        return text

    def text(self, name="README.md"):
        return (self.root / name).read_text(encoding="utf-8")

    def call(self, *arguments):
        done = subprocess.run([sys.executable, SCRIPT, *arguments, "--root", self.root],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode("utf-8")

    def passes(self, *arguments):
        status, output = self.call(*arguments)
        self.assertEqual(status, 0, output)
        return output

    def fails(self, expected, *arguments):
        status, output = self.call(*arguments)
        self.assertEqual(status, 1, output)
        self.assertIn(expected, output)
        self.assertNotIn("Traceback", output)
        return output

    def mends(self, before, after):
        """`before` fails; --update turns it into `after`, which passes."""
        self.page(before)
        self.fails("not what the page shows")
        self.passes("--update")
        wanted = self.page(after)
        self.page(before)
        self.passes("--update")
        self.assertEqual(self.text(), wanted)
        self.passes()

    def test_right(self):
        self.page(fence("run: printf 'a\\nb  \\n\\n'", "a", "b"))
        self.page(fence("run: echo c", "c"), name="docs/one.md")
        self.assertIn("2 fences show what", self.passes())

    def test_drift(self):
        self.mends(fence("run: seq 3", "1", "3"), fence("run: seq 3", "1", "2", "3"))

    def test_the_difference_is_shown(self):
        self.page(fence("run: seq 3", "1", "3"))
        output = self.fails("README.md:4: seq 3: not what the page shows")
        self.assertIn("\n    +2\n", output)

    def test_several_fences_of_a_page(self):
        def parts(a, b, c):
            return (fence("run: seq 2", *a) + fence("run: echo x", *b) +
                    fence("run: seq 3", *c, indent="  "))
        self.mends(parts(["9"], ["x"], []), parts("12", "x", "123"))

    def test_update_leaves_what_is_right(self):
        text = self.page(fence("run: seq 9", "1", "...", "9  "),
                         fence("run: echo a", "a"))
        self.assertNotIn("rewritten", self.passes("--update"))
        self.assertEqual(self.text(), text)

    def test_the_readers_line(self):
        right = fence("run: seq 2", "$ seq 2", "1", "2")
        self.mends(fence("run: seq 2", "$ seq 1", "1"), right)
        self.mends(fence("run: seq 2", "$"), right)

    def test_any_lines(self):
        for lines in (["...", "5"], ["1", "..."], ["..."], ["1", "...", "3", "...", "5"],
                      ["1", "2", "...", "3", "4", "5"], ["...", "2", "...", "4", "..."]):
            self.page(fence("run: seq 5", *lines))
            self.passes()
        for lines in (["...", "4"], ["2", "..."], ["1", "...", "5", "...", "5"],
                      ["...", "4", "...", "2", "..."],
                      ["1", "2", "3", "...", "3", "4", "5"]):
            self.page(fence("run: seq 5", *lines))
            self.fails("not what the page shows")

    def test_update_keeps_an_elision(self):
        self.mends(fence("run: seq 9", "0", "2", "...", "8"),
                   fence("run: seq 9", "1", "2", "...", "9"))
        self.page(fence("run: seq 9", "0", "...", "5", "...", "9"))
        self.fails("edit it by hand", "--update")

    def test_samples_and_code_are_not_run(self):
        text = self.page(fence("sample: a laptop", "12 ms"),
                         fence("code: none.c", "int x;"), "```sh\necho not run\n```\n")
        self.passes("--update")
        self.assertEqual(self.text(), text)

    def test_a_failing_command(self):
        self.page(fence("run: echo no; exit 3", "no"))
        self.fails("it ends with status 3; if that is what")
        self.fails("it ends with status 3", "--update")
        self.page(fence("run: (echo no; exit 3) || true", "$ (echo no; exit 3)", "no"))
        self.passes()

    def test_a_program_that_is_not_built(self):
        self.page(fence("run: ./stage99/run", "x"))
        self.fails("build it with make all")

    def test_stderr_counts_and_there_is_no_input(self):
        self.page(fence("run: cat; echo wrong >&2", "wrong"))
        self.passes()

    def test_runs_in_the_root(self):
        self.page(fence("run: ls -d docs; echo $OMP_WAIT_POLICY", "docs", "passive"))
        self.passes()

    def test_a_command_is_run_once(self):
        command = "run: echo x >> log; wc -l < log | tr -d ' '"
        self.page(fence(command, "1"), fence(command, "1"))
        self.passes()

    def test_output_that_would_end_the_fence(self):
        self.page(fence("run: echo '```'", "x"))
        self.fails("edit it by hand", "--update")

    def test_list(self):
        self.page(fence("run: exit 1", "x"), fence("sample: no", "y"))
        self.assertEqual(self.passes("--list"), "README.md:4: exit 1\n")

    def test_chosen_pages(self):
        self.page(fence("run: echo a", "b"))
        self.page(fence("run: echo c", "c"), name="docs/one.md")
        self.passes("docs/one.md")
        self.fails("README.md:4", "README.md")
        self.fails("there is no page docs/two.md", "docs/two.md")
