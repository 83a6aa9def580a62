"""make forward FILE=stage04_attention/ops.c: carries a fix to the later stages.

Fix the earliest stage that has the line, then run this.  A later copy that was identical
to the old text gets the new one; where a later stage has changed the file, the fix is
merged into it three-way (git merge-file): base is the earlier stage's old text, the two
sides are the later stage's file and the earlier stage's new text.  From there on, the
merged file is what is carried.  A conflict stops: resolve it, then run again with that
stage's file.

The old text is the committed one (git HEAD; --rev says otherwise).  A file that is not
committed yet has none: then the next stage's copy, if it is declared one, is taken for
the old text.  Text that is replaced and stands in no commit is kept in build/forward/.

--new stage05_block starts a stage: a copy of all files of the last one.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import stages
from stages import Tree, fail

MARKER = b"<<<<<<< "  # a line like this is left where a merge found a conflict


def committed(tree, rev, stage, name):
    """The text of a stage's file in a commit; None if it is not there."""
    return stages.git(tree.root, "show", f"{rev}:./{stage.name}/{name}")


def merge(ours, base, theirs, names):
    """Three-way merge of bytes: (text, whether there are conflicts)."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / side for side in ("ours", "base", "theirs")]
        for path, text in zip(paths, (ours, base, theirs)):
            path.write_bytes(text)
        labels = [word for name in names for word in ("-L", name)]
        done = subprocess.run(["git", "merge-file", "-p", "--diff3", *labels, *paths],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode < 0 or done.returncode > 127:
        fail(f"git merge-file: {done.stderr.decode().strip()}")
    return done.stdout, done.returncode > 0


def old_text(tree, rev, stage, name, new):
    """What the file was before the fix; dies when nothing tells."""
    path = f"{stage.name}/{name}"
    old = committed(tree, rev, stage, name)
    if old not in (None, new):
        return old
    after = tree.later(stage)[0]
    if name in after.copied:
        copy = after.bytes(name) if old is None else committed(tree, rev, after, name)
        if copy not in (None, new):
            print(f"{path}: no older text in {rev}: taking that of {after.name}")
            return copy
        if old is None:
            return new
    elif old is None:
        fail(f"{path} is not in {rev}, and {after.name} has no copy of it to tell the "
             f"old text by: change {after.name} by hand")
    fail(f"{path} is the same as in {rev}: nothing to carry (--rev HEAD~1 if the fix is "
         f"committed already)")


def replace(tree, rev, stage, name, text):
    """Writes a file; what is in no commit yet is kept aside first."""
    path = stage.path / name
    if committed(tree, rev, stage, name) != path.read_bytes():
        kept = tree.root / "build" / "forward" / stage.name
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept / name)
    path.write_bytes(text)


def carry(tree, rev, first, name):
    """Takes the fix in stage `first` through all later stages."""
    new = first.bytes(name)
    old = old_text(tree, rev, first, name, new)
    olds, before = {old}, first  # olds: the texts of a copy that is out of date
    for stage in tree.later(first):
        path, now = f"{stage.name}/{name}", stage.bytes(name)
        then = committed(tree, rev, stage, name)
        if now is None:
            fail(f"{path} is not there, and files never disappear: run make check-stages")
        if MARKER in now:
            fail(f"{path} has an unresolved conflict: edit it, then "
                 f"make forward FILE={path}")
        if now == new or now in olds:
            if now != new:
                replace(tree, rev, stage, name, new)
            print(f"{path}: {'has it already' if now == new else 'copied'}")
            olds |= {now, then or now} - {new}
        else:
            labels = (stage.name, f"{before.name}, old", f"{before.name}, new")
            text, conflict = merge(now, old, new, labels)
            if text != now:
                replace(tree, rev, stage, name, text)
            if conflict:
                fail(f"{path}: conflict, left in the file between <<<<<<< and >>>>>>>: "
                     f"resolve it, then make forward FILE={path}")
            print(f"{path}: {'merged' if text != now else 'needs no change'}")
            if name in stage.copied:
                print(f"{path}: declared =, but not a copy: make check-stages")
            # From here on this stage's text is what is carried.
            new, old = text, now if text != now else then or old
            olds = {old, then or old}
        before = stage
    print("now: make check")


def start(tree, name):
    """Creates the directory of the next stage as a copy of the last one."""
    last = tree.stages[-1] if tree.stages else fail("there is no stage to copy yet")
    path = tree.root / name
    if not name.startswith(f"stage{last.number + 1:02d}_"):
        fail(f"{name}: the next stage is called stage{last.number + 1:02d}_...")
    if path.exists():
        fail(f"{name} exists already: delete it first to start anew")
    path.mkdir()
    for file in sorted(last.path.iterdir()):
        shutil.copyfile(file, path / file.name)
    print(f"{name}: {len(list(path.iterdir()))} files from {last.name}")


def main():
    parser = stages.arguments(__doc__)
    parser.add_argument("file", nargs="?", help="as stage04_attention/ops.c")
    parser.add_argument("--rev", default="HEAD", help="commit with the old text (HEAD)")
    parser.add_argument("--new", metavar="STAGE", help="create this stage directory")
    args = parser.parse_args()
    tree = Tree(args.root)
    if args.new:
        return start(tree, args.new.rstrip("/"))
    if not shutil.which("git"):
        fail("there is no git, and forward needs it: install git")
    if not args.file:
        fail("which file? make forward FILE=stage04_attention/ops.c")
    path = Path(args.file)
    stage = next((s for s in tree.stages if s.name == path.parent.as_posix()), None)
    if stage is None or stage.bytes(path.name) is None:
        fail(f"{args.file}: no such file; name it as stage04_attention/ops.c")
    if path.name not in stage.files:
        fail(f"{args.file} is not in stages.txt: add it there first")
    if stage is tree.stages[-1]:
        fail(f"{args.file} is in the last stage: nothing to carry")
    if MARKER in stage.bytes(path.name):
        fail(f"{args.file} has an unresolved conflict: edit it first")
    return carry(tree, args.rev, stage, path.name)


if __name__ == "__main__":
    sys.exit(main())
