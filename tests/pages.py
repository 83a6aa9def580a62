"""The pages of the book as the checkers see them: prose, fences, anchors, waivers."""

import re

FENCE = re.compile(r"\s*(```+|~~~+)\s*(\w*)")
NOTE = re.compile(r"\s*<!--\s*(\w+):\s*(.*?)\s*-->\s*$")
WAIVERS = re.compile(r"<!--\s*waived:(.*?)-->", re.S)


class Fence:
    """A code fence: where it opens, its language, its lines, the note above it.

    `shown`: the lines of files that it quotes, as (path, index); check_docs.py fills it.
    """

    def __init__(self, line, language, note):
        self.line, self.language, self.note, self.lines = line, language, note, []
        self.shown = set()


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

    def find(self, pattern):
        """(line number, match) of each in the prose, inline code left out."""
        text = "\n".join(re.sub(r"`[^`]*`", "", line) for _, line in self.prose)
        for match in re.finditer(pattern, text):
            yield self.prose[text.count("\n", 0, match.start())][0], match

    def headings(self):
        """(line number, level, text) of each."""
        for i, line in self.prose:
            heading = re.match(r"(#{1,6})\s+(.*?)\s*#*$", line)
            if heading:
                yield i, len(heading[1]), heading[2]

    def waivers(self):
        """The lines inside <!-- waived: ... -->."""
        text = "\n".join(line for _, line in self.prose)
        lines = [line.strip() for m in WAIVERS.finditer(text) for line in m[1].split("\n")]
        return [line for line in lines if line]


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
