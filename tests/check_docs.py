"""make check-docs: do links lead somewhere, and is quoted code still the code?

Links and anchors in README, CONTRIBUTING, CHANGELOG, docs/ and the models' READMEs must
resolve.  A comment on the line before a code fence says what it is checked against:

    <!-- code: stage08_kvcache/attention.c -->  its lines stand there, verbatim and in
                                                order; a line `// ...` (or # ...) skips
    <!-- diff: 08 attention.c -->               each + line is new in stage 08, each -
                                                line gone since 07; + and context lines
                                                stand together, but `// ...` skips
    <!-- sample: ... -->                        not checked: numbers that vary

A new kind of fence is a function in CHECKS.  The number of words (outside of fences) of
each chapter is printed, and which fences of C or diffs nothing checks.
"""

import os
import re
from urllib.parse import unquote

import stages
from stages import Tree

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md",
         "models/README.md", "models/*/README.md", "tests/README.md", "tests/*/README.md")
UNCHECKED = ("run", "sample")  # run: not executed yet
LANGUAGES = ("c", "cuda", "diff")  # fences that ought to be checked

FENCE = re.compile(r"\s*(```+|~~~+)\s*(\w*)")
NOTE = re.compile(r"\s*<!--\s*(\w+):\s*(.*?)\s*-->\s*$")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]"  # a link's text may hold [brackets]
                  r"\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
OTHER_LINKS = re.compile(r"^\s*\[[^\]]+\]:\s*(\S+)|(?:href|src)=\"([^\"]+)\"")
SKIP = re.compile(r"[ +-]?\s*(//|#) \.\.\.\s*$")


class Fence:
    """A code fence: where it opens, its language, its lines, the note above it."""

    def __init__(self, line, language, note):
        self.line, self.language, self.note, self.lines = line, language, note, []


class Page:
    """A markdown file: its prose lines as (number, text), its fences, its anchors."""

    def __init__(self, path, name):
        self.name, self.prose, self.fences, self.stray = name, [], [], []
        fence = end = note = None
        indent = 0
        for i, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            opening = FENCE.match(line)
            if fence and line.strip() == end:
                fence = None
            elif fence:
                fence.lines.append(line[indent:] if not line[:indent].strip() else line)
            elif opening:
                fence = Fence(i, opening[2], note and note[1])
                self.fences.append(fence)
                end, indent, note = opening[1], len(line) - len(line.lstrip()), None
            else:
                if note and line.strip():
                    self.stray.append(note)
                    note = None
                found = NOTE.match(line)
                note = (i, found.groups()) if found else note
                self.prose.append((i, line))
        self.open = fence
        self.stray += [note] if note else []
        self.anchors = set(anchors(line for _, line in self.prose))

    def words(self):
        text = " ".join(line for _, line in self.prose)
        return len(re.sub(r"<!--.*?-->", " ", text).split())


def anchors(lines):
    """The names that GitHub gives to headings, and those set by hand."""
    seen = {}
    for line in lines:
        yield from re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line)
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            slug = re.sub(r"[^\w\- ]", "", text.replace("`", "")).replace(" ", "-")
            count = seen[slug] = seen.get(slug, -1) + 1
            yield f"{slug}-{count}" if count else slug


def check_links(page, pages, root):
    """Relative links: the file is there, inside the tree, and has the anchor."""
    for i, line in page.prose:
        line = re.sub(r"`[^`]*`", "", line)
        targets = LINK.findall(line) + [a or b for a, b in OTHER_LINKS.findall(line)]
        for link in targets:
            if re.match(r"[a-z][a-z0-9+.-]*:", link, re.I):
                continue
            where = f"{page.name}:{i}: link {link}"
            path, _, anchor = unquote(link).partition("#")
            name = os.path.normpath(os.path.join(os.path.dirname(page.name), path))
            name = name if path else page.name
            if os.path.isabs(path) or name.startswith(".."):
                yield f"{where}: leads out of the tree: write it relative to this page"
            elif not (root / name).exists():
                yield f"{where}: there is no {name}: correct the path"
            elif anchor and name in pages and anchor not in pages[name].anchors:
                near = ", ".join(sorted(pages[name].anchors)[:8])
                yield f"{where}: no heading gives #{anchor}; {name} has {near}, ..."


def segments(lines):
    """The runs of lines between skips, without blank lines at their ends."""
    runs = [[]]
    for line in lines:
        if SKIP.match(line):
            runs.append([])
        elif line.strip() or runs[-1]:
            runs[-1].append(line.rstrip())
    for run in runs:
        while run and not run[-1]:
            run.pop()
    return [run for run in runs if run]


def find_run(run, lines, start):
    """Where a run of lines stands in `lines`: (index or None, most lines that match)."""
    most = 0
    for i in range(start, len(lines)):
        n = 0
        while n < len(run) and i + n < len(lines) and run[n] == lines[i + n]:
            n += 1
        if n == len(run):
            return i, n
        most = max(most, n)
    return None, most


def check_occurs(fence_lines, lines, name):
    """All segments occur in order; yields the first line that does not."""
    start = 0
    for run in segments(fence_lines):
        at, matched = find_run(run, lines, start)
        if at is None:
            where = " below what is quoted before it" if start else ""
            yield f"{name} has no such line{where}: {run[matched]!r}: quote it anew"
            return
        start = at + len(run)


def check_code(fence, argument, tree):
    """<!-- code: PATH -->"""
    path = tree.root / argument
    if not path.is_file():
        yield f"there is no file {argument}: correct the path in the comment"
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    yield from check_occurs(fence.lines, lines, argument)


def check_diff(fence, argument, tree):
    """<!-- diff: NN FILE -->"""
    match = re.fullmatch(r"(\d\d) (\w+\.\w+)", argument)
    stage = next((s for s in tree.stages if match and s.number == int(match[1])), None)
    before = stage and tree.previous(stage)
    if before is None or stage.bytes(match[2]) is None:
        yield f"no diff of {argument}: write <!-- diff: 08 attention.c -->"
        return
    name = match[2]
    old, new = before.lines(name), stage.lines(name)
    gone, added = stages.line_changes(old, new)
    for line in fence.lines:
        text = line[1:].rstrip()
        if not text or SKIP.match(line):
            continue
        if line[0] == "+" and text not in added:
            yield f"not new in {stage.name}/{name}: {text!r}: quote the diff anew"
            return
        if line[0] == "-" and text not in gone:
            yield f"not gone since {before.name}/{name}: {text!r}: quote the diff anew"
            return
    rest = [line if SKIP.match(line) else line[1:] for line in fence.lines
            if line[:1] != "-" and line[:2] != "@@"]
    yield from check_occurs(rest, new, f"{stage.name}/{name}")


CHECKS = {"code": check_code, "diff": check_diff}


def check_fences(page, tree):
    """Every fence against what the comment above it names."""
    for i, (kind, _) in page.stray:
        if kind in CHECKS or kind in UNCHECKED:
            yield f"{page.name}:{i}: no fence follows <!-- {kind}: ... -->: add it"
    if page.open:
        yield f"{page.name}:{page.open.line}: this fence is never closed"
    for fence in page.fences:
        kind, argument = fence.note or (None, None)
        if kind in CHECKS:
            for problem in CHECKS[kind](fence, argument, tree):
                yield f"{page.name}:{fence.line}: {problem}"
        elif kind and kind not in UNCHECKED:
            known = ", ".join([*CHECKS, *UNCHECKED])
            yield f"{page.name}:{fence.line}: unknown kind of fence, {kind}: use {known}"


def summary(page):
    """A chapter's line in the listing."""
    checked = sum(bool(f.note and f.note[0] in CHECKS) for f in page.fences)
    loose = [str(f.line) for f in page.fences if not f.note and f.language in LANGUAGES]
    text = f"{page.name}: {page.words()} words, {checked} fences checked"
    return text + (f"; unchecked code at lines {', '.join(loose)}" if loose else "")


def main():
    tree = Tree(stages.arguments(__doc__).parse_args().root)
    paths = {p for pattern in PAGES for p in tree.root.glob(pattern)}
    names = sorted(p.relative_to(tree.root).as_posix() for p in paths)
    pages = {name: Page(tree.root / name, name) for name in names}
    problems = []
    for page in pages.values():
        problems += check_links(page, pages, tree.root)
        problems += check_fences(page, tree)
        if re.fullmatch(r"docs/\d\d-.*\.md", page.name):
            print(summary(page))
    stages.finish(problems, f"{len(pages)} pages: links and fences are right")


if __name__ == "__main__":
    main()
