"""The checkers themselves: each must fail when it should, and pass when all is right.

Every test builds a small tree of three made-up stages in a temporary directory.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parent
# A git hook that runs the tests would point git at the wrong repository.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}

TABLE = """\
module  files  01 02 03
config  c,h    n  =  =    # a side module
ops     c,h    N  C  =
block   c      .  N  C
run     c      N  C  C
show    c,h    N  C  C
"""

OPS = """\
// Sums.  Chapter 1.
#include "ops.h"

float sum(const float *x, int n)
{
    float s = 0;
    for (int i = 0; i < n; i++)
        s += x[i];
    return s;
}
"""

MEAN = """
float mean(const float *x, int n)
{
    return sum(x, n) / n;
}
"""

BLOCK = "// A block.\nint block(void)\n{\n    return 1;\n}\n"


def stage_files(n):
    """The files of stage n, by name."""
    files = {
        "config.c": "int config;\n",
        "config.h": "extern int config;\n",
        "ops.c": OPS + (MEAN if n > 1 else ""),
        "ops.h": "float sum(const float *x, int n);\n",
        "run.c": f"// Chapter {n}.\nint main(void)\n{{\n    return {n};\n}}\n",
        "show.c": f"int show(void)\n{{\n    return {n};\n}}\n",
        "show.h": "int show(void);\n",
    }
    if n > 1:
        files["block.c"] = BLOCK.replace("1", str(n - 1))
    return files


def c_function(name, lines):
    """A function of so many lines."""
    return f"void {name}(void)\n{{\n" + "    x();\n" * (lines - 3) + "}\n"


class CheckerTest(unittest.TestCase):
    """A tree on disk, and the calling of checkers on it."""

    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.write("stages.txt", TABLE)
        for n, name in enumerate(("one", "two", "three"), 1):
            for file, text in stage_files(n).items():
                self.write(f"stage{n:02d}_{name}/{file}", text)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))

    def read(self, name):
        return (self.root / name).read_bytes().decode("utf-8")

    def edit(self, name, old, new):
        self.assertIn(old, self.read(name))
        self.write(name, self.read(name).replace(old, new))

    def git(self, *command):
        """git, whoever the user is and whatever their settings."""
        names = {f"GIT_{role}_{what}": "x@example.org" for role in ("AUTHOR", "COMMITTER")
                 for what in ("NAME", "EMAIL")}
        names["GIT_CONFIG_GLOBAL"] = os.devnull
        subprocess.run(["git", "-C", self.root, *command], check=True,
                       env={**ENVIRONMENT, **names}, stdout=subprocess.DEVNULL)

    def commit(self):
        if not (self.root / ".git").exists():
            self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a state")

    def call(self, script, *arguments):
        command = [sys.executable, TESTS / script, *arguments, "--root", self.root]
        done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode("utf-8")

    def passes(self, script, *arguments):
        status, output = self.call(script, *arguments)
        self.assertEqual(status, 0, output)
        return output

    def fails(self, expected, script, *arguments):
        status, output = self.call(script, *arguments)
        self.assertEqual(status, 1, output)
        self.assertIn(expected, output)
        self.assertNotIn("Traceback", output)
        return output


class Stages(CheckerTest):
    def good(self):
        return self.passes("check_stages.py")

    def bad(self, expected):
        return self.fails(expected, "check_stages.py")

    def test_right(self):
        output = self.good()
        self.assertRegex(output, r"stage02_two +block +ops +5\n")
        self.assertRegex(output, r"stage01_one +\(config\) ops +0\n")

    def test_right_in_git(self):
        self.commit()
        self.good()

    def test_fewer_stages_than_columns(self):
        shutil.rmtree(self.root / "stage03_three")
        self.good()

    def test_gap_between_stages(self):
        shutil.rmtree(self.root / "stage02_two")
        self.bad("stage03_three: there is no stage 02")

    def test_two_stages_of_a_number(self):
        self.write("stage02_again/run.c", "")
        self.bad("there is another stage 02")

    def test_copy_edited_in_one_stage(self):
        self.edit("stage02_two/config.c", "int config", "int  config")
        output = self.bad("stage02_two/config.c: declared =, but differs from stage01")
        self.assertIn("stage03_three/config.c", output)  # not a copy either

    def test_changed_is_a_copy(self):
        self.write("stage02_two/ops.c", OPS)
        self.write("stage03_three/ops.c", OPS)
        self.bad("stage02_two: ops is declared C, but is a copy")

    def test_changed_only_reindents(self):
        self.write("stage02_two/ops.c", OPS.replace("    ", "  "))
        self.write("stage03_three/ops.c", OPS.replace("    ", "  "))
        self.bad("stage02_two/ops.c: only white space changes")

    def test_text_returns(self):
        self.edit("stages.txt", "N  C  =\n", "N  C  C\n")
        self.write("stage03_three/ops.c", OPS)
        self.bad("stage03_three/ops.c: returns to the text of stage01_one")

    def test_undeclared_file(self):
        self.write("stage02_two/extra.c", "")
        self.bad("stage02_two/extra.c: not declared")

    def test_file_comes_before_its_stage(self):
        self.write("stage01_one/block.c", BLOCK)
        self.bad("stage01_one/block.c: stages.txt brings it in later")

    def test_missing_file(self):
        (self.root / "stage03_three/config.h").unlink()
        self.bad("stage03_three/config.h: declared in stages.txt, but not there")

    def test_subdirectory(self):
        self.write("stage02_two/more/x.c", "")
        self.bad("stage02_two/more: a subdirectory")

    def test_symlink_in_a_stage(self):
        (self.root / "stage02_two/config.c").unlink()
        (self.root / "stage02_two/config.c").symlink_to("../stage01_one/config.c")
        self.bad("stage02_two/config.c: a symlink")

    def test_symlink_elsewhere(self):
        (self.root / "link").symlink_to("stages.txt")
        self.good()  # no repository: only the stages are looked at
        self.commit()
        self.bad("link: a symlink")

    def test_symlink_in_the_index(self):
        (self.root / "link").symlink_to("stages.txt")
        self.commit()
        (self.root / "link").unlink()
        self.bad("link: still a symlink in git's index")

    def test_table_with_a_gap(self):
        self.edit("stages.txt", ".  N  C", "N  .  C")
        self.bad("stages.txt:4: block")

    def test_table_short_row(self):
        self.edit("stages.txt", "N  C  =\n", "N  C\n")
        self.bad("stages.txt:3: 4 columns, expected 5")

    def test_table_twice(self):
        self.write("stages.txt", TABLE + "ops c N = =\n")
        self.bad("ops has a row already")

    def test_budget(self):
        functions = "".join(c_function(f"f{i}", 40) for i in range(4))
        for stage in ("stage02_two", "stage03_three"):
            self.write(f"{stage}/ops.c", OPS + functions)
        self.assertIn("warning: stage02_two: 160 changed lines", self.good())
        for stage in ("stage02_two", "stage03_three"):
            self.write(f"{stage}/ops.h", "int a;\n" * 150)
        self.bad("stage02_two: 311 changed lines, at most 300")

    def test_budget_leaves_run_and_show_apart(self):
        self.write("stage02_two/show.c", "int x;\n" * 340)
        self.good()

    def test_changed_modules(self):
        table = TABLE
        for i in range(4):
            table += f"m{i} c N C =\n"
            for n, name in enumerate(("one", "two", "three"), 1):
                self.write(f"stage{n:02d}_{name}/m{i}.c", f"int x{n > 1};\n")
        self.write("stages.txt", table)
        output = self.bad("stage02_two: 5 changed modules (ops, m0, m1, m2, m3), at most")
        self.assertIn("stage01_one: 5 new modules on the main road", output)
        self.write("stages.txt", table.replace("c N", "c n"))
        self.assertNotIn("new modules", self.bad("changed modules"))

    def test_long_file(self):
        self.write("stage03_three/block.c", "int a;\n" * 351)
        self.bad("stage03_three/block.c: 351 lines, at most 350")

    def test_long_run(self):
        self.write("stage02_two/run.c", "int a;\n" * 151)
        self.bad("stage02_two/run.c: 151 lines, at most 150")

    def test_long_function(self):
        self.write("stage03_three/block.c", "int a;\n\n" + c_function("longest", 60))
        self.good()
        self.write("stage03_three/block.c", "int a;\n\n" + c_function("longest", 61))
        self.bad("stage03_three/block.c:3: longest has 61 lines, at most 60")

    def test_long_main(self):
        self.write("stage03_three/run.c", c_function("main", 41))
        self.bad("stage03_three/run.c:1: main has 41 lines, at most 40")

    def test_braces_that_do_not_count(self):
        trap = '// {\n#define X {\nchar *s = "{", c = \'{\'; /* {{ */\n' \
               "struct s {\n    int a;\n};\nint a[] = { f(1), 2 };\n" \
               'extern "C" {\n__attribute__((hot)) int g(int a,\n    int b)\n{\n}\n}\n'
        self.write("stage03_three/block.c", trap + c_function("longest", 61))
        output = self.bad("longest has 61 lines")
        self.assertIn("1 problem", output)

    def test_wide_line(self):
        self.write("stage03_three/block.c", "//" + "é" * 88 + "\n")
        self.good()
        self.write("stage03_three/block.c", "//" + "é" * 89 + "\n")
        self.bad("stage03_three/block.c:1: 91 columns, at most 90")


class Forward(CheckerTest):
    FIX = ("float s = 0;", "float s = 0.0f;")

    def forward(self, file="stage01_one/ops.c", *more):
        return self.passes("forward.py", file, *more)

    def fixed(self, *stages, name="ops.c"):
        for stage in stages:
            self.assertIn(self.FIX[1], self.read(f"{stage}/{name}"))

    def test_copies(self):
        self.commit()
        self.edit("stage01_one/config.c", "config", "config = 3")
        output = self.forward("stage01_one/config.c")
        self.assertIn("stage02_two/config.c: copied", output)
        self.assertEqual(self.read("stage03_three/config.c"), "int config = 3;\n")
        self.passes("check_stages.py")

    def test_merges_then_copies(self):
        self.commit()
        self.edit("stage01_one/ops.c", *self.FIX)
        output = self.forward()
        self.assertIn("stage02_two/ops.c: merged", output)
        self.assertIn("stage03_three/ops.c: copied", output)
        self.fixed("stage02_two", "stage03_three")
        self.assertIn("mean", self.read("stage03_three/ops.c"))
        self.passes("check_stages.py")

    def test_twice_is_once(self):
        self.commit()
        self.edit("stage01_one/ops.c", *self.FIX)
        self.forward()
        before = self.read("stage03_three/ops.c")
        output = self.forward()
        self.assertIn("stage02_two/ops.c: needs no change", output)
        self.assertIn("stage03_three/ops.c: has it already", output)
        self.assertEqual(self.read("stage03_three/ops.c"), before)

    def test_two_fixes_without_a_commit(self):
        self.commit()
        self.edit("stage01_one/ops.c", *self.FIX)
        self.forward()
        self.edit("stage01_one/ops.c", "// Sums.", "// Sums of floats.")
        self.forward()
        self.fixed("stage02_two", "stage03_three")
        self.assertIn("// Sums of floats.", self.read("stage03_three/ops.c"))
        self.passes("check_stages.py")

    def test_conflict_stops(self):
        self.edit("stage02_two/ops.c", "float s = 0;", "double s = 0;")
        shutil.copy(self.root / "stage02_two/ops.c", self.root / "stage03_three/ops.c")
        self.commit()
        third = self.read("stage03_three/ops.c")
        self.edit("stage01_one/ops.c", *self.FIX)
        self.fails("stage02_two/ops.c: conflict", "forward.py", "stage01_one/ops.c")
        self.assertIn("<<<<<<< stage02_two", self.read("stage02_two/ops.c"))
        self.assertEqual(self.read("stage03_three/ops.c"), third)
        self.fails("unresolved conflict", "forward.py", "stage01_one/ops.c")
        # Resolved by hand, and carried on from there.
        resolved = third.replace("double s = 0;", "double s = 0.0;")
        self.write("stage02_two/ops.c", resolved)
        self.assertIn("stage03_three/ops.c: copied", self.forward("stage02_two/ops.c"))
        self.assertEqual(self.read("stage03_three/ops.c"), resolved)
        self.passes("check_stages.py")

    def test_nothing_to_carry(self):
        self.commit()
        self.fails("the same as in HEAD: nothing to carry", "forward.py",
                   "stage01_one/ops.c")

    def test_fix_is_committed(self):
        self.commit()
        self.edit("stage01_one/ops.c", *self.FIX)
        self.commit()
        self.fails("--rev HEAD~1", "forward.py", "stage01_one/ops.c")
        self.forward("stage01_one/ops.c", "--rev", "HEAD~1")
        self.fixed("stage02_two", "stage03_three")

    def test_fix_is_committed_and_a_copy_tells(self):
        self.commit()
        self.edit("stage01_one/config.c", "config", "config = 3")
        self.commit()
        self.assertIn("taking that of stage02_two", self.forward("stage01_one/config.c"))
        self.passes("check_stages.py")

    def test_edit_in_a_later_copy_is_not_lost(self):
        self.commit()
        self.edit("stage02_two/config.c", "config", "config = 3")
        self.fails("nothing to carry", "forward.py", "stage01_one/config.c")
        self.assertEqual(self.read("stage02_two/config.c"), "int config = 3;\n")

    def test_not_committed_and_a_copy_tells(self):
        self.write("README", "")
        self.git("init", "-q")
        self.edit("stage01_one/config.c", "config", "config = 3")
        output = self.forward("stage01_one/config.c")
        self.assertIn("no older text in HEAD: taking that of stage02_two", output)
        self.passes("check_stages.py")
        kept = self.read("build/forward/stage02_two/config.c")
        self.assertEqual(kept, "int config;\n")

    def test_not_committed_and_nothing_tells(self):
        self.edit("stage01_one/ops.c", *self.FIX)
        self.fails("no copy of it to tell the old text by", "forward.py",
                   "stage01_one/ops.c")

    def test_later_stage_not_committed(self):
        shutil.move(self.root / "stage03_three", self.root / "away")
        self.commit()
        shutil.move(self.root / "away", self.root / "stage03_three")
        self.edit("stage01_one/ops.c", *self.FIX)
        self.forward()
        self.fixed("stage02_two", "stage03_three")
        self.passes("check_stages.py")

    def test_wrong_file(self):
        self.fails("no such file", "forward.py", "stage01_one/none.c")
        self.fails("which file?", "forward.py")
        self.fails("is in the last stage", "forward.py", "stage03_three/ops.c")

    def test_new_stage(self):
        self.fails("the next stage is called stage04_", "forward.py", "--new",
                   "stage05_five")
        self.passes("forward.py", "--new", "stage04_four")
        for name in stage_files(3):
            self.assertEqual(self.read(f"stage04_four/{name}"),
                             self.read(f"stage03_three/{name}"))
        self.fails("the next stage is called stage05_", "forward.py", "--new",
                   "stage04_four")


class Diffs(CheckerTest):
    def test_lesson(self):
        output = self.passes("diff_stage.py", "02")
        self.assertIn("Stage 02 against stage 01: 5 changed lines", output)
        self.assertRegex(output, r"stage02_two/block.c +5 lines")
        self.assertIn("--- stage01_one/ops.c\n+++ stage02_two/ops.c\n"
                      "@@ -8,3 +8,8 @@ float sum(const float *x, int n)\n", output)
        self.assertLess(output.index("+++ stage02_two/ops.c"), output.index("run.c"))
        self.assertNotIn("config", output)
        self.assertNotIn("+int block(void)", output)
        whole = self.passes("diff_stage.py", "02", "--all")
        self.assertLess(whole.index("+int block(void)"), whole.index("stage02_two/run.c"))

    def test_first_stage(self):
        output = self.passes("diff_stage.py", "01")
        self.assertRegex(output, r"config.c +1 lines  \(side\)")

    def test_no_such_stage(self):
        self.fails("there is no stage 07", "diff_stage.py", "07")

    def test_diff_applies(self):
        self.edit("stage03_three/block.c", "    return 2;", "\n    return 5;")
        self.passes("diff_stage.py", "--write")
        for name in ("02", "03"):
            patch = self.root / "docs" / "diffs" / f"{name}.diff"
            self.assertNotRegex(patch.read_text(), r"[ \t]\n")
            stage = {"02": "stage01_one", "03": "stage02_two"}[name]
            copy = self.root / "copy"
            shutil.copytree(self.root / stage, copy / stage)
            # stage01_one/ops.c becomes stage02_two/ops.c: apply it to the copy's files.
            subprocess.run(["git", "apply", "-p1", patch], cwd=copy / stage, check=True)
            for path in (copy / stage).iterdir():
                then = self.root / {"02": "stage02_two", "03": "stage03_three"}[name]
                self.assertEqual(path.read_text(), (then / path.name).read_text())

    def test_stale(self):
        self.fails("docs/diffs/02.diff: stale", "diff_stage.py", "--check")
        self.passes("diff_stage.py", "--write")
        self.passes("diff_stage.py", "--check")
        self.edit("stage03_three/block.c", "2", "3")
        output = self.fails("docs/diffs/03.diff: stale", "diff_stage.py", "--check")
        self.assertNotIn("02.diff", output)
        self.passes("diff_stage.py", "--check", "02")

    def test_left_over(self):
        self.passes("diff_stage.py", "--write")
        self.write("docs/diffs/04.diff", "")
        self.fails("docs/diffs/04.diff: belongs to no stage", "diff_stage.py", "--check")


class Format(CheckerTest):
    def setUp(self):
        super().setUp()
        shutil.copy(TESTS.parent / ".clang-format", self.root)
        self.git("init", "-q")
        self.has_14 = bool(shutil.which("clang-format-14")) or b"version 14" in (
            shutil.which("clang-format") and subprocess.run(
                ["clang-format", "--version"], stdout=subprocess.PIPE).stdout or b"")

    def bad(self, expected):
        return self.fails(expected, "check_format.py")

    def test_right(self):
        self.write("Makefile", "all:\n\tcc\n")
        self.write("data.bin", "a\0 \t")
        self.write("data.json", "{\t}")
        self.write(".gitattributes", "*.json -text\n")
        self.passes("check_format.py")

    def test_text(self):
        for text, expected in (("a\tb\n", "notes.md:1: a tab"),
                               ("a\n\nb \n", "notes.md:3: white space at the end"),
                               ("a", "notes.md: no newline at its end"),
                               ("a\n\n", "notes.md: blank lines at its end"),
                               ("a\r\nb\r\n", "notes.md:1: CRLF")):
            self.write("notes.md", text)
            self.bad(expected)

    def test_not_utf8(self):
        (self.root / "old.c").write_bytes(b"// \xe9\n")
        self.bad("old.c: not UTF-8")

    def test_ignored_files_are_not_looked_at(self):
        self.write(".gitignore", "build/\n")
        self.write("build/x.c", "\t")
        self.passes("check_format.py")

    def test_c(self):
        if not self.has_14:
            self.skipTest("SKIP: there is no clang-format 14")
        good = "int f(int n)\n{\n    #pragma omp for\n    for (int i = 0; i < n; i++)\n" \
               "        g((int[]){ 1, 2 });\n    return n;\n}\n"
        self.write("x.c", good)
        self.passes("check_format.py")
        self.write("x.c", good.replace("    #pragma", "#pragma"))
        self.bad("x.c:3: not laid out")
        self.write("x.c", good.replace("        g", "      g"))
        self.bad("x.c:5: not laid out")
        self.passes("check_format.py", "--fix")
        self.assertEqual(self.read("x.c"), good)

    def test_no_repository(self):
        shutil.rmtree(self.root / ".git")
        self.assertIn("SKIP", self.passes("check_format.py"))

    def test_no_clang_format(self):
        self.write("x.c", "int   x;\n")
        folder = self.root / ".git" / "bin"
        folder.mkdir()
        (folder / "git").symlink_to(shutil.which("git"))
        command = [sys.executable, TESTS / "check_format.py", "--root", self.root]
        done = subprocess.run(command, env={"PATH": str(folder)}, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"SKIP: check-format: there is no clang-format", done.stdout)


if __name__ == "__main__":
    unittest.main()
