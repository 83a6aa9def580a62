"""What the checkers share: the table stages.txt, the stage directories, git, line diffs.

All checkers take the tree to look at as `--root DIR` (default: the one they lie in), so
that test_checkers.py can point them at small made-up trees.
"""

import argparse
import difflib
import re
import subprocess
import sys
from pathlib import Path

# outside of the budgets: the main program, the exhibit, and what --bench measures
APART = ("run", "show", "measure")
ORDER = {"h": 0, "c": 1, "cu": 2}  # a module reads best from its header on


def fail(message):
    """One line on stderr, exit status 1."""
    sys.exit(f"{Path(sys.argv[0]).name}: {message}")


def arguments(doc):
    """An argument parser with the shared option --root."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, metavar="DIR", help="the tree to look at",
                        default=Path(__file__).resolve().parent.parent)
    return parser


def finish(problems, done):
    """Prints the problems, or what has been found right; exits."""
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        fail(f"{count}, see above")
    print(done)
    sys.exit(0)


def git(root, *command, stdin=None):
    """The output of a git command as bytes; None if it fails or there is no git."""
    try:
        done = subprocess.run(["git", "-C", str(root), *command], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def git_files(root):
    """All files that git knows or would add, sorted; None outside of a repository."""
    listing = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listing is None:
        return None
    names = {name.decode("utf-8", "surrogateescape") for name in listing.split(b"\0")}
    return sorted(names - {""})


class Module:
    """One row of stages.txt; `marks` has a letter for each stage number."""

    def __init__(self, name, endings, marks):
        self.name, self.marks = name, marks
        self.files = [f"{name}.{e}" for e in sorted(endings, key=ORDER.get)]
        self.apart = name in APART

    def mark(self, number):
        return self.marks.get(number, ".")


def parse_row(words, numbers, where):
    """A Module from the words of a row; dies naming the line when it makes no sense."""
    if len(words) != len(numbers) + 2:
        fail(f"{where}: {len(words)} columns, expected {len(numbers) + 2}")
    name, endings, letters = words[0], words[1].split(","), "".join(words[2:])
    if not set(endings) <= set(ORDER):
        fail(f"{where}: files are a comma list of {', '.join(ORDER)}")
    if not re.fullmatch(r"\.*([Nn][C=]*)?", letters):
        fail(f"{where}: {name}: a row is dots, then one N or n, then C or = (no gaps)")
    return Module(name, endings, dict(zip(numbers, letters)))


def read_table(path):
    """The modules of stages.txt, in the order of its rows."""
    if not path.is_file():
        fail(f"cannot read {path}: the table of modules and stages")
    numbers, modules = None, []
    for i, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split("#")[0].split()
        where = f"{path.name}:{i}"
        if not words:
            continue
        if numbers is None:
            if not re.fullmatch(r"module files( \d+)+", " ".join(words)):
                fail(f"{where}: the first row must be: module files 01 02 ...")
            numbers = [int(word) for word in words[2:]]
        else:
            modules.append(parse_row(words, numbers, where))
        if len({m.name for m in modules}) < len(modules):
            fail(f"{where}: {words[0]} has a row already")
    return modules


class Stage:
    """One stage directory, and the file names that stages.txt declares for it."""

    def __init__(self, path, number, modules):
        self.path, self.name, self.number = path, path.name, number
        self.modules = [m for m in modules if m.mark(number) != "."]
        self.files = [name for m in self.modules for name in m.files]
        self.copied = [name for m in self.marked("=") for name in m.files]

    def marked(self, letters):
        """This stage's modules with one of these letters."""
        return [m for m in self.modules if m.mark(self.number) in letters]

    def bytes(self, name):
        """A file's content; None if it is not there."""
        path = self.path / name
        return path.read_bytes() if path.is_file() else None

    def lines(self, name):
        return (self.bytes(name) or b"").decode("utf-8", "replace").splitlines()


class Tree:
    """The table and the stage directories that exist, in order."""

    def __init__(self, root):
        self.root = root.resolve()
        self.modules = read_table(self.root / "stages.txt")
        self.stages = []
        for path in sorted(self.root.glob("stage[0-9][0-9]_*")):
            if path.is_dir():
                self.stages.append(Stage(path, int(path.name[5:7]), self.modules))
        numbers = [stage.number for stage in self.stages]
        for stage in self.stages:
            if numbers.count(stage.number) > 1:
                fail(f"{stage.name}: there is another stage {stage.number:02d}")

    def previous(self, stage):
        """The stage before; None for the first, or if it is not there."""
        return next((s for s in self.stages if s.number == stage.number - 1), None)

    def later(self, stage):
        """The stages after this one."""
        return [s for s in self.stages if s.number > stage.number]


def matched(old, new):
    """difflib's comparison of two lists of lines."""
    return difflib.SequenceMatcher(None, old, new, autojunk=False)


def line_changes(old, new):
    """The lines gone and the lines added, as two lists."""
    gone, added = [], []
    for kind, i, j, k, n in matched(old, new).get_opcodes():
        if kind != "equal":
            gone += old[i:j]
            added += new[k:n]
    return gone, added


def changed_lines(stage, before):
    """Changed lines in the modules of both stages; run, show, measure and .cu stand apart."""
    count = 0
    for module in stage.marked("C"):
        for name in module.files:
            if not module.apart and not name.endswith(".cu"):
                gone, added = line_changes(before.lines(name), stage.lines(name))
                count += len(gone) + len(added)
    return count
