"""make figures: writes the figures of the chapters, docs/figures/*.svg.

    python3 docs/figures/make.py             writes them
    python3 docs/figures/make.py --check     status 1 if one is not what its script makes
    python3 docs/figures/make.py --png DIR   as pictures, light and dark (rsvg-convert)

Each chapter has a script, chNN.py, an appendix page_NAME.py, with a dictionary FIGURES:
name -> function that returns a Figure.  README.md beside this file says how to draw one.
"""

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

from draw import DARK, LIGHT

HERE = Path(__file__).resolve().parent


def figures():
    """(name, Figure) of all chapters."""
    for script in sorted([*HERE.glob("ch[0-9][0-9].py"), *HERE.glob("page_*.py")]):
        prefix = script.stem.removeprefix("ch").removeprefix("page_") + "-"
        for name, function in importlib.import_module(script.stem).FIGURES.items():
            if not name.startswith(prefix):
                sys.exit(f"{script.name}: call {name} {prefix}...")
            yield name, function()


def check(made):
    """Compares with the files; dies if one differs, or nothing makes it."""
    bad = [f"docs/figures/{name}.svg: stale: run make figures" for name, text in made.items()
           if not (HERE / f"{name}.svg").is_file()
           or (HERE / f"{name}.svg").read_text(encoding="utf-8") != text]
    bad += [f"docs/figures/{path.name}: no script makes it: delete it"
            for path in sorted(HERE.glob("*.svg")) if path.stem not in made]
    if bad:
        sys.exit("\n".join(bad))
    print(f"{len(made)} figures are up to date")


def pictures(folder):
    """Each figure in both themes, to be looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures():
        for theme, colours in (("light", LIGHT), ("dark", DARK)):
            path = folder / f"{name}-{theme}.png"
            subprocess.run(["rsvg-convert", "--zoom=1.5", "-o", path], check=True,
                           input=figure.svg((colours,)).encode("utf-8"))
            print(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--png", type=Path, metavar="DIR", help="draw them there, as PNG")
    args = parser.parse_args()
    if args.png:
        return pictures(args.png)
    made = {name: figure.svg() for name, figure in figures()}
    if args.check:
        return check(made)
    for name, text in made.items():
        (HERE / f"{name}.svg").write_text(text, encoding="utf-8", newline="\n")
    return print(f"{len(made)} figures written")


if __name__ == "__main__":
    sys.exit(main())
