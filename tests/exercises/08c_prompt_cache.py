"""08c: --save-cache and --load-cache keep a prompt's keys and values in a file."""

import json
import subprocess
import tempfile
from pathlib import Path

from lib import expect, fail, make, run

NEW = 8
START = [(i * 37 + 11) % 4096 for i in range(70)]


def command(ids, *options):
    """A run of the program."""
    return ["stage08/run", "--json", "--dtype", "f32", "--ignore-eos", "-n", NEW, *options,
            "--ids", ",".join(map(str, ids))]


def check_load(file, ids, rows, *options):
    """The same tokens as without the file, and only `rows` rows of the prompt computed."""
    wanted = json.loads(run(*command(ids, *options)))
    line = command(ids, *options, "--load-cache", file)
    found = json.loads(run(*line))
    expect(f"the tokens of {' '.join(map(str, line))}", wanted["ids"], found["ids"])
    expect(f"the rows of {' '.join(map(str, line))}", rows + NEW - 1,
           found["kv_appended_tokens"])


def check_refused(what, *options):
    """Status 1, a line on stderr, nothing on stdout."""
    line = list(map(str, command(START, *options)))
    done = subprocess.run(line, capture_output=True)
    if done.returncode != 1 or done.stdout or not done.stderr.strip():
        fail(f"{what}: wanted status 1 and a message, found status {done.returncode}, "
             f"stdout {done.stdout[:60]!r}, stderr {done.stderr[:200]!r}")


def check(folder, *options):
    """Save one prompt, go on from it in several ways."""
    file = folder / "prompt.kv"
    plain = json.loads(run(*command(START, *options)))["ids"]
    saved = json.loads(run(*command(START, *options, "--save-cache", file)))["ids"]
    expect("the tokens with --save-cache", plain, saved)
    check_load(file, START, 1, *options)
    check_load(file, START + [5, 6, 7, 8], 4, *options)
    check_load(file, START[:33], 1, *options)
    check_load(file, START[:40] + [9, 8, 7], 3, *options)
    check_load(file, [9, 8, 7], 3, *options)
    check_load(file, START, 1, *options, "--cache", "dynamic")
    return file


make("stage08")
with tempfile.TemporaryDirectory() as name:
    there = Path(name)
    check(there, "--kv-dtype", "bf16")
    kept = check(there)
    data = kept.read_bytes()
    if len(data) < 70 * 6 * 2 * 320 * 4:
        fail(f"{len(data)} bytes cannot hold the keys and values of 70 tokens")
    check_refused("a file of another type", "--load-cache", kept, "--kv-dtype", "f16")
    check_refused("a file of another model", "--load-cache", kept, "-m", "tests/models/odd")
    for what, wrong in (("half a file", data[:len(data) // 2]), ("an empty file", b""),
                        ("a byte too many", data + b"x"), ("ten bytes", data[:10]),
                        ("no such file at all", b"Once upon a time there was a\n" * 9)):
        (there / "wrong.kv").write_bytes(wrong)
        check_refused(what, "--load-cache", there / "wrong.kv")
    check_refused("a file that is not there", "--load-cache", there / "none.kv")
    check_refused("a folder that is not there", "--save-cache", there / "no" / "file.kv")
