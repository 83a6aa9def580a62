"""attention.py DUMP MODEL HEADS: computes a dump's attention once more, and compares.

DUMP is what ./stage04/run --dtype f32 --dump DUMP has written; MODEL is the model's
safetensors file, in BF16.  Plain Python in double precision; slow, and easy to check.
"""

import json
import math
import struct
import sys


def read(path, parts=("attn.c_proj", "attention.")):
    """name -> [rows][columns] of the tensors whose names have one of these parts."""
    with open(path, "rb") as file:
        data = file.read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if not any(part in name for part in parts):
            continue
        begin, end = (start + at for at in entry["data_offsets"])
        part = data[begin:end]
        if entry["dtype"] == "BF16":
            part = b"".join(b"\0\0" + part[i:i + 2] for i in range(0, len(part), 2))
        numbers, width = struct.unpack(f"<{len(part) // 4}f", part), entry["shape"][-1]
        tensors[name] = [numbers[i:i + width] for i in range(0, len(numbers), width)]
    return tensors


def attend(qkv, heads, first=lambda t: 0):
    """The rows of mix: each row t reads from rows first(t) to t."""
    width = len(qkv[0]) // 3
    size, mix = width // heads, []
    for t, row in enumerate(qkv):
        out, rows = [], qkv[first(t):t + 1]
        for at in range(0, width, size):
            q = row[at:at + size]
            keys = [r[width + at:width + at + size] for r in rows]
            values = [r[2 * width + at:2 * width + at + size] for r in rows]
            scores = [sum(a * b for a, b in zip(q, k)) / math.sqrt(size) for k in keys]
            powers = [math.exp(score) for score in scores]
            out += [sum(p * v for p, v in zip(powers, column)) / sum(powers)
                    for column in zip(*values)]
        mix.append(out)
    return mix


def project(mix, weight, bias):
    """mix W + b."""
    columns = list(zip(*weight))
    return [[sum(a * b for a, b in zip(row, column)) + c
             for column, c in zip(columns, bias)] for row in mix]


def difference(dump, model, heads, first=lambda t: 0):
    """The largest, between what the dump says that attention adds and this."""
    layer = next(name for name in dump if name.startswith("attention.qkv")).split(".")[-1]
    out = project(attend(dump[f"attention.qkv.{layer}"], heads, first),
                  model[f"h.{layer}.attn.c_proj.weight"],
                  model[f"h.{layer}.attn.c_proj.bias"][0])
    return max(abs(a - b) for wanted, given in zip(out, dump[f"attention.out.{layer}"])
               for a, b in zip(wanted, given))


if __name__ == "__main__":
    dump_path, model_path, heads_given = sys.argv[1:]
    found = difference(read(dump_path), read(model_path), int(heads_given))
    print(f"largest difference: {found:.1e}")
