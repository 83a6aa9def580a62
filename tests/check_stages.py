"""make check-stages: are the stage directories what stages.txt says, and diffs small?

Every stage directory holds the whole program as real files, so an unchanged module is a
copy.  Copies are only honest when something checks them: `=` must be byte-identical to
the previous stage's, `C` must really change (beyond white space, and not back to an older
text), nothing is undeclared or missing.  The second half keeps lessons small: budgets for
the diff between neighbours, and for the length of files, functions and lines.
"""

import os
import re
import sys

import stages
from stages import Tree

AIM, LIMIT = 150, 300  # changed lines between neighbours: warn, fail
CHANGED_MODULES, NEW_MODULES = 3, 3
FILE_LINES, RUN_LINES, FUNCTION_LINES, MAIN_LINES, COLUMNS = 350, 150, 60, 40, 90

# What a brace may hide in: comments, strings, preprocessor lines.
HIDDEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'|"
                    r"^[ \t]*#(?:\\\n|[^\n])*", re.S | re.M)


def functions(text):
    """(name, first line, length) of each function: a `{` outside of braces, after `)`."""
    text = HIDDEN.sub(lambda m: '""' if m[0][0] == '"' else "\n" * m[0].count("\n"), text)
    depth, start, found = 0, 0, []
    for m in re.finditer(r"[{};]", text):
        head = text[start:m.start()].strip()
        if m[0] == "{" and not (depth == 0 and head == 'extern ""'):
            depth += 1
            if depth == 1 and head.endswith(")") \
                    and not re.match(r"(typedef|struct|union|enum)\b", head):
                names = re.findall(r"(\w+)\s*\(", head)
                names = [n for n in names if not n.startswith("__")] or ["?"]
                first = text.count("\n", 0, text.index(head, start)) + 1
                found.append([names[0], first, 0])
        elif m[0] == "}" and depth > 0:
            depth -= 1
            if depth == 0 and found and not found[-1][2]:
                found[-1][2] = text.count("\n", 0, m.start()) + 2 - found[-1][1]
        if depth == 0:
            start = m.end()
    return [tuple(f) for f in found]


def squeezed(text):
    """A text without its white space: what is left when only the layout changes."""
    return b"".join(text.split())


def check_files(stage, modules):
    """The directory holds the declared files, all of them real, and nothing else."""
    if stage.path.is_symlink():
        yield f"{stage.name}: a symlink: make it a real directory"
    later = {name: m for m in modules for name in m.files}
    for entry in sorted(os.scandir(stage.path), key=lambda e: e.name):
        path = f"{stage.name}/{entry.name}"
        if entry.is_symlink():
            yield f"{path}: a symlink: put a copy of the file there"
        elif entry.is_dir():
            yield f"{path}: a subdirectory: a stage's files lie flat in its directory"
        elif entry.name not in stage.files and entry.name in later:
            yield f"{path}: stages.txt brings it in later: delete it, or move its N"
        elif entry.name not in stage.files:
            yield f"{path}: not declared: add it to stages.txt, or delete it"
    for name in stage.files:
        if stage.bytes(name) is None:
            yield f"{stage.name}/{name}: declared in stages.txt, but not there: write it"


def check_copies(stage, before):
    """`=` is the previous stage's text to the byte."""
    for module in stage.marked("="):
        for name in module.files:
            old, new = before.bytes(name), stage.bytes(name)
            if None not in (old, new) and old != new:
                yield (f"{stage.name}/{name}: declared =, but differs from {before.name}:"
                       f" fix the earliest stage, then make forward FILE=... (or mark C)")


def check_changes(stage, before, tree):
    """`C` changes, beyond white space, and not back to what an older stage has."""
    for module in stage.marked("C"):
        changed = False
        for name in module.files:
            old, new = before.bytes(name), stage.bytes(name)
            changed = changed or old is None or old != new
            if None in (old, new) or old == new:
                continue
            path = f"{stage.name}/{name}"
            if squeezed(old) == squeezed(new):
                yield f"{path}: only white space changes: restore it from {before.name}"
                continue
            for older in [s for s in tree.stages if s.number < before.number]:
                if squeezed(older.bytes(name) or b"") == squeezed(new):
                    yield (f"{path}: returns to the text of {older.name}: "
                           f"change {before.name} so that it need not")
                    break
        if not changed:
            yield f"{stage.name}: {module.name} is declared C, but is a copy: mark it ="


def check_sizes(stage):
    """Lengths of files, functions and lines; copies were measured where they are from."""
    for name in stage.files:
        if name in stage.copied:
            continue
        path, lines = f"{stage.name}/{name}", stage.lines(name)
        limit = RUN_LINES if name == "run.c" else FILE_LINES
        if len(lines) > limit:
            yield f"{path}: {len(lines)} lines, at most {limit}: move a part out of it"
        for i, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                yield f"{path}:{i}: {len(line)} columns, at most {COLUMNS}: break it"
        for function, first, length in functions("\n".join(lines)):
            limit = MAIN_LINES if function == "main" else FUNCTION_LINES
            if length > limit:
                yield (f"{path}:{first}: {function} has {length} lines, at most {limit}: "
                       f"split it")


def check_budget(stage, count, warnings):
    """The stage's diff is small enough for a lesson."""
    if count > LIMIT:
        yield f"{stage.name}: {count} changed lines, at most {LIMIT}: change less here"
    elif count > AIM:
        warnings.append(f"warning: {stage.name}: {count} changed lines, aim under {AIM}")
    for letter, limit, what in (("C", CHANGED_MODULES, "changed modules"),
                                ("N", NEW_MODULES, "new modules on the main road")):
        names = [m.name for m in stage.marked(letter) if not m.apart]
        if len(names) > limit:
            yield (f"{stage.name}: {len(names)} {what} ({', '.join(names)}), at most "
                   f"{limit}: move one to another stage")


def check_symlinks(root):
    """No symlink anywhere: zips and default Windows clones break them."""
    for name in stages.git_files(root) or []:
        if os.path.islink(root / name) and not re.match(r"stage\d\d_\w*/", name):
            yield f"{name}: a symlink: put a copy of the file there"
    for line in (stages.git(root, "ls-files", "-s") or b"").splitlines():
        name = line.decode("utf-8", "replace").split("\t")[-1]
        if line.startswith(b"120000") and not os.path.islink(root / name):
            yield f"{name}: still a symlink in git's index: git add {name}"


def main():
    tree = Tree(stages.arguments(__doc__).parse_args().root)
    problems, warnings = list(check_symlinks(tree.root)), []
    print(f"{'stage':20}{'new (side)':44}{'changed':30}lines")
    for stage in tree.stages:
        before, count = tree.previous(stage), 0
        if before is None and stage.number > 1:
            missing = f"there is no stage {stage.number - 1:02d}: add it"
            problems.append(f"{stage.name}: {missing}")
        problems += check_files(stage, tree.modules)
        if before:
            problems += check_copies(stage, before)
            problems += check_changes(stage, before, tree)
            count = stages.changed_lines(stage, before)
        problems += check_budget(stage, count, warnings)
        problems += check_sizes(stage)
        new = [m.name if m.mark(stage.number) == "N" else f"({m.name})"
               for m in stage.marked("Nn") if not m.apart]
        changed = [m.name for m in stage.marked("C") if not m.apart]
        print(f"{stage.name:20}{' '.join(new):44}{' '.join(changed):30}{count:5d}")
    sys.stdout.flush()
    for warning in warnings:
        print(warning)
    stages.finish(problems, f"{len(tree.stages)} stages are as stages.txt says")


if __name__ == "__main__":
    main()
