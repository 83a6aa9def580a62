"""block.py DUMP MODEL HEADS: computes the first block once more, and compares.

DUMP is what ./stage05/run --dtype f32 --dump DUMP has written; MODEL is the model's
safetensors file, in BF16.  Plain Python in double precision.
"""

import math
import sys

from attention import attend, project, read


def layernorm(rows, gain, bias, eps=1e-5):
    """Each row to mean 0 and variance 1, times gain, plus bias."""
    out = []
    for row in rows:
        mean = sum(row) / len(row)
        variance = sum((x - mean) ** 2 for x in row) / len(row)
        out.append([(x - mean) / math.sqrt(variance + eps) * g + b
                    for x, g, b in zip(row, gain, bias)])
    return out


def gelu(x):
    """GPT-2's, by tanh."""
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def add(a, b):
    """Row by row, number by number."""
    return [[x + y for x, y in zip(*rows)] for rows in zip(a, b)]


def block(x, w, heads):
    """The block's formula; w(name) is a matrix, or a vector in a list."""
    qkv = project(layernorm(x, w("ln_1.weight")[0], w("ln_1.bias")[0]),
                  w("attn.c_attn.weight"), w("attn.c_attn.bias")[0])
    x = add(x, project(attend(qkv, heads), w("attn.c_proj.weight"), w("attn.c_proj.bias")[0]))
    hidden = project(layernorm(x, w("ln_2.weight")[0], w("ln_2.bias")[0]),
                     w("mlp.c_fc.weight"), w("mlp.c_fc.bias")[0])
    hidden = [[gelu(y) for y in row] for row in hidden]
    return add(x, project(hidden, w("mlp.c_proj.weight"), w("mlp.c_proj.bias")[0]))


if __name__ == "__main__":
    dump_path, model_path, heads_given = sys.argv[1:]
    dump, model = read(dump_path, ["hidden_states"]), read(model_path, ["h.0."])
    found = block(dump["hidden_states.0"], lambda name: model[f"h.0.{name}"],
                  int(heads_given))
    pairs = [(a, b) for rows in zip(dump["hidden_states.1"], found) for a, b in zip(*rows)]
    print(f"largest of {len(pairs)} numbers: {max(abs(a) for a, _ in pairs):.1f}; "
          f"largest difference: {max(abs(a - b) for a, b in pairs):.1e}")
