"""What the scripts of this directory share; the standard library is enough for it."""

import array
import hashlib
import json
import os
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

NEW_TOKENS = 60      # of each greedy continuation in tales_greedy.json


def model_path(name):
    """Random models lie beside the tests, trained ones in models/."""
    path = os.path.join(ROOT, "tests", "models", name)
    return path if os.path.isdir(path) else os.path.join(ROOT, "models", name)


def reference_names():
    return sorted(f[:-len(".safetensors")] for f in os.listdir(HERE)
                  if f.endswith(".safetensors"))


def read_safetensors(path):
    """({name: (shape, values)}, metadata). The format: the header's length in 8 bytes,
    the header as JSON, the tensors' bytes. F32 and I32 are all that occurs here."""
    with open(path, "rb") as f:
        length, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(length))
        data = f.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        values = array.array({"F32": "f", "I32": "i"}[t["dtype"]])
        values.frombytes(data[begin:end])
        tensors[name] = (t["shape"], values)
    return tensors, metadata


def reference(name):
    return read_safetensors(os.path.join(HERE, name + ".safetensors"))


def fingerprint(path):
    """Of the weights that a reference was made from: tells when it has become stale."""
    h = hashlib.sha256()
    for file in sorted(os.listdir(path)):
        if file.endswith(".safetensors"):
            with open(os.path.join(path, file), "rb") as f:
                h.update(f.read())
    return h.hexdigest()


def stale(name):
    """A line that says so if the model's weights are not the reference's, else None."""
    if fingerprint(model_path(name)) == reference(name)[1]["weights_sha256"]:
        return None
    return (f"{name}: the reference was made from other weights; "
            f"run tests/reference/make_reference.py tensors {name}")


def run_program(program, *arguments):
    """(what it wrote on stdout, None), or (None, a line that says what went wrong)."""
    try:
        done = subprocess.run([program, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=300)
    except OSError as e:
        return None, f"cannot run {program}: {e.strerror}"
    except subprocess.TimeoutExpired:
        return None, f"{program} did not end within 300 s"
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return None, f"exit status {done.returncode}: {words[-1] if words else ''}"
    return done.stdout.decode("utf-8", "replace"), None
