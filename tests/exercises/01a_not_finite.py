"""01a: --tensor says how many numbers are NaN or infinite."""

import math
import struct
import tempfile
from pathlib import Path

from lib import expect, fail, make, run, safetensors

make("stage01")
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model.safetensors"
    many = [1.0] * 10000
    many[4095] = many[4096] = math.inf
    many[9999] = -math.inf
    tensors = {"none": [1.0, -2.5, 0.0], "two": [math.nan, 1.0, math.inf, 3.0],
               "many": many, "all": [math.nan] * 5}
    wanted = {"none": 0, "two": 2, "many": 3, "all": 5}
    path.write_bytes(safetensors({
        name: ("F32", [len(x)], struct.pack(f"<{len(x)}f", *x)) for name, x in tensors.items()}))
    for name, count in wanted.items():
        lines = run("stage01/run", "-m", path, "--tensor", name).splitlines()
        found = [line for line in lines if line.startswith("not finite:")]
        if not found:
            fail(f"--tensor {name}: no line begins with 'not finite:'")
        expect(f"--tensor {name}, with {count} numbers that are not finite",
               [f"not finite: {count}"], found)
