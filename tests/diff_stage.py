"""make diff05: what stage 05 changes, which is its lesson.

Prints the new modules by name (in full with --all), then the diff of each module that
both stages have, in the order of stages.txt, run.c and show.c last.  --write keeps it in
docs/diffs/05.diff for those who read on the web or from a zip (all stages if none is
named), and --check fails when such a file is stale.  Lines are matched by difflib, so the
text is the same wherever it is made.
"""

import os
import re
import signal
import sys

import stages
from stages import Tree, fail

COLOURS = {"+": "32", "-": "31", "@": "36"}


def heading(old, line):
    """The function a hunk stands in: the last line above it that starts at the margin."""
    names = [text for text in old[:line] if re.match(r"[A-Za-z_]", text)]
    return " " + names[-1] if names else ""


def span(first, last):
    """Line numbers as in a hunk's header; an empty span names the line before it."""
    return f"{first + (last > first)},{last - first}"


def file_diff(old_name, new_name, old, new):
    """The unified diff of two lists of lines; nothing when they are equal."""
    lines = []
    for hunk in stages.matched(old, new).get_grouped_opcodes(3):
        (_, i, _, k, _), (_, _, j, _, n) = hunk[0], hunk[-1]
        lines.append(f"@@ -{span(i, j)} +{span(k, n)} @@{heading(old, i)}")
        for kind, i, j, k, n in hunk:
            if kind == "equal":
                lines += [f" {line}".rstrip() for line in new[k:n]]
            else:
                lines += [f"-{line}" for line in old[i:j]]
                lines += [f"+{line}" for line in new[k:n]]
    return [f"--- {old_name}", f"+++ {new_name}"] + lines if lines else []


def new_modules(stage):
    """A line for each new file, with its length."""
    lines = []
    for module in stage.marked("Nn"):
        side = "  (side)" if module.mark(stage.number) == "n" else ""
        for name in module.files:
            count = len(stage.lines(name))
            lines.append(f"{stage.name + '/' + name:40}{count:4d} lines{side}")
    return lines


def module_diffs(modules, stage, before):
    """The diffs of these modules' files, a blank line before each."""
    lines = []
    for name in [name for module in modules for name in module.files]:
        old = before.lines(name)
        old_name = f"{before.name}/{name}" if before.bytes(name) else "/dev/null"
        diff = file_diff(old_name, f"{stage.name}/{name}", old, stage.lines(name))
        lines += [""] + diff if diff else []
    return lines


def lesson(tree, stage, full=False):
    """The text of make diffNN, as lines."""
    before, new, changed = tree.previous(stage), new_modules(stage), stage.marked("C")
    if before is None:
        return [f"Stage {stage.number:02d} has none before it: read it whole.", ""] + new
    count = stages.changed_lines(stage, before)
    lines = [f"Stage {stage.number:02d} against stage {before.number:02d}: "
             f"{count} changed lines (run and show apart)."]
    if new:
        lines += ["New, to be read whole:", ""] + new
    lines += module_diffs([m for m in changed if not m.apart], stage, before)
    if full:
        lines += module_diffs(stage.marked("Nn"), stage, before)
    return lines + module_diffs([m for m in changed if m.apart], stage, before)


def show(lines):
    """Prints a lesson, in colour on a terminal."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for line in lines:
        code = COLOURS.get(line[:1]) if colour else None
        print(f"\033[{code}m{line}\033[0m" if code else line)


def main():
    parser = stages.arguments(__doc__)
    parser.add_argument("stage", nargs="?", help="number (--write, --check: default all)")
    parser.add_argument("--all", action="store_true", help="new modules in full")
    parser.add_argument("--write", action="store_true", help="write docs/diffs/NN.diff")
    parser.add_argument("--check", action="store_true", help="fail when that is stale")
    args = parser.parse_args()
    tree = Tree(args.root)
    chosen = [s for s in tree.stages if args.stage in (None, f"{s.number:02d}")]
    if not chosen:
        fail(f"there is no stage {args.stage}" if args.stage else "there is no stage yet")
    if not (args.write or args.check):
        if args.stage is None:
            fail("which stage? make diff05")
        return show(lesson(tree, chosen[0], args.all))
    folder, problems = tree.root / "docs" / "diffs", []
    expected = {f"{s.number:02d}.diff" for s in tree.stages if tree.previous(s)}
    for stage in chosen:
        if tree.previous(stage) is None:
            continue
        path = folder / f"{stage.number:02d}.diff"
        text = ("\n".join(lesson(tree, stage)) + "\n").encode("utf-8")
        if args.write:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        elif not path.is_file() or path.read_bytes() != text:
            problems.append(f"docs/diffs/{path.name}: stale: run make diffs")
    if args.check:
        for path in sorted(folder.glob("*")):
            if path.name not in expected:
                problems.append(f"docs/diffs/{path.name}: belongs to no stage: delete it")
    return stages.finish(problems, f"docs/diffs: {len(chosen)} stages, up to date")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # make diff05 | head
    sys.exit(main())
