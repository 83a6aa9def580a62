"""models/quantize: what it writes, that programs compute with it as if they had quantised the model
themselves, bit for bit, and each error in one line.

    make models/quantize all && python3 -m unittest tests/test_models_quantize.py
"""

import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "models/quantize"
MODELS = sorted(path.parent for path in (ROOT / "tests/models").glob("*/config.json"))
TALES = ROOT / "models/tales"
ODD = ROOT / "tests/models/odd"
DTYPES = ("int8", "int4")
# As a user starts it: programs that find neither of these start themselves anew, with arguments that
# must still be whole.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
ENVIRONMENT["ASAN_OPTIONS"] = "detect_leaks=0"  # for builds with sanitizers


def setUpModule():
    stages = [f"stage{n}" for n in ("01", "03", "06", "07", "10")
              if not (ROOT / f"stage{n}/run").exists()]
    subprocess.run(["make", "-s", "-C", str(ROOT), "models/quantize", *stages], check=True)


def run(*args, program=PROGRAM, **more):
    return subprocess.run([str(program), *map(str, args)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, text=True,
                          env=ENVIRONMENT, **more)


def read_file(path):
    """The header's metadata, and {name: (dtype, shape, bytes)}."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__", {})
    return metadata, {name: (t["dtype"], t["shape"],
                             data[start + t["data_offsets"][0]:start + t["data_offsets"][1]])
                      for name, t in header.items()}


def write_file(path, metadata, tensors):
    header, at = {"__metadata__": metadata}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in tensors.values()))


def read_model(directory):
    """All tensors, of shards, too."""
    found = {}
    for path in sorted(directory.glob("*.safetensors")):
        found.update(read_file(path)[1])
    return found


def floats(tensor):
    dtype, _, data = tensor
    if dtype == "BF16":
        data = b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))
    size, kind = (2, "e") if dtype == "F16" else (4, "f")
    return struct.unpack(f"<{len(data) // size}{kind}", data)


def by_output(name, tensor):
    """A matrix as rows, one for each output: GPT-2's linear layers are turned."""
    values, (rows, columns) = floats(tensor), tensor[1]
    if name.endswith(("wte.weight", "wpe.weight", "lm_head.weight")):
        return [values[i * columns:(i + 1) * columns] for i in range(rows)]
    return [values[j::columns] for j in range(columns)]


def numbers_of(tensor):
    """The whole numbers of each row."""
    dtype, (rows, columns), data = tensor
    for i in range(rows):
        row = data[i * columns:(i + 1) * columns]
        if dtype == "I8":
            yield struct.unpack(f"{columns}b", row)
        else:
            halves = [[(byte & 15, byte >> 4)[upper] for byte in row[at:at + 4]]
                      for at in range(0, columns, 4) for upper in (0, 1)]
            yield [n - 16 if n > 7 else n for four in halves for n in four]


class Test(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="models-quantize-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.dir = self.folder / "model"

    def write(self, dtype, model, *args):
        done = run("--dtype", dtype, model, self.dir, *args)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(os.listdir(self.folder), ["model"])
        return self.dir

    def check_error(self, done, *texts):
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, r"\A[^\n]+: [^\n]+\n\Z")
        for text in texts:
            self.assertIn(text, done.stderr)


class Writes(Test):
    def check_matrix(self, name, old, numbers, scales, dtype):
        rows, n = by_output(name, old), len(by_output(name, old)[0])
        small = dtype == "int8" or name.endswith(("wte.weight", "wpe.weight", "lm_head.weight"))
        groups = 1 if small else (n + 31) // 32
        self.assertEqual((numbers[0], numbers[1], scales[0], scales[1]),
                         ("I8", [len(rows), n], "F32", [len(rows), 1]) if small else
                         ("U8", [len(rows), 16 * groups], "F16", [len(rows), groups]), name)
        scale = floats(scales)
        for o, (row, whole) in enumerate(zip(rows, numbers_of(numbers))):
            for k, w in enumerate(row):
                s = scale[o * groups + (0 if small else k // 32)]
                group = row if small else row[k // 32 * 32:k // 32 * 32 + 32]
                most = (0.5 / 127 if small else 0.2) * max(map(abs, group)) * 1.001
                self.assertLessEqual(abs(whole[k] * s - w), most + 1e-9, (name, o, k))

    def test_weights(self):
        for model in MODELS:
            old = read_model(model)
            for dtype in DTYPES:
                metadata, new = read_file(self.write(dtype, model, "--force") / "model.safetensors")
                self.assertEqual(metadata, {"format": "pt", "quantised": dtype})
                for name, tensor in old.items():
                    if ".attn.bias" in name or ".attn.masked_bias" in name:
                        self.assertNotIn(name, new)
                    elif len(tensor[1]) == 2:
                        self.check_matrix(name, tensor, new.pop(name), new.pop(f"{name}.scale"), dtype)
                    else:
                        self.assertEqual(new.pop(name), tensor, name)
                self.assertEqual(new, {})

    def test_other_files(self):
        self.write("int8", TALES)
        for name in ("config.json", "vocab.json", "merges.txt"):
            self.assertEqual((self.dir / name).read_bytes(), (TALES / name).read_bytes())
        self.write("int8", ODD, "--force")
        self.assertEqual(sorted(os.listdir(self.dir)), ["config.json", "model.safetensors"])

    def test_default_directory(self):
        model = shutil.copytree(ODD, self.folder / "odd")
        done = run("--dtype=int4", f"{model}/")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue((self.folder / "odd-int4/config.json").exists())

    def test_leftovers_of_a_killed_run(self):
        (self.folder / "model.quantize.partial").mkdir()
        (self.folder / "model.quantize.partial/vocab.json").write_text("old")
        self.assertEqual(sorted(os.listdir(self.write("int8", ODD))),
                         ["config.json", "model.safetensors"])


class Same(Test):
    def output(self, stage, *args):
        done = run(*args, program=ROOT / f"stage{stage}/run")
        self.assertEqual((done.returncode, done.stderr), (0, ""), args)
        return done.stdout

    def dumped(self, stage, *args):
        dump = self.folder / "dump"
        self.output(stage, *args, "--json", "--dump", dump)
        data = dump.read_bytes()
        dump.unlink()
        return data

    def test_same_bits(self):
        for model in MODELS:
            for dtype in DTYPES:
                new = self.write(dtype, model, "--force")
                for stage in ("03", "06"):
                    want = self.dumped(stage, "-m", model, "--ids", "1,2,3,4,5", "-d", dtype)
                    exact = self.dumped(stage, "-m", model, "--ids", "1,2,3,4,5", "-d", "f32")
                    self.assertNotEqual(want, exact)
                    for more in ((), ("-d", dtype), ("-t", 1)):
                        got = self.dumped(stage, "-m", new, "--ids", "1,2,3,4,5", *more)
                        self.assertEqual(got, want, (model, dtype, stage, more))

    def test_same_text(self):
        prompt = ("-n", 30, "--seed", 3, "The old king")
        for dtype in DTYPES:
            new = self.write(dtype, TALES, "--force")
            self.assertEqual(self.dumped("06", "-m", new, "The old king"),
                             self.dumped("06", "-m", TALES, "-d", dtype, "The old king"))
            self.assertEqual(self.output("07", "-q", "-m", new, *prompt),
                             self.output("07", "-q", "-m", TALES, "-d", dtype, *prompt))
            self.assertEqual(self.output("10", "-q", "-m", TALES, "-d", dtype, "--draft", new, *prompt),
                             self.output("10", "-q", "-m", TALES, "-d", dtype, *prompt))

    def test_dry_run(self):
        new = self.write("int4", ODD)
        def counted(*args):
            return self.output("06", *args, "--ids", "1,2", "--dry-run").split("floor")[0]

        self.assertEqual(counted("-m", new), counted("-m", ODD, "-d", "int4"))

    def test_stage01(self):
        parameters = json.loads(self.output("01", "-m", TALES, "--json"))["parameters"]
        for dtype, words in (("int8", "quantised, 1 in a byte"), ("int4", "quantised, 2 in a byte")):
            new = self.write(dtype, TALES, "--force")
            self.assertEqual(json.loads(self.output("01", "-m", new, "--json"))["parameters"],
                             parameters)
            self.assertIn(words, self.output("01", "-m", new, "--tensor", "h.0.mlp.c_fc.weight"))
            self.assertIn(f'"quantised":"{dtype}"', self.output("01", "-m", new, "--header"))
        self.assertNotIn("quantised", self.output("01", "-m", TALES, "--tensor", "wte.weight"))


class Errors(Test):
    def test_arguments(self):
        for args, text in (((), "give --dtype int8 or int4"), (("--dtype", "int8"), "give --dtype"),
                           ((ODD, self.dir), "give --dtype int8 or int4"),
                           (("--dtype", "bf16", ODD, self.dir), "is not one of: int8, int4"),
                           (("--dtype", "int8", ODD, self.dir, "more"), "'more'"),
                           (("--dtype", "int8", self.folder / "no", self.dir), "cannot read"),
                           (("--dtype", "int8", ODD, self.folder / "no/model"), "No such file")):
            self.check_error(run(*args), text)
            self.assertEqual(os.listdir(self.folder), [], args)

    def test_there_already(self):
        self.write("int8", ODD)
        self.check_error(run("--dtype", "int4", ODD, self.dir), "there already", "--force")
        self.check_error(run("--dtype", "int4", self.dir, self.folder / "more"),
                         "quantised already, to int8")
        self.assertEqual(os.listdir(self.folder), ["model"])

    def damaged(self, change, model=ODD):
        """A copy of a model, with its metadata and tensors changed."""
        copy = self.folder / "damaged"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(model, copy)
        metadata, tensors = read_file(copy / "model.safetensors")
        change(metadata, tensors)
        write_file(copy / "model.safetensors", metadata, tensors)
        return copy

    def test_bad_model(self):
        def missing(_, tensors):
            del tensors["transformer.h.1.mlp.c_fc.weight"]

        def other_type(_, tensors):
            shape = tensors["transformer.wte.weight"][1]
            tensors["transformer.wte.weight"] = ("F8_E4M3", shape, bytes(shape[0] * shape[1]))

        def other_shape(_, tensors):
            dtype, shape, data = tensors["transformer.h.0.attn.c_proj.weight"]
            tensors["transformer.h.0.attn.c_proj.weight"] = (dtype, [*shape, 1], data)

        for change, texts in ((missing, ["h.1.mlp.c_fc.weight"]),
                              (other_type, ["wte.weight", "F8_E4M3"]),
                              (other_shape, ["h.0.attn.c_proj.weight", "21 x 21"])):
            self.check_error(run("--dtype", "int8", self.damaged(change), self.dir), *texts)
            self.assertEqual(os.listdir(self.folder), ["damaged"])

    def test_write_error(self):
        """A limit on the size of files, which it meets as it meets a full disk."""
        limit = (resource.RLIMIT_FSIZE, (65536, 65536))
        done = run("--dtype", "int8", TALES, self.dir, restore_signals=False,
                   preexec_fn=lambda: resource.setrlimit(*limit))
        self.check_error(done, "cannot write", "nothing is kept")
        self.assertEqual(os.listdir(self.folder), [])

    def load(self, model, *args):
        return run("-m", model, "--ids", "1,2", *args, program=ROOT / "stage06/run")

    def test_other_dtype(self):
        self.write("int8", ODD)
        for dtype in ("f32", "bf16", "int4"):
            self.check_error(self.load(self.dir, "-d", dtype),
                             f"quantised to int8 and cannot be held in {dtype}; leave --dtype out")

    def test_bad_files(self):
        name = next(n for n in read_model(ODD) if n.endswith("h.1.mlp.c_fc.weight"))
        scale = f"{name}.scale"

        def change(tensors, key, place, value):
            tensors[key] = tuple(value if i == place else x for i, x in enumerate(tensors[key]))

        changes = {
            "missing": (lambda m, t: t.pop(scale), [f"no tensor {scale}", "models/quantize"]),
            "type": (lambda m, t: change(t, name, 0, "BOOL"), [name, "BOOL, not ", "models/quantize"]),
            "scale's type": (lambda m, t: t.update({scale: ("BF16", t[scale][1], bytes(
                2 * t[scale][1][0] * t[scale][1][1]))}), [scale, "BF16, not F"]),
            "shape": (lambda m, t: change(t, name, 1, t[name][1][::-1]), [name, "a shape of 84 x "]),
            "scale's shape": (lambda m, t: change(t, scale, 1, t[scale][1][::-1]),
                              [scale, "a shape of 84 x 1"]),
            "unknown": (lambda m, t: m.update(quantised="int3"), ["int3", "neither int8 nor int4"]),
            "no metadata": (lambda m, t: m.pop("quantised"), []),
        }
        for dtype in DTYPES:
            self.write(dtype, ODD)
            for what, (edit, texts) in changes.items():
                with self.subTest(f"{dtype}: {what}"):
                    done = self.load(self.damaged(edit, self.dir))
                    if what == "no metadata" and dtype == "int8":
                        self.assertEqual(done.returncode, 0)   # its numbers say it, too
                    else:
                        self.check_error(done, *texts)
            shutil.rmtree(self.dir)
            shutil.rmtree(self.folder / "damaged")


if __name__ == "__main__":
    unittest.main()
