#!/usr/bin/env python3
"""What each kernel takes of a GPU: registers, shared memory, stack and spills, a table.

    tests/kernels.py build/cuda-cc-native-80-90 stage04_attention/attention.cu ...

reads what ptxas -v said of each source (the Makefile keeps it beside the object).  Of
identical copies of a source the first one counts.  Shared memory is the static part: what a
launch asks for comes on top.  A stack without spills is an array that is indexed by a variable.
"""
import re
import subprocess
import sys
from pathlib import Path

ROW = "%-32s %-34s %-6s %5s %7s %6s %7s"
ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
PROPERTIES = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")


def demangle(names):
    """short names, without types of arguments"""
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    return [re.sub(r"^void |\(.*", "", line) for line in text.stdout.splitlines()]


def kernels(report):
    """(mangled name, architecture, registers, shared, stack, spilled) of each kernel of a report"""
    entry, frame, found = None, None, []
    for line in report.splitlines():
        if match := ENTRY.search(line):
            entry = match.groups()
        elif match := PROPERTIES.search(line):
            stack, stores, loads = map(int, match.groups())
            frame = (stack, stores + loads)
        elif entry and (match := re.search(r"Used (\d+) registers", line)):
            shared = re.search(r"(\d+) bytes smem", line)
            found.append((*entry, int(match[1]), int(shared[1]) if shared else 0, *frame))
            entry = None
    return found


def main(build, sources):
    seen, rows = set(), []
    for source in sorted(map(Path, sources)):
        text = source.read_bytes()
        if (source.name, text) in seen:
            continue
        seen.add((source.name, text))
        found = kernels((Path(build) / source.with_suffix(".ptxas")).read_text())
        if not found:
            sys.exit(f"{source}: its .ptxas names no kernel; try: make clean, and again")
        names = demangle([k[0] for k in found])
        rows += sorted((str(source), name, *k[1:]) for name, k in zip(names, found))
    print(ROW % ("file", "kernel", "arch", "regs", "shared", "stack", "spilled"))
    for row in rows:
        print(ROW % row)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: tests/kernels.py BUILD SOURCE.cu ...")
    main(sys.argv[1], sys.argv[2:])
