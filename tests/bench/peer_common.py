"""What the workers peer_*.py of tests/bench/peers share: the model's tensors, the plan of what to
time, and the line of JSON that they answer with.

    peer_NAME.py --model DIR --dtype f32 --threads 2 --files DIR [--convert]

--convert writes the engine's own file to --files and ends, so that the times of a run do not
contain it.  What is timed is read from standard input: a JSON object with the prompts `first`,
`decode`, `prefill`, `batch` and the new tokens `n`, `batch_n`.  Status 3: the engine is not
installed; 4: it has no such number type here.  T0 in the environment is when the process began.
"""

import argparse
import json
import os
import resource
import statistics
import struct
import sys
import time

MISSING, NO_DTYPE = 3, 4


def arguments(dtypes):
    """The command line; ends the worker if the engine lacks the number type."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--files", required=True)
    parser.add_argument("--convert", action="store_true")
    a = parser.parse_args()
    if a.dtype not in dtypes:
        sys.exit(NO_DTYPE)
    os.environ["OMP_NUM_THREADS"] = str(a.threads)
    return a


def config(model):
    with open(os.path.join(model, "config.json"), encoding="utf-8") as file:
        return json.load(file)


def tensors(model):
    """name -> array, of a model whose weights are F32."""
    import numpy as np
    path = os.path.join(model, "model.safetensors")
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    data = np.memmap(path, np.uint8, "r", 8 + size)
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32", name
            start, end = entry["data_offsets"]
            values = np.array(data[start:end]).view(np.float32).reshape(entry["shape"])
            found[name.removeprefix("transformer.")] = values
    return found


def timed(function, times):
    """The median of the seconds it takes, and its last result."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def measure(write, versions):
    """write(prompts, n): the n tokens that greedily follow each of the prompts."""
    plan = json.load(sys.stdin)
    write([plan["first"]], 1)
    got = {"ttft_s": time.time() - float(os.environ["T0"]), "versions": versions}

    def rate(prompts, n):
        write(prompts, 4)                                  # warms up
        (one, _), (all_, ids) = (timed(lambda n=n: write(prompts, n), plan["times"])
                                 for n in (1, n))
        return len(prompts) * (n - 1) / (all_ - one), ids

    got["decode_tok_s"], ids = rate([plan["decode"]], plan["n"])
    got["ids"] = [int(id_) for id_ in ids[0]]
    got["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    write([plan["prefill"]], 1)
    seconds, _ = timed(lambda: write([plan["prefill"]], 1), 3 * plan["times"])
    got["prefill_tok_s"] = len(plan["prefill"]) / seconds
    got["batch_tok_s"], _ = rate(plan["batch"], plan["batch_n"])
    print(json.dumps(got), flush=True)
