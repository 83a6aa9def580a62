"""models/random: what it writes, that --deepen keeps the text, and each error in one line.

    make models/random stage07 && python3 -m unittest tests/test_models_random.py
"""

import array
import hashlib
import json
import math
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "models/random"
STAGE = ROOT / "stage07/run"
MODELS = ROOT / "tests/models"
TALES = ROOT / "models/tales"
# As a user starts it: a program that finds neither of these starts itself anew, with arguments that must
# still be whole.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
ENVIRONMENT["ASAN_OPTIONS"] = "detect_leaks=0"  # for builds with sanitizers
SIZES = {"gpt2": (12, 12, 768), "gpt2-medium": (24, 16, 1024), "gpt2-large": (36, 20, 1280),
         "gpt2-xl": (48, 25, 1600), "distilgpt2": (6, 12, 768), "1B": (24, 16, 1792),
         "2B": (32, 32, 2304), "4B": (32, 32, 3328), "10B": (48, 48, 4128), "16B": (64, 64, 4608)}


def setUpModule():
    wanted = ["models/random"] + ([] if STAGE.exists() else ["stage07"])
    subprocess.run(["make", "-s", "-C", str(ROOT), *wanted], check=True)


def skip(test, why):
    """Skips, and says so even where unittest shows only the number of skipped tests."""
    print(f"SKIP: {test.id()}: {why}", file=sys.stderr)
    test.skipTest(why)


def run(*args, program=PROGRAM, **more):
    return subprocess.run([str(program), *map(str, args)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, text=True,
                          env=ENVIRONMENT, **more)


def parameters(L, C, V=50257, T=1024):
    return V * C + T * C + L * (12 * C * C + 13 * C) + 2 * C


def read(directory):
    """{name: (dtype, shape, bytes)} of a model's weights, after checks of the format."""
    data = (Path(directory) / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    assert header.pop("__metadata__") == {"format": "pt"}
    assert length % 8 == 0
    tensors, end = {}, 0
    for name, t in header.items():
        begin, until = t["data_offsets"]
        assert begin == end, name
        end = until
        size = {"F32": 4, "F16": 2, "BF16": 2}[t["dtype"]]
        assert until - begin == size * math.prod(t["shape"]), name
        tensors[name] = (t["dtype"], t["shape"], data[8 + length + begin:8 + length + end])
    assert 8 + length + end == len(data)
    return tensors


def floats(tensor):
    dtype, _, data = tensor
    if dtype == "BF16":
        halves = array.array("H", data)
        return list(struct.unpack(f"<{len(halves)}f", b"".join(b"\0\0" + h.to_bytes(2, "little")
                                                               for h in halves)))
    kind = "f" if dtype == "F32" else "e"
    return list(struct.unpack(f"<{len(data) // struct.calcsize(kind)}{kind}", data))


def expected_shapes(L, C, V, T):
    shapes = {"wte.weight": [V, C], "wpe.weight": [T, C], "ln_f.weight": [C], "ln_f.bias": [C]}
    for l in range(L):
        for name, rows, columns in (("attn.c_attn", C, 3 * C), ("attn.c_proj", C, C),
                                    ("mlp.c_fc", C, 4 * C), ("mlp.c_proj", 4 * C, C)):
            shapes[f"h.{l}.{name}.weight"] = [rows, columns]
            shapes[f"h.{l}.{name}.bias"] = [columns]
        for name in ("ln_1", "ln_2"):
            shapes[f"h.{l}.{name}.weight"] = shapes[f"h.{l}.{name}.bias"] = [C]
    return shapes


class Test(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="models-random-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.dir = self.folder / "model"

    def write(self, *args, to=None):
        done = run(*args, to or self.dir)
        self.assertEqual((done.returncode, done.stderr), (0, ""), args)
        self.assertNotIn("partial", " ".join(os.listdir(self.folder)))
        return to or self.dir

    def check_error(self, done, *texts):
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, r"\A[^\n]*models/random: [^\n]+\n\Z")
        for text in texts:
            self.assertIn(text, done.stderr)

    def generate(self, model, *args):
        done = run("-m", model, "--temperature", 0, "-t", 1, "--json", *args, program=STAGE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)


class Random(Test):
    def test_shapes_and_config(self):
        self.write("2,4,24,50,32")
        tensors = read(self.dir)
        self.assertEqual({name: t[1] for name, t in tensors.items()},
                         expected_shapes(2, 24, 50, 32))
        self.assertEqual({t[0] for t in tensors.values()}, {"BF16"})
        config = json.loads((self.dir / "config.json").read_text())
        for key, value in dict(model_type="gpt2", n_layer=2, n_head=4, n_embd=24, vocab_size=50,
                               n_positions=32, eos_token_id=49).items():
            self.assertEqual(config[key], value, key)
        self.assertEqual(sorted(os.listdir(self.dir)), ["config.json", "model.safetensors"])

    def test_values(self):
        """As GPT-2 begins its training; roughly normal."""
        self.write("8,2,64,1000,64", "--dtype", "f32")
        for name, tensor in read(self.dir).items():
            x = floats(tensor)
            if name.endswith(".bias"):
                self.assertEqual(set(x), {0.0}, name)
            elif "ln_" in name:
                self.assertEqual(set(x), {1.0}, name)
            else:
                std = 0.02 / (4 if "c_proj" in name else 1)  # sqrt(2 L) = 4
                root = math.sqrt(len(x))
                mean = sum(x) / len(x)
                self.assertLess(abs(mean), 5 * std / root, name)
                width = math.sqrt(sum(v * v for v in x) / len(x))
                self.assertLess(abs(width / std - 1), 4 / root, name)
                beyond = sum(abs(v) > 2 * std for v in x) / len(x)
                self.assertLess(abs(beyond - 0.0455), 0.015, name)

    def test_dtypes_hold_the_same_numbers(self):
        exact = read(self.write("1,2,32,200,16", "--dtype", "f32", to=self.folder / "f32"))
        for dtype, error in (("f16", 2.0 ** -11), ("bf16", 2.0 ** -8)):
            half = read(self.write("1,2,32,200,16", "--dtype", dtype, to=self.folder / dtype))
            for name in exact:
                self.assertEqual(half[name][0], dtype.upper())
                for x, y in zip(floats(exact[name]), floats(half[name])):
                    self.assertLessEqual(abs(x - y), error * abs(x) + 1e-7, name)

    def test_seed(self):
        one = read(self.write("2,2,16,99,8", "--seed", 1))
        same = read(self.write("2,2,16,99,8", "--seed=1", to=self.folder / "same"))
        other = read(self.write("2,2,16,99,8", "--seed", 2, to=self.folder / "other"))
        self.assertEqual(one, same)
        for name in one:
            drawn = name.endswith(".weight") and "ln_" not in name
            self.assertEqual(one[name] != other[name], drawn, name)
        self.assertNotEqual(one["h.0.attn.c_attn.weight"], one["h.1.attn.c_attn.weight"])

    def test_same_bytes_everywhere(self):
        """More than one chunk of 65536 numbers, and a tensor of 5 numbers."""
        self.write("1,1,5,20000,7", "--dtype", "f32", "--seed", "18446744073709551615")
        digest = hashlib.sha256((self.dir / "model.safetensors").read_bytes()).hexdigest()
        self.assertEqual(digest, (
            "626e5b0f7707994751c1aae93be00cb3137f1d90ced8aa4878f114950693b07f"))

    def test_gpt2(self):
        start = time.monotonic()
        self.write("gpt2")
        seconds = time.monotonic() - start
        if seconds > 5:
            print(f"models/random gpt2 took {seconds:.1f} s", file=sys.stderr)
        size = (self.dir / "model.safetensors").stat().st_size
        self.assertEqual(parameters(12, 768), 124439808)
        self.assertEqual((size - 2 * 124439808) // 20000, 0)  # the header
        self.assertEqual(json.loads((self.dir / "config.json").read_text())["n_head"], 12)

    def test_all_sizes(self):
        """What a full disk makes it say, for each; nothing is written."""
        mount = ["unshare", "-rm", "sh", "-c",
                 'mount -t tmpfs -o size=100k none "$0" && cd "$0" && "$@"; s=$?; ls "$0"; exit $s',
                 str(self.folder)]
        try:
            tried = subprocess.run(mount + ["true"], stderr=subprocess.PIPE).returncode
        except FileNotFoundError:
            tried = 1
        if tried:
            skip(self, "no small file system can be mounted here (unshare -rm)")
        for name, (L, NH, C) in SIZES.items():
            for dtype, size in (("bf16", 2), ("f32", 4)):
                done = subprocess.run(mount + [str(PROGRAM), name, "x", "--dtype", dtype],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                self.check_error(done, f"x needs {size * parameters(L, C) / 1e6:.1f} MB, 0.1 MB")

    def test_stage_runs_it(self):
        self.write("3,4,64,500,64")
        ids = self.generate(self.dir, "--ids", "1,2,3", "-n", 10)["ids"]
        self.assertEqual(len(ids), 10)
        top = run("-m", self.dir, "--ids", "1,2,3", "--json", "--top", 500,
                  program=ROOT / "stage06/run")
        logits = [t["logit"] for t in json.loads(top.stdout)["top"]]
        self.assertTrue(all(math.isfinite(x) for x in logits) and len(set(logits)) > 100)

    def test_default_directory(self):
        """models/NAME-random of the project that the program is in."""
        (self.folder / "models").mkdir()
        shutil.copy(PROGRAM, self.folder / "models/random")
        done = run("1,1,4,10,4", program=self.folder / "models/random", cwd="/")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("wte.weight", read(self.folder / "models/1,1,4,10,4-random"))


class Deepen(Test):
    def check_deeper(self, model, more, *prompt):
        self.write("--deepen", more, model)
        self.assertEqual(self.generate(self.dir, *prompt)["ids"],
                         self.generate(model, *prompt)["ids"], model)
        shutil.rmtree(self.dir)

    def test_same_ids(self):
        for model in sorted(MODELS.iterdir()):
            if (model / "config.json").exists():
                self.check_deeper(model, 2, "--ids", "1,2,3", "-n", 12)

    def test_same_text(self):
        self.check_deeper(TALES, 7, "-n", 12, "Once upon a time")

    def test_what_it_writes(self):
        model, more = MODELS / "heads12", 3
        self.write("--deepen", more, model)
        old, new = read(model), read(self.dir)
        config = json.loads((model / "config.json").read_text())
        L = config["n_layer"]
        self.assertEqual({name: new[name] for name in old}, old)
        prefix = "transformer." if any(n.startswith("transformer.") for n in old) else ""
        added = {name: t for name, t in new.items() if name not in old}
        shapes = expected_shapes(L + more, config["n_embd"], 1, 1)
        self.assertEqual({name: t[1] for name, t in added.items()},
                         {prefix + name: shape for name, shape in shapes.items()
                          if name.startswith("h.") and int(name.split(".")[1]) >= L})
        for name, tensor in added.items():
            if ".c_proj." in name:
                self.assertEqual(set(tensor[2]), {0}, name)
            else:
                _, block, rest = name.removeprefix(prefix).split(".", 2)
                self.assertEqual(tensor, old[f"{prefix}h.{int(block) % L}.{rest}"], name)
        self.assertEqual(json.loads((self.dir / "config.json").read_text()),
                         {**config, "n_layer": L + more})

    def test_vocabulary_comes_along(self):
        self.write("--deepen=1", TALES)
        for name in ("vocab.json", "merges.txt"):
            self.assertEqual((self.dir / name).read_bytes(), (TALES / name).read_bytes())

    def test_default_directory(self):
        model = shutil.copytree(MODELS / "heads12", self.folder / "heads12")
        done = run("--deepen", 2, f"{model}/")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue((self.folder / "heads12-deep2/config.json").exists())

    def test_onto_itself(self):
        model = shutil.copytree(MODELS / "heads12", self.dir)
        done = run("--deepen", 1, model, model, "--force")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.generate(model, "--ids", "1,2", "-n", 5)["ids"],
                         self.generate(MODELS / "heads12", "--ids", "1,2", "-n", 5)["ids"])


class Errors(Test):
    def check_nothing_written(self, *args, texts=(), **more):
        self.check_error(run(*args, **more), *texts)
        self.assertEqual(os.listdir(self.folder), [], args)

    def test_wrong_arguments(self):
        d = self.dir
        for args, text in (((), "name one of gpt2, gpt2-medium"), (("",), "name one of gpt2"),
                           (("gpt3", d), "'gpt3' is none of"), (("1,2", d), "'1,2' is none of"),
                           (("1,2,3x", d), "is none of"), (("1,3,4", d), "not a multiple"),
                           (("0,1,4", d), "from 1 to 1000"), (("1,0,4", d), "n_head|from 1 to 4"),
                           (("1,1,4,0", d), "from 1 to 10000000"),
                           (("99999,1,4", d), "from 1 to 1000"),
                           (("gpt2", d, "--dtype", "int8"), "is not one of: f32, f16, bf16"),
                           (("gpt2", d, "--seed", "-1"), "--seed"),
                           (("gpt2", d, "--quick"), "--quick is not an option"),
                           (("gpt2", d, "more"), "'more'"),
                           (("--deepen", 0, TALES, d), "--deepen"),
                           (("--deepen", 2, TALES, d, "--seed", 1), "do not go with it"),
                           (("--deepen", 2, self.folder / "no", d), "config.json"),
                           (("--deepen", 998, TALES, d), "from 1 to 1000"),
                           (("gpt2", self.folder / "no/model"), "No such file")):
            done = run(*args)
            self.check_error(done)
            self.assertRegex(done.stderr, text)
            self.assertEqual(os.listdir(self.folder), [], args)

    def test_damaged_model(self):
        model = shutil.copytree(MODELS / "heads12", self.folder / "heads12")
        with open(model / "model.safetensors", "r+b") as f:
            f.truncate(1000)
        self.check_error(run("--deepen", 1, model, self.dir), "model.safetensors")
        self.assertEqual(os.listdir(self.folder), ["heads12"])

    def test_no_space(self):
        self.check_nothing_written("1000,1,65536", self.dir, texts=["no space", "are free"])

    def limited(self, *args):
        """A limit on the size of files, which it meets as it meets a full disk."""
        return run(*args, restore_signals=False,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)))

    def test_write_error(self):
        for args in (("4,4,64", self.dir), ("--deepen", 2, TALES, self.dir)):
            self.check_error(self.limited(*args), "cannot write", "nothing is kept")
            self.assertEqual(os.listdir(self.folder), [], args)

    def test_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            program = subprocess.Popen([str(PROGRAM), "gpt2-medium", str(self.dir)],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            weights = self.folder / "model.random.partial/model.safetensors"
            limit = time.monotonic() + 30
            while not weights.exists() and time.monotonic() < limit:
                time.sleep(0.001)
            program.send_signal(number)
            program.communicate()
            self.assertEqual(program.returncode, 128 + number)
            self.assertEqual(os.listdir(self.folder), [])

    def test_leftovers_of_a_killed_run(self):
        partial = self.folder / "model.random.partial"
        partial.mkdir()
        (partial / "vocab.json").write_text("old")
        self.write("1,1,4,10,4")
        self.assertEqual(sorted(os.listdir(self.dir)), ["config.json", "model.safetensors"])


class Force(Test):
    def setUp(self):
        super().setUp()
        self.dir.mkdir()
        for name in ("config.json", "model.safetensors", "vocab.json", "notes.txt"):
            (self.dir / name).write_text("mine")

    def mine(self):
        return sorted(p.name for p in self.dir.iterdir() if p.read_bytes() == b"mine")

    def test_refuses(self):
        for directory in (self.dir, f"{self.dir}/", self.dir / "config.json"):
            self.check_error(run("1,1,4,10,4", directory), "is there already; --force")
        self.assertEqual(len(self.mine()), 4)

    def test_replaces_a_model(self):
        """The old vocabulary does not fit and goes; what is no model's file stays."""
        for args in (("1,1,4,10,4", f"{self.dir}/", "--force"),
                     ("--force", "1,1,4,10,4", self.dir)):
            done = run(*args)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(self.mine(), ["notes.txt"])
            self.assertEqual(read(self.dir)["wte.weight"][1], [10, 4])
            self.assertEqual(sorted(os.listdir(self.dir)),
                             ["config.json", "model.safetensors", "notes.txt"])
            self.assertEqual(os.listdir(self.folder), ["model"])

    def test_keeps_the_old_one_if_it_fails(self):
        self.check_error(run("1000,1,65536", self.dir, "--force"), "no space")
        self.assertEqual(len(self.mine()), 4)
        self.assertEqual(os.listdir(self.folder), ["model"])


if __name__ == "__main__":
    unittest.main()
