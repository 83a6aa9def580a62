#!/usr/bin/env python3
"""Do the commands in the pages print what the pages show?

    python3 tests/run_docs.py              README.md and docs/*.md; status 1 if not
    python3 tests/run_docs.py docs/04*.md  these pages alone
    python3 tests/run_docs.py --update     writes what the commands print into the pages
    python3 tests/run_docs.py --list       the commands; runs none of them

A comment on the line before a code fence says what the fence shows:

    <!-- run: COMMAND -->  what sh -c COMMAND prints in the tree's root: stdout and
                           stderr, without a terminal and without input
    <!-- sample: ... -->   nothing is run: numbers that vary, such as times

If the fence begins with the line `$ COMMAND`, for the reader, it must be that command.  A
line `...` in the fence stands for any lines (so does `| head -20` in the command).  White
space at the ends of lines does not count.  A command that fails is a problem, unless it
ends in ` || true`, which the reader's line leaves out.

Each command is run once, however often it is shown.  Build the programs first: make all.
"""

import difflib
import os
import signal
import subprocess
import sys

import stages
from pages import Page

PAGES = ("README.md", "docs/*.md")
TIMEOUT = 300  # seconds
ANY = "..."  # a line that stands for any lines
EXPECTED = " || true"  # after a command that is to fail
NEWS = 24  # lines of a difference that are printed


class Run:
    """A fence with a command, and what is to stand in it."""

    def __init__(self, page, fence):
        self.page, self.line, self.command = page, fence.line, fence.note[1]
        self.where = f"{page}:{fence.line}"
        self.rows = len(fence.lines)
        self.shown = tidy(fence.lines)
        self.prompt = ["$ " + self.command.removesuffix(EXPECTED)]
        self.prompted = "".join(self.shown[:1] + [" "]).startswith("$ ")

    def matches(self, printed):
        return matches(self.shown, self.prompt * self.prompted + printed)

    def difference(self, printed):
        """Lines that tell the two apart."""
        now = self.prompt * self.prompted + printed
        lines = list(difflib.unified_diff(self.shown, now, "the page", "the program", "",
                                          "", 1, ""))
        more = [f"  ... {len(lines) - NEWS} more lines"] if len(lines) > NEWS else []
        return "".join(f"\n    {line}" for line in lines[:NEWS] + more)

    def renewed(self, printed):
        """What should stand in the fence; None if nobody but a person can tell."""
        if any(line.lstrip().startswith(("```", "~~~")) for line in printed):
            return None
        now = self.prompt * self.prompted + printed
        if ANY not in self.shown or matches(self.shown, now):
            return now
        at = self.shown.index(ANY)
        head, tail = self.shown[:at], self.shown[at + 1:]
        if ANY in tail or len(now) < len(head) + len(tail):
            return None
        return now[:at] + [ANY] + now[len(now) - len(tail):]


def tidy(lines):
    """Without white space at their ends, and without blank lines at the end."""
    lines = [line.rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def matches(shown, printed):
    """Is it what is shown, where a line ... stands for any lines?"""
    runs = [[]]
    for line in shown:
        if line == ANY:
            runs.append([])
        else:
            runs[-1].append(line)
    if len(runs) == 1:
        return shown == printed
    at, end = len(runs[0]), len(printed) - len(runs[-1])
    if end < at or printed[:at] != runs[0] or printed[end:] != runs[-1]:
        return False
    for run in runs[1:-1]:
        while printed[at:at + len(run)] != run:
            at += 1
            if at + len(run) > end:
                return False
        at += len(run)
    return at <= end


def execute(command, root):
    """What it prints, as lines, and what went wrong or None."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "TERM": "dumb",
                   "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(["sh", "-c", command], cwd=root, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output = process.communicate(timeout=TIMEOUT)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # sh, and what it started
        process.communicate()
        return [], f"still running after {TIMEOUT} s: show something shorter"
    lines = tidy(output.decode("utf-8", "replace").split("\n"))
    if process.returncode == 0:
        return lines, None
    hint = "build it with make all" if process.returncode in (126, 127) else \
        f"if that is what the page is about, write {command}{EXPECTED}"
    said = "".join(f"\n    {line}" for line in lines[-4:])
    return lines, f"it ends with status {process.returncode}; {hint}{said}"


def write(path, renewed):
    """Puts new lines into fences: (run, lines), in the page's order."""
    text = path.read_text(encoding="utf-8").split("\n")
    for run, lines in reversed(renewed):
        fence = text[run.line - 1]
        indent = fence[:len(fence) - len(fence.lstrip())]
        text[run.line:run.line + run.rows] = [(indent + line).rstrip() for line in lines]
    path.write_text("\n".join(text), encoding="utf-8")


def check(run, results, root, update):
    """What is wrong with a fence or None, and its new lines or None."""
    if run.command not in results:
        results[run.command] = execute(run.command, root)
    printed, trouble = results[run.command]
    if trouble:
        return f"{run.where}: {run.command}: {trouble}", None
    if run.matches(printed):
        return None, None
    lines = run.renewed(printed) if update else None
    if lines is not None:
        return None, lines
    what = "cannot be written into the page: edit it by hand" if update else \
        "not what the page shows: see why, or run this with --update"
    return f"{run.where}: {run.command}: {what}{run.difference(printed)}", None


def check_page(name, runs, results, root, update):
    """Yields its problems; prints its line of the listing."""
    renewed = []
    for run in runs:
        problem, lines = check(run, results, root, update)
        if problem:
            yield problem
        if lines is not None:
            renewed.append((run, lines))
    if renewed:
        write(root / name, renewed)
    news = f", {len(renewed)} rewritten" if renewed else ""
    print(f"{name}: {len(runs)} commands{news}", flush=True)


def pages(root, wanted):
    """The pages' names, in order; dies if one that is wanted is not there."""
    if not wanted:
        return sorted(p.relative_to(root).as_posix() for g in PAGES for p in root.glob(g))
    for name in wanted:
        if not (root / name).is_file():
            stages.fail(f"there is no page {name}")
    return wanted


def main():
    parser = stages.arguments(__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="look at these alone")
    parser.add_argument("--update", action="store_true", help="rewrite the fences")
    parser.add_argument("--list", action="store_true", help="only list the commands")
    args = parser.parse_args()
    root, problems, results, count = args.root.resolve(), [], {}, 0
    for name in pages(root, args.pages):
        runs = [Run(name, fence) for fence in Page(root / name, name).fences
                if fence.note and fence.note[0] == "run"]
        count += len(runs)
        if args.list:
            print(*(f"{run.where}: {run.command}" for run in runs), sep="\n",
                  end="\n" if runs else "")
        elif runs:
            problems += check_page(name, runs, results, root, args.update)
    if not args.list:
        stages.finish(problems, f"{count} fences show what their commands print")


if __name__ == "__main__":
    sys.exit(main())
