"""make exercise EX=01a: does your solution pass the exercise's test?

    python3 tests/exercise.py              lists the exercises
    python3 tests/exercise.py 01a          tests one; status 1 if it is not solved
    python3 tests/exercise.py --answers    does each answer in docs/answers solve its
                                           exercise, and is the tree unsolved without it?
    python3 tests/exercise.py --answers 01a 01b    these alone

The test of exercise 01a is tests/exercises/01a_name with the ending .sh, .py or .c (a
program, linked with the modules of stage 01).  It runs in the tree's root, builds what it
needs, says what is missing, and ends with status 0 if nothing is.  The answer is a patch
in docs/answers/01.md, in a fence below `<!-- answer: 01a -->`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import stages
from pages import Page

ENVIRONMENT = {k: v for k, v in os.environ.items()
               if not k.startswith(("GIT_", "MAKE", "MFLAGS"))}
ENVIRONMENT["OMP_WAIT_POLICY"] = "passive"


def exercises(root):
    """number -> its test, in order."""
    paths = sorted((root / "tests" / "exercises").glob("[0-9][0-9][a-z]_*"))
    return {path.name[:3]: path for path in paths if path.suffix in (".sh", ".py", ".c")}


def command(test):
    """How a test is run."""
    if test.suffix == ".c":
        return ["make", "-s", f"exercise-{test.stem}"]
    return ["sh" if test.suffix == ".sh" else sys.executable, f"tests/exercises/{test.name}"]


def run(test, root, output=None):
    """Is it solved?"""
    print(f"== {test.stem}", flush=True)
    return subprocess.run(command(test), cwd=root, env=ENVIRONMENT, stdout=output,
                          stderr=subprocess.STDOUT if output else None)


def answers(root):
    """number -> the patch, as bytes."""
    found = {}
    for path in sorted((root / "docs" / "answers").glob("*.md")):
        for fence in Page(path, path.name).fences:
            if fence.note and fence.note[0] == "answer":
                found[fence.note[1]] = ("\n".join(fence.lines) + "\n").encode("utf-8")
    return found


def copy_of(root, folder):
    """A copy of the tree to solve exercises in, with what is built already."""
    copy = Path(folder) / "copy"
    names = stages.git_files(root)
    if names is None:
        shutil.copytree(root, copy)
        return copy
    for name in names:
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)
    if (root / "build").is_dir():
        shutil.copytree(root / "build", copy / "build",
                        ignore=shutil.ignore_patterns("tests"))
    return copy


def patch(copy, text, *options):
    """git apply; whether it went."""
    done = subprocess.run(["git", "apply", *options, "-"], cwd=copy, input=text,
                          env=ENVIRONMENT)
    return done.returncode == 0


def try_answer(number, test, text, copy):
    """Yields what is wrong with an answer."""
    done = run(test, copy, subprocess.PIPE)
    said = done.stdout.decode("utf-8", "replace").strip()
    print(re.sub(r"(?m)^", "    ", said), flush=True)
    if done.returncode == 0:
        yield f"{number}: {test.name} passes without a solution: make it ask for more"
    elif done.returncode != 1 and not (test.suffix == ".c" and done.returncode == 2):
        yield f"{number}: {test.name} ends with status {done.returncode}; it should be 1"
    if not patch(copy, text):
        yield f"{number}: its answer does not apply: make the patch anew"
        return
    if run(test, copy).returncode != 0:
        yield f"{number}: its answer does not pass {test.name}: see above"
    patch(copy, text, "-R")


def check_answers(root, tests, wanted):
    """Yields what is wrong with the answers."""
    patches = answers(root)
    for number in sorted(set(patches) - set(tests)):
        yield f"{number}: an answer without a test tests/exercises/{number}_*"
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of(root, folder)
        for number in wanted or tests:
            if number in patches:
                yield from try_answer(number, tests[number], patches[number], copy)
            else:
                yield f"{number}: docs/answers has no patch <!-- answer: {number} -->"


def main():
    parser = stages.arguments(__doc__)
    parser.add_argument("numbers", nargs="*", metavar="NN", help="exercises, as 01a")
    parser.add_argument("--answers", action="store_true", help="check docs/answers")
    args = parser.parse_args()
    root, tests = args.root.resolve(), exercises(args.root.resolve())
    for number in args.numbers:
        if number not in tests:
            stages.fail(f"there is no exercise {number}; there are {' '.join(tests)}")
    if args.answers:
        problems = list(check_answers(root, tests, args.numbers))
        return stages.finish(problems, f"{len(args.numbers or tests)} answers are right")
    if not args.numbers:
        print("Exercises: make exercise EX=..., in a copy of the tree")
        return print(*(f"  {n}  {t.stem[4:]}" for n, t in tests.items()), sep="\n")
    unsolved = [n for n in args.numbers if run(tests[n], root).returncode != 0]
    if unsolved:
        stages.fail(f"not solved yet: {' '.join(unsolved)}")
    return print("solved")


if __name__ == "__main__":
    sys.exit(main())
