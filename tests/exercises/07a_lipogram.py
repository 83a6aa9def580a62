"""07a: --without CHARS: no token that contains one of these bytes is drawn."""

import json

from lib import expect, fail, make, run

PROMPT = "Once upon a time there was a"


def write(*options):
    """What --json tells of a text."""
    return json.loads(run("stage07/run", "--dtype", "f32", "--json", *options, PROMPT))


make("stage06", "stage07")
ways = (("--temperature", "0"), ("--seed", "1"), ("--seed", "2", "--top-k", "5"),
        ("--seed", "4", "--min-p", "0.05", "--sampler", "sort"))
for way in ways:
    plain = write("-n", "12", *way)
    expect(f"{way}, --without '~'", plain["ids"], write("-n", "12", "--without", "~",
                                                        *way)["ids"])
    for letters in ("eE", "tha,"):
        found = write("-n", "12", "--without", letters, *way)
        if any(c in found["text"] for c in letters):
            fail(f"{way}, --without {letters!r} wrote {found['text']!r}")
        if found["finish"] == "length":
            expect("how many tokens", 12, len(found["ids"]))

answer = json.loads(run("stage06/run", "--dtype", "f32", "--json", "--top", "4096", PROMPT))
for letters in ("gl", "glmbwp", " "):
    wanted = next(t["id"] for t in answer["top"]
                  if not any(c in t["token"] for c in letters))
    found = write("-n", "1", "--temperature", "0", "--without", letters)["ids"]
    expect(f"the likeliest token --without {letters!r}", [wanted], found)
