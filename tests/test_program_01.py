"""Stage 01's program from outside: what it prints, and each error in one line.

    make stage01 && python3 -m unittest tests/test_program_01.py
"""

import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "stage01/run"
MODELS = ROOT / "tests/models"
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # for builds with sanitizers


def run(*args, **more):
    return subprocess.run([PROGRAM, *map(str, args)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          env=ENVIRONMENT, **more)


def tensors_file(header, data=bytes(8), length=None):
    """A safetensors file's bytes; `header`: a text, or something for JSON."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


class Works(unittest.TestCase):
    def output(self, *args):
        done = run(*args)
        self.assertEqual((done.returncode, done.stderr), (0, b""), args)
        return done.stdout.decode()

    def test_bare(self):
        text = self.output()
        for part in ("wte.weight", "h.0.attn.c_attn.weight", "blocks", "attention", "BF16"):
            self.assertIn(part, text)
        self.assertNotIn("\033", text)

    def test_from_elsewhere(self):
        done = run("-q", cwd="/")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"wpe.weight", done.stdout)

    def test_json_agrees_with_the_header(self):
        for model in sorted(MODELS.iterdir()) + [ROOT / "models/tales"]:
            got = json.loads(self.output("--json", "-m", model))
            self.check_json(model, got)

    def check_json(self, model, got):
        want, numbers, size = {}, 0, 0
        for path in model.glob("*.safetensors"):
            data = path.read_bytes()
            size += len(data)
            length = struct.unpack("<Q", data[:8])[0]
            header = json.loads(data[8:8 + length])
            header.pop("__metadata__", None)
            for name, t in header.items():
                begin, end = t["data_offsets"]
                want[name] = (t["dtype"], t["shape"], 8 + length + begin, end - begin)
                if not name.endswith((".attn.bias", ".attn.masked_bias")):
                    count = 1
                    for n in t["shape"]:
                        count *= n
                    numbers += count
        listed = {t["name"]: (t["dtype"], t["shape"], t["offset"], t["bytes"])
                  for t in got["tensors"]}
        self.assertEqual(listed, want, model)
        self.assertEqual(got["parameters"], numbers, model)
        self.assertEqual(got["file_bytes"], size, model)

    def test_a_tensor(self):
        text = self.output("--tensor", "transformer.wpe.weight", "-m", MODELS / "tiny")
        for part in ("wpe.weight", "F32", " x 6],", "histogram", "mean"):
            self.assertIn(part, text)

    def test_every_tensor_of_every_model(self):
        for model in ("odd", "heads64", "head80"):
            for t in json.loads(self.output("--json", "-m", MODELS / model))["tensors"]:
                self.assertIn(t["name"],
                              self.output("--tensor", t["name"], "-m", MODELS / model))

    def test_header(self):
        text = self.output("--header")
        self.assertIn("data_offsets", text)
        self.assertIn("fraction", text)
        self.assertGreater(len(self.output("--header", "-v")), len(text))

    def test_help_and_version(self):
        text = self.output("--help")
        for option in ("--tensor", "--header", "--json", "--model", "--quiet"):
            self.assertIn(option, text)
        self.assertIn("stage01", self.output("--version"))

    def test_only_the_weights_are_needed(self):
        with tempfile.TemporaryDirectory() as directory:
            shutil.copy(MODELS / "tiny/model.safetensors", directory)
            self.assertIn("wte.weight", self.output("-m", directory))
            path = Path(directory) / "x.safetensors"
            path.write_bytes(tensors_file({"x": tensor()}))
            self.assertIn("x", self.output("-m", path))

    def test_strange_numbers(self):
        values = [float("nan"), float("inf"), 1.0, 1.0]
        header = {"x": tensor("F32", (4,), (0, 16)), "none": tensor("F16", (0,), (16, 16))}
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "x.safetensors"
            path.write_bytes(tensors_file(header, struct.pack("<4f", *values)))
            self.assertIn("nan", self.output("-m", path))
            self.assertIn("nan", self.output("-m", path, "--tensor", "x"))
            self.output("-m", path, "--tensor", "none")
            self.output("-m", path, "--header")


class Errors(unittest.TestCase):
    """Status 1, one line on stderr that says what is wrong, nothing on stdout."""

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)

    def fails(self, part, *args):
        done = run(*args)
        message = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout), (1, b""), (args, message))
        self.assertEqual(message.count("\n"), 1, message)
        self.assertIn(part, message)

    def file_fails(self, part, data):
        path = self.directory / "x.safetensors"
        path.write_bytes(data)
        for args in ((), ("--json",), ("--header",)):
            self.fails(part, "-m", path, *args)

    def test_options(self):
        self.fails("--wrong", "--wrong")
        self.fails("value", "--tensor")
        self.fails("no argument", "a prompt")
        self.fails("give one", "--header", "--json")
        self.fails("no tensor wte.bias", "--tensor", "wte.bias")

    def test_missing(self):
        self.fails("no model at", "-m", self.directory / "none")
        self.fails("no model.safetensors", "-m", self.directory)
        (self.directory / "model.safetensors").mkdir()
        self.fails("not a regular file", "-m", self.directory)

    def test_damaged_files(self):
        whole = (MODELS / "tiny/model.safetensors").read_bytes()
        for part, data in (
                ("0 bytes", b""), ("7 bytes", whole[:7]), ("a header of", whole[:100]),
                ("cut short", whole[:-1]), ("cut short", whole[:2000]), ("long", whole + b"\0"),
                ("Git LFS", b"version https://git-lfs.github.com/spec/v1\n"),
                ("no safetensors file", b"PK\3\4" + bytes(range(100))),
                ("limit is 100000000", struct.pack("<Q", 100000001) + b"{}")):
            with self.subTest(part):
                self.file_fails(part, data)

    def test_wrong_headers(self):
        for part, header in (
                ("an object", "[]"), ("line 1, column 2", "{"), ("'x'", "{x}"),
                ("UTF-8", '{"\udcff":1}'),
                ("unknown dtype F33", {"a": tensor("F33")}),
                ('no "shape"', {"a": {"dtype": "F32"}}),
                ("9 dimensions", {"a": tensor(shape=[1] * 9)}),
                ("too large", {"a": tensor(shape=[2**53] * 2)}),
                ("not a whole number", {"a": tensor(shape=[-1])}),
                ("make 12", {"a": tensor(shape=[3])}),
                ("before it begins", {"a": tensor(offsets=[8, 0])}),
                ("cut short", {"a": tensor(offsets=[8, 16])}),
                ("a gap of 4 bytes", {"a": tensor(shape=[1], offsets=[4, 8])}),
                ("bytes long", {"a": tensor(shape=[1], offsets=[0, 4])}),
                ("overlaps a", {"a": tensor(), "b": tensor(shape=[1], offsets=[4, 8])}),
                ("two tensors are named a",
                 json.dumps({"a": tensor()})[:-1] + ',"a":{"dtype":"F32",'
                 '"shape":[0],"data_offsets":[8,8]}}'),
                ("a string", {"__metadata__": {"x": 1}})):
            with self.subTest(part):
                text = header if isinstance(header, str) else json.dumps(header)
                data = text.encode("utf-8", "surrogateescape")
                self.file_fails(part, struct.pack("<Q", len(data)) + data + bytes(8))

    def test_config(self):
        for name in ("config.json", "model.safetensors"):
            shutil.copy(MODELS / "tiny" / name, self.directory)
        path = self.directory / "config.json"
        config = json.loads(path.read_text())
        for part, change in (
                ("type llama", {"model_type": "llama"}),
                ("activation", {"activation_function": "relu"}),
                ("multiple", {"n_head": 4}), ('no "n_embd"', {"n_embd": None}),
                ("a number", {"n_embd": "6"}),
                ("whole number", {"n_layer": 0}),
                ("variant", {"scale_attn_by_inverse_layer_idx": True})):
            with self.subTest(part):
                path.write_text(json.dumps({**config, **change}))
                self.fails(part, "-m", self.directory)
        path.write_text('{"n_embd": 6,\n "n_layer" 1}')
        self.fails("config.json, line 2, column 12", "-m", self.directory)
        done = run("-m", self.directory, "--json")  # which does not need it
        self.assertEqual(done.returncode, 0)

    def test_shards(self):
        shutil.copytree(MODELS / "shards", self.directory, dirs_exist_ok=True)
        index = self.directory / "model.safetensors.index.json"
        whole = json.loads(index.read_text())
        names = list(whole["weight_map"])
        files = sorted(set(whole["weight_map"].values()))
        for part, change in (("is not in",
                              {names[0]: files[0 if whole["weight_map"][names[0]] != files[0] else 1]}),
                             ("is not in", {"more": files[0]}),
                             ("No such file", {"more": "none.safetensors"}),
                             ("not the name of a file", {"more": "../x"}),
                             ("a string", {"more": 1})):
            with self.subTest(change):
                index.write_text(json.dumps({"weight_map": {**whole["weight_map"], **change}}))
                self.fails(part, "-m", self.directory)
        index.write_text("{}")
        self.fails("weight_map", "-m", self.directory)
        index.write_text('{"weight_map": {}}')
        self.fails("empty", "-m", self.directory)
        os.replace(self.directory / files[0], self.directory / "model.safetensors")
        done = run("-m", self.directory, "-q")  # a single file is preferred
        self.assertEqual(done.returncode, 0)

    def test_the_same_tensor_in_two_files(self):
        for name in ("a", "b"):
            path = self.directory / f"{name}.safetensors"
            path.write_bytes(tensors_file({"x": tensor(),
                                           name: tensor(shape=[0], offsets=[8, 8])}))
        index = {"weight_map": {"x": "a.safetensors", "a": "a.safetensors",
                                "b": "b.safetensors"}}
        (self.directory / "model.safetensors.index.json").write_text(json.dumps(index))
        self.fails("and again", "-m", self.directory)


if __name__ == "__main__":
    unittest.main()
