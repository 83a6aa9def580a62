"""01c: --save FILE writes the whole model into one file, as F32."""

import struct
import tempfile
from pathlib import Path

from lib import expect, fail, make, read_safetensors, run, safetensors


def floats(dtype, data):
    """A tensor's numbers."""
    if dtype == "BF16":
        data = b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))
        dtype = "F32"
    letter = {"F32": "f", "F16": "e"}[dtype]
    return struct.unpack(f"<{len(data) // struct.calcsize(letter)}{letter}", data)


def check(model, files, folder):
    """Saves a model and compares every number."""
    path = Path(folder) / "saved.safetensors"
    path.unlink(missing_ok=True)
    run("stage01/run", "-m", model, "--save", path)
    if not path.is_file():
        fail(f"-m {model} --save {path}: no file was written")
    run("stage01/run", "-m", path, "-q")  # our own checks pass
    start = 8 + struct.unpack("<Q", path.read_bytes()[:8])[0]
    expect("the numbers' alignment: the header's end modulo 8", 0, start % 8)
    before = {k: v for file in files for k, v in read_safetensors(file).items()}
    after = read_safetensors(path)
    expect(f"the names of {model}", sorted(before), sorted(after))
    for name, (dtype, shape, data) in before.items():
        expect(f"{name}: dtype and shape", ("F32", shape), after[name][:2])
        if floats(dtype, data) != floats("F32", after[name][2]):
            fail(f"{model}: the numbers of {name} are not the same")


make("stage01")
with tempfile.TemporaryDirectory() as directory:
    shards = Path("tests/models/shards")
    check(shards, sorted(shards.glob("*.safetensors")), directory)
    check("models/tales", ["models/tales/model.safetensors"], directory)
    odd = Path(directory) / "odd.safetensors"
    odd.write_bytes(safetensors({
        'a "quoted" \\ name': ("F16", [3], struct.pack("<3e", 1, -2, 0.5)),
        "a scalar": ("F32", [], struct.pack("<f", 7)), "nothing": ("BF16", [0, 4], b"")}))
    check(odd, [odd], directory)
