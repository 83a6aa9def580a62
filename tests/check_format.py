"""make check-format: are all files laid out in one way?  --fix (make format) does it.

C files go through clang-format 14 and .clang-format; text files have no tabs (Makefiles
and tables apart), no trailing white space, a final newline, and LF line ends.  Files that
.gitattributes marks as binary or -text are data and left alone.

clang-format puts `#pragma` lines at the margin; we indent them like the code they belong
to.  So they are taken to the margin before it runs, and back afterwards.
"""

import re
import shutil
import subprocess
import sys

import stages
from stages import fail

VERSION = "14"
CLANG_FORMAT = shutil.which(f"clang-format-{VERSION}") or shutil.which("clang-format")
FORMATTED = (".c", ".h")
TABS = ("Makefile", ".mk", ".tsv")


def clang_format_version():
    """clang-format's major version; None if there is no clang-format."""
    if not CLANG_FORMAT:
        return None
    text = subprocess.run([CLANG_FORMAT, "--version"], stdout=subprocess.PIPE).stdout
    return re.search(r"version (\d+)", text.decode())[1]


def indent_pragmas(text):
    """Indents `#pragma` lines like the next line of code."""
    lines = text.split("\n")
    for i in range(len(lines) - 1, -1, -1):
        if lines[i].startswith("#pragma") and not lines[i].endswith("\\"):
            below = next((line for line in lines[i + 1:] if line.strip()), "")
            lines[i] = below[:len(below) - len(below.lstrip())] + lines[i]
    return "\n".join(lines)


def formatted(root, name, text):
    """A C file's text as it should be."""
    margin = re.sub(r"^[ \t]+(?=#pragma\b)", "", text, flags=re.M)
    done = subprocess.run([CLANG_FORMAT, "--style=file", f"--assume-filename={name}"],
                          cwd=root, input=margin.encode("utf-8"),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        fail(f"clang-format {name}: {done.stderr.decode().strip()}")
    return indent_pragmas(done.stdout.decode("utf-8"))


def text_files(root):
    """The names of all files that git takes for text and .gitattributes not for data."""
    names = stages.git_files(root)
    if names is None:
        return None
    names = [name for name in names if (root / name).is_file()]
    data = "\0".join(names).encode("utf-8", "surrogateescape")
    answer = stages.git(root, "check-attr", "-z", "--stdin", "text", stdin=data) or b""
    words = answer.decode("utf-8", "surrogateescape").split("\0")
    unset = {name for name, value in zip(words[0::3], words[2::3]) if value == "unset"}
    return [name for name in names if name not in unset]


def check_text(name, data):
    """Tabs, white space at the ends of lines, line ends."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        yield f"{name}: not UTF-8: convert it, or mark it binary in .gitattributes"
        return
    if text and not text.endswith("\n"):
        yield f"{name}: no newline at its end: add one"
    if text.endswith("\n\n"):
        yield f"{name}: blank lines at its end: delete them"
    for i, line in enumerate(text.split("\n"), 1):
        if line.endswith("\r"):
            yield f"{name}:{i}: CRLF line ends: save it with LF"
            return
        if line.endswith((" ", "\t")):
            yield f"{name}:{i}: white space at the end of the line: delete it"
        if "\t" in line and not name.endswith(TABS):
            yield f"{name}:{i}: a tab: indent with spaces"


def check_c(root, name, data, fix, cache):
    """clang-format's opinion; a stage's copies are asked about once."""
    text = data.decode("utf-8")
    if data not in cache:
        cache[data] = formatted(root, name, text)
    if cache[data] == text:
        return
    if fix:
        (root / name).write_bytes(cache[data].encode("utf-8"))
        print(f"{name}: formatted")
        return
    pairs = enumerate(zip(text.split("\n"), cache[data].split("\n")), 1)
    line = next((i for i, (is_, should) in pairs if is_ != should), 1)
    yield f"{name}:{line}: not laid out as .clang-format says: run make format"


def main():
    parser = stages.arguments(__doc__)
    parser.add_argument("--fix", action="store_true", help="format all C files")
    args = parser.parse_args()
    root, version = args.root.resolve(), clang_format_version()
    names, problems, cache = text_files(root), [], {}
    if names is None:
        print("SKIP: check-format: not a git repository, so the list of files is unknown")
        return
    if version != VERSION and args.fix:
        fail(f"clang-format is {version or 'not there'}: install version {VERSION}")
    if version is None:
        print("SKIP: check-format: there is no clang-format: C FILES ARE NOT CHECKED")
    elif version != VERSION:
        print(f"warning: clang-format {version}, not {VERSION}: differences do not count")
    for name in names:
        data = (root / name).read_bytes()
        if b"\0" in data:
            continue
        found = list(check_text(name, data))[:3]
        if name.endswith(FORMATTED) and version and not any("UTF-8" in f for f in found):
            layout = list(check_c(root, name, data, args.fix, cache))
            if version == VERSION:
                found += layout
            else:
                print(*layout, sep="\n", end="\n" if layout else "")
        problems += found
    sys.stdout.flush()
    stages.finish(problems, f"{len(names)} text files are laid out well")


if __name__ == "__main__":
    main()
