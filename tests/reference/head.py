"""The model's head in plain Python: logits from the last row of a dump.

    ./stage06/run --dump FILE PROMPT
    python3 tests/reference/head.py FILE models/tales/model.safetensors ID ...
"""

import json
import math
import struct
import sys

from reference import read_safetensors

dump, model, ids = sys.argv[1], sys.argv[2], [int(word) for word in sys.argv[3:]]
with open(model, "rb") as file:
    start = 8 + struct.unpack("<Q", file.read(8))[0]
    file.seek(8)
    entries = json.loads(file.read(start - 8))
    data = file.read()


def row(name, i, C):
    """Row i of a tensor of BF16, as floats."""
    begin = entries[name]["data_offsets"][0] + 2 * i * C
    return [struct.unpack("<f", b"\0\0" + data[at:at + 2])[0]
            for at in range(begin, begin + 2 * C, 2)]


tensors, _ = read_safetensors(dump)
last = max((name for name in tensors if name.startswith("hidden_states")),
           key=lambda name: int(name.split(".")[1]))
C = tensors[last][0][1]
x = tensors[last][1][-C:]
mean = sum(x) / C
std = math.sqrt(sum((v - mean) ** 2 for v in x) / C + 1e-5)
gain, bias = row("ln_f.weight", 0, C), row("ln_f.bias", 0, C)
normed = [(v - mean) / std * g + b for v, g, b in zip(x, gain, bias)]
for i in ids:
    print(i, round(sum(a * b for a, b in zip(normed, row("wte.weight", i, C))), 3))
