"""What the tests of exercises share.  They run in the tree's root, each by itself."""

import json
import struct
import subprocess
import sys


def fail(text):
    """Not solved: says why."""
    sys.exit(text)


def expect(what, wanted, found):
    """Fails, showing both, unless they are the same."""
    if wanted != found:
        fail(f"{what}:\n  wanted: {wanted}\n  found:  {found}")


def make(*targets):
    """Builds programs."""
    if subprocess.run(["make", "-s", *targets], stdout=sys.stderr).returncode:
        fail("it does not compile: see above")


def run(*command, stdin=b""):
    """What a command prints; fails if the command does."""
    words = [str(word) for word in command]
    done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode:
        fail(f"{' '.join(words)}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout.decode("utf-8", "replace")


def safetensors(tensors):
    """A file's bytes, from name -> (dtype, shape, bytes)."""
    header, data = {}, b""
    for name, (dtype, shape, numbers) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape),
                        "data_offsets": [len(data), len(data) + len(numbers)]}
        data += numbers
    text = json.dumps(header).encode("utf-8")
    return struct.pack("<Q", len(text)) + text + data


def read_safetensors(path):
    """The other way: name -> (dtype, shape, bytes)."""
    with open(path, "rb") as file:
        data = file.read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    entries = json.loads(data[8:start])
    entries.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"],
                   data[slice(*(start + at for at in entry["data_offsets"]))])
            for name, entry in entries.items()}
