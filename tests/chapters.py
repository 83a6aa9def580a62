"""What a finished chapter must have, for check_docs.py.

- Every function that stages.txt has new or changed in the chapter's stage, in C and in
  CUDA, is shown: its first line and a line of its body stand in fences of this chapter
  (of a changed function: a line that has changed).  Or it is waived by name, with a
  reason, in a comment of the chapter:

      <!-- waived:
      show.c run.c: what is printed and the options are not the lesson
      safetensors.c by_name by_offset: they compare two tensors for qsort
      -->

- 1,500 to 3,500 words, a figure, and two to four exercises.  An exercise has a heading
  `### 08a. Its title (easy)`, or (an hour), or (a weekend); a test tests/exercises/08a_*;
  and a section `## 08a. Its title` in docs/answers/08.md with a patch in a fence below
  `<!-- answer: 08a -->`.

Chapters in DRAFTS are excused; the list is to shrink to nothing.  `check_docs.py
--finished` tells what they lack.
"""

import re

from check_stages import functions

DRAFTS = ()
WORDS = (1500, 3500)
EXERCISES = (2, 4)
EXERCISE = re.compile(r"(\d\d[a-z])\. .* \((easy|an hour|a weekend)\)")


def changed_functions(tree, stage):
    """(file, name) -> the lines of which one must be shown, and one that must be, or None.

    Lines are numbered from 0.  Of a new function that one line is its first.
    """
    before, found = tree.previous(stage), {}
    for name in [name for m in stage.marked("NnC") for name in m.files]:
        if name.endswith(".h") or stage.bytes(name) is None:
            continue
        lines, old = stage.lines(name), before.lines(name) if before else []
        was = {f: old[at - 1:at - 1 + n] for f, at, n in functions("\n".join(old))}
        for function, at, n in functions("\n".join(lines)):
            whole = range(at - 1, at - 1 + n)
            if [lines[i] for i in whole] == was.get(function):
                continue
            new = {i for i in whole if re.search(r"\w", lines[i])}
            first = None if function in was else at - 1
            changed = {i for i in new if lines[i] not in was.get(function, ())}
            found[name, function] = (changed or new) - {first}, first
    return found


def shown_functions(page, stage, todo):
    """Those of which the page's fences quote enough."""
    shown, found = set().union(*(f.shown for f in page.fences)), set()
    for (name, function), (lines, first) in todo.items():
        path = f"{stage.name}/{name}"
        if any((path, i) in shown for i in lines) and \
                (first is None or (path, first) in shown):
            found.add((name, function))
    return found


def read_waivers(page, todo, shown):
    """The functions that the page waives, and what is wrong with the waivers."""
    waived, problems = set(), []
    for line in page.waivers():
        names, _, reason = line.partition(":")
        files = [word for word in names.split() if "." in word]
        names = [word for word in names.split() if "." not in word]
        keys = {(f, n) for f in files for n in names} if names else \
            {key for key in todo if key[0] in files}
        waived |= keys
        if not reason.strip() or not files:
            problems.append(f"{line!r}: write FILE FUNCTION: a reason")
        problems += [f"{f} {n}: this stage has no such new function: take it off"
                     for f, n in sorted(keys - set(todo))]
        problems += [f"{f}: nothing is new in it: take it off" for f in files
                     if not names and f not in {file for file, _ in todo}]
        problems += [f"{f} {n}: it is shown: take it off" for f, n in sorted(keys & shown)
                     if names]
    return waived, [f"{page.name}: waived: {problem}" for problem in problems]


def check_functions(page, tree, stage):
    """How many functions are shown, and those that neither are nor are waived."""
    todo = changed_functions(tree, stage)
    shown, missing = shown_functions(page, stage, todo), {}
    waived, problems = read_waivers(page, todo, shown)
    for file, function in todo:
        if (file, function) not in shown | waived:
            missing.setdefault(file, []).append(function)
    problems += [f"{page.name}: neither shown nor waived: {file} {' '.join(names)}"
                 for file, names in missing.items()]
    return f"{len(shown)} of {len(todo)} functions shown", problems


def check_exercises(page, pages, root, number):
    """Each has a grade, a test and an answer."""
    found = [text for _, level, text in page.headings()
             if level == 3 and re.match(r"\d\d[a-z]\b", text)]
    least, most = EXERCISES
    if not least <= len(found) <= most:
        yield f"{page.name}: {len(found)} exercises: {least} to {most} are wanted"
    answers = pages.get(f"docs/answers/{number:02d}.md")
    solved = {f.note[1] for f in answers.fences if f.note and f.note[0] == "answer"} \
        if answers else set()
    for text in found:
        match = EXERCISE.fullmatch(text)
        if not match or int(match[1][:2]) != number:
            yield (f"{page.name}: exercise {text!r}: write "
                   f"### {number:02d}a. Its title (easy), or (an hour), or (a weekend)")
            continue
        if len(list(root.glob(f"tests/exercises/{match[1]}_*"))) != 1:
            yield f"{page.name}: exercise {match[1]}: no test tests/exercises/{match[1]}_*"
        if match[1] not in solved:
            yield (f"{page.name}: exercise {match[1]}: docs/answers/{number:02d}.md has no "
                   f"patch below <!-- answer: {match[1]} -->")


def check(page, pages, tree, drafts):
    """A word on its functions, and its problems (none for a draft)."""
    number = int(page.name[5:7])
    stage = next((s for s in tree.stages if s.number == number), None)
    if stage is None:
        return "no stage", []
    text, problems = check_functions(page, tree, stage)
    if number in drafts:
        return text + " (a draft)", []
    least, most = WORDS
    if not least <= page.words() <= most:
        problems.append(f"{page.name}: {page.words()} words: {least} to {most} are wanted")
    if not any("](figures/" in line for _, line in page.prose):
        problems.append(f"{page.name}: no figure")
    return text, problems + list(check_exercises(page, pages, tree.root, number))
