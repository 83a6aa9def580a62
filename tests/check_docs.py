"""make check-docs: do links lead somewhere, and is quoted code still the code?

Links and anchors in README, CONTRIBUTING, CHANGELOG, docs/ and the models' READMEs must
resolve, images must have an alt text, and each figure a page that shows it.  A comment on
the line before a code fence says what it is checked against:

    <!-- code: stage08_kvcache/attention.c -->  its lines stand there, verbatim and in
                                                order; a line `// ...` (or # ...) skips
    <!-- diff: 08 attention.c -->               each + line is new in stage 08, each -
                                                line gone since 07; + and context lines
                                                stand together, but `// ...` skips
    <!-- answer: 08a -->                        a patch that applies to the tree
    <!-- run: ... -->                           run_docs.py executes it
    <!-- sample: ... -->                        not checked: numbers that vary

A new kind of fence is a function in CHECKS.  Of each chapter the number of words (outside
of fences) is printed, how many functions of its stage it shows (chapters.py says what a
finished chapter must have), and which fences of C or diffs nothing checks.  codespell,
where it is installed, reads all pages.
"""

import os
import re
import shutil
import subprocess
from urllib.parse import unquote

import chapters
import stages
from pages import Page
from stages import Tree

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md",
         "models/README.md", "models/*/README.md", "tests/README.md", "tests/*/README.md")
UNCHECKED = ("run", "sample")  # run: run_docs.py executes it
LANGUAGES = ("c", "cuda", "diff")  # fences that ought to be checked

LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]"  # a link's text may hold [brackets]
                  r"\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
IMG = re.compile(r"<img\b[^>]*>")
ALT = 20  # characters that an alt text has at least: it tells what the figure tells
SPELLED = "fro,ot,te,hel,ther,wit"  # words of the default model and of options
OTHER_LINKS = re.compile(r"(?m)^[ \t]*\[[^\]]+\]:\s*(\S+)|(?:href|src)=\"([^\"]+)\"")
SKIP = re.compile(r"[ +-]?\s*(//|#) \.\.\.\s*$")


def check_links(page, pages, root):
    """Relative links: the file is there, inside the tree, and has the anchor."""
    links = [(i, m[1]) for i, m in page.find(LINK)]
    links += [(i, m[1] or m[2]) for i, m in page.find(OTHER_LINKS)]
    for i, link in sorted(links):
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


def check_images(page):
    """Whoever cannot see a figure must be told what it shows."""
    alts = [(i, m[1]) for i, m in page.find(IMAGE)]
    alts += [(i, (re.findall(r'alt="([^"]*)"', m[0]) or [""])[0]) for i, m in page.find(IMG)]
    for i, alt in sorted(alts):
        if len(alt.strip()) < ALT:
            yield f"{page.name}:{i}: image without an alt text: say what it shows"


def check_figures(pages, root):
    """Each figure is shown, and says in itself what it is."""
    shown = {os.path.normpath(os.path.join(os.path.dirname(page.name), m[2]))
             for page in pages.values() for _, m in page.find(IMAGE)}
    for path in sorted((root / "docs" / "figures").glob("*.svg")):
        name = path.relative_to(root).as_posix()
        if name not in shown:
            yield f"{name}: no page shows it: show it, or delete it"
        if "<title>" not in path.read_text(encoding="utf-8"):
            yield f"{name}: has no <title>"


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


def check_occurs(fence, fence_lines, lines, name):
    """All segments occur in order; yields the first line that does not."""
    start = 0
    for run in segments(fence_lines):
        at, matched = find_run(run, lines, start)
        if at is None:
            where = " below what is quoted before it" if start else ""
            yield f"{name} has no such line{where}: {run[matched]!r}: quote it anew"
            return
        start = at + len(run)
        fence.shown |= {(name, i) for i in range(at, start)}


def check_code(fence, argument, tree):
    """<!-- code: PATH -->"""
    path = tree.root / argument
    if not path.is_file():
        yield f"there is no file {argument}: correct the path in the comment"
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    yield from check_occurs(fence, fence.lines, lines, argument)


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
    yield from check_occurs(fence, rest, new, f"{stage.name}/{name}")


def check_answer(fence, argument, tree):
    """<!-- answer: 08a -->"""
    patch = "\n".join(fence.lines) + "\n"
    done = subprocess.run(["git", "apply", "--check", "-"], cwd=tree.root,
                          input=patch.encode("utf-8"), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip().split("\n")[0]
        yield f"the answer {argument} does not apply: {said}: make the patch anew"


CHECKS = {"code": check_code, "diff": check_diff, "answer": check_answer}


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


def check_spelling(names, root):
    """What codespell finds in the pages."""
    if not names or not shutil.which("codespell"):
        return
    done = subprocess.run(["codespell", f"--ignore-words-list={SPELLED}", *names],
                          cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        yield f"{line}: correct it, or add the word to SPELLED"


def summary(page, functions):
    """A chapter's line in the listing."""
    checked = sum(bool(f.note and f.note[0] in CHECKS) for f in page.fences)
    loose = [str(f.line) for f in page.fences if not f.note and f.language in LANGUAGES]
    text = f"{page.name}: {page.words()} words, {checked} fences checked, {functions}"
    return text + (f"; unchecked code at lines {', '.join(loose)}" if loose else "")


def main():
    parser = stages.arguments(__doc__)
    parser.add_argument("--finished", action="store_true",
                        help="drafts must be complete, too")
    parser.add_argument("--draft", type=int, metavar="N", help="chapter N is a draft, too")
    args = parser.parse_args()
    drafts = () if args.finished else (*chapters.DRAFTS, args.draft)
    tree = Tree(args.root)
    paths = {p for pattern in PAGES for p in tree.root.glob(pattern)}
    names = sorted(p.relative_to(tree.root).as_posix() for p in paths)
    pages = {name: Page(tree.root / name, name) for name in names}
    problems = []
    for page in pages.values():
        problems += check_links(page, pages, tree.root)
        problems += check_images(page)
        problems += check_fences(page, tree)
        if re.fullmatch(r"docs/\d\d-.*\.md", page.name):
            functions, more = chapters.check(page, pages, tree, drafts)
            print(summary(page, functions))
            problems += more
    problems += check_figures(pages, tree.root)
    problems += check_spelling(names, tree.root)
    stages.finish(problems, f"{len(pages)} pages: links and fences are right")


if __name__ == "__main__":
    main()
