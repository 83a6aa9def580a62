#!/usr/bin/env python3
"""Is each barrier of each kernel needed, and would a test notice if it were not there?

    tests/mutate_barriers.py            all of them: a table; status 1 if a barrier is not missed
    tests/mutate_barriers.py --list     what there is
    tests/mutate_barriers.py attention  those whose place, file:line, contains this

In a copy of the tree each barrier is deleted in turn, and the tests of kernels (test_*_kernels.c)
run on the emulator: plainly with four orders of threads, and under ThreadSanitizer.  One of them
must fail.  A file that stages share by identical copies is tried in the last stage that has it.
"""
import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BARRIER = re.compile(
    r"\b(__syncthreads|__syncwarp|__pipeline_wait_prior|cp_async_wait\w*|\w+\.sync)\s*\([^;]*\)(?=;)"
    r"|\b__syncthreads_(?:count|and|or)\b"  # what it is called with remains
)
FUNCTION = re.compile(r"^\w[^\n;]*?\b(?!__launch_bounds__)(\w+)\(", re.M)
SEEDS = range(4)
SECONDS = 120  # for a run; more is a hang
ROW = "%-38s %-18s %-40s %s"


class Barrier:
    def __init__(self, path, stage, text, match):
        self.path, self.stage = path, stage
        self.text, self.match = text, match
        self.place = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        names = FUNCTION.findall(text[: match.start()])
        self.function = names[-1] if names else "?"

    def deleted(self):
        return self.text[: self.match.start()] + self.text[self.match.end() :]


def barriers_of(path, stage, text):
    """those that are not in a comment"""
    code = re.sub("//.*", lambda comment: " " * len(comment[0]), text)
    for match in BARRIER.finditer(code):
        yield Barrier(path, stage, text, match)


def barriers():
    """of every version of every CUDA source of stages and common"""
    last, found = {}, []
    stages = sorted(ROOT.glob("stage[0-9][0-9]_*"))
    for source in (s for d in [ROOT / "common", *stages] for s in sorted(d.glob("*.cu*"))):
        last[source.name, source.read_text()] = source.relative_to(ROOT)
    for (_, text), path in sorted(last.items(), key=lambda item: str(item[1])):
        stage = path.parent.name if path.parts[0] != "common" else stages[-1].name
        found += barriers_of(path, stage[5:7], text)
    return found


def programs(barrier):
    """the tests that could notice: first those that include the header of the barrier's file"""
    header = f'"{barrier.path.stem}.h"'
    sources = sorted(ROOT.glob("tests/test_*_kernels.c"), key=lambda s: (header not in s.read_text(), s.name))
    for source in sources:
        if "_common_" in source.name:
            yield source.stem
        elif source.name.split("_")[1] <= barrier.stage:
            yield f"{source.stem}@{barrier.stage}"


class Tree:
    """a copy of what is built, with a plain build and one with ThreadSanitizer"""

    def __init__(self, where, jobs):
        self.root, self.jobs, self.fine = Path(where), jobs, set()
        listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT,
                                capture_output=True, text=True, check=True).stdout
        for name in listed.split("\0"):
            if name and not name.startswith(("docs/", "models/")) and (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.root / name)
        self.prefix = self.sanitizer_prefix()

    def sanitizer_prefix(self):
        """some kernels randomise addresses more than ThreadSanitizer can bear; setarch -R turns it off"""
        (self.root / "try.c").write_text("int main(void) { return 0; }\n")
        compiled = subprocess.run(["cc", "-fsanitize=thread", "-o", "try", "try.c"], cwd=self.root)
        for prefix in ([], ["setarch", platform.machine(), "-R"]):
            if compiled.returncode == 0 and subprocess.run(
                    [*prefix, "./try"], cwd=self.root, stderr=subprocess.DEVNULL).returncode == 0:
                return prefix
        sys.exit("ThreadSanitizer does not run here: most barriers can not be tried")

    def build(self, program):
        """both builds of a test program, at the same time"""
        makes = []
        for name, sanitizer in (("plain", ""), ("race", "thread")):
            command = ["make", "-s", f"-j{self.jobs}", "DEVICE=emu", f"SAN={sanitizer}", "CFLAGS=-O1",
                       f"BUILD=build/{name}", f"build/{name}/tests/{program}"]
            makes.append(subprocess.Popen(command, cwd=self.root, text=True, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT))
        for make in makes:
            text = make.communicate()[0]
            if make.returncode != 0:
                sys.exit(f"{program} can not be built:\n{text[-2000:]}")

    def run(self, name, program, seed):
        """(does it fail?, the names of the tests that do)"""
        environment = dict(os.environ, CUDA_CPU_SEED=str(seed), ASAN_OPTIONS="detect_leaks=0",
                           TSAN_OPTIONS="halt_on_error=1 atexit_sleep_ms=0")
        command = [f"build/{name}/tests/{program}"]
        command = [*command, "-j1"] if name == "plain" else [*self.prefix, *command]
        try:
            ran = subprocess.run(command, cwd=self.root, env=environment, timeout=SECONDS, text=True,
                                 capture_output=True, errors="replace")
        except subprocess.TimeoutExpired:
            return True, {"(hangs)"}
        text = ran.stdout + ran.stderr
        if name == "race" and ran.returncode != 0 and "data race" not in text:
            return True, {"(fails without a race)"}
        return ran.returncode != 0, set(re.findall(r"(?:\[FAIL\]|FAILED:|\[CRASH\]) \w+::(\w+)", text))

    def killers(self, program):
        """how the program fails; empty: it does not"""
        self.build(program)
        found, seeds, tests = [], [], set()
        for seed in SEEDS:
            fails, names = self.run("plain", program, seed)
            if fails:
                seeds.append(str(seed))
                tests |= names
        if seeds:
            found.append("seeds " + " ".join(seeds))
        fails, names = self.run("race", program, 0)
        if fails:
            found.append("race")
            tests |= names
        return [" ".join(sorted(tests)), ", ".join(found)] if found else []

    def check(self, program):
        """without any change it passes, or nothing could be learnt from it"""
        if program not in self.fine:
            if failed := self.killers(program):
                sys.exit(f"{program} fails with all barriers in place: {' '.join(failed)}")
            self.fine.add(program)

    def attempt(self, barrier):
        """(program and tests, how) that notice, or None"""
        for program in programs(barrier):
            self.check(program)
            (self.root / barrier.path).write_text(barrier.deleted())
            killed = self.killers(program)
            (self.root / barrier.path).write_text(barrier.text)
            if killed:
                return f"{program}: {killed[0]}", killed[1]
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the barriers, try none")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1), help="of make (default: the processors)")
    parser.add_argument("part", nargs="*", help="only the barriers whose file:line contains one of these")
    options = parser.parse_args()
    chosen = [b for b in barriers() if not options.part or any(p in b.place for p in options.part)]
    if not chosen:
        sys.exit(f"no barrier's place contains {' or '.join(options.part)}; --list prints them")
    if options.list:
        for barrier in chosen:
            print("%-38s %s" % (barrier.place, barrier.function))
        return
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    survived, began = 0, time.monotonic()
    print(ROW % ("barrier", "in", "noticed by", "how"), flush=True)
    with tempfile.TemporaryDirectory(prefix="barriers.") as where:
        tree = Tree(where, options.jobs)
        for barrier in chosen:
            found = tree.attempt(barrier)
            survived += found is None
            print(ROW % (barrier.place, barrier.function, *(found or ("SURVIVED", ""))), flush=True)
    print(f"{len(chosen)} barriers, {survived} survived, {time.monotonic() - began:.0f} s")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
