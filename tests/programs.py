"""What the tests of stages 03 and later share: to run a program, to read its JSON, to see a
clean error, to make up a model; and the tests that are the same for all of them.

    class Tests(Program, Shared, unittest.TestCase):
        stage = "03"
        ...                                # the attributes that Shared names

The programs must have been built (make all).  Python's standard library is enough.
"""

import array
import json
import math
import os
import pty
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(TESTS)
TALES = os.path.join(ROOT, "models", "tales")
sys.path.insert(0, os.path.join(TESTS, "reference"))

from reference import model_path, read_safetensors, reference, stale  # noqa: E402, F401

# Random models with reference tensors; none has a vocabulary.
RANDOM = ["chunk33", "head80", "heads12", "heads64", "odd", "shards", "tiny"]
LIMIT = 1e-4             # of the largest value; why: tests/reference/compare_logits.py
TIMEOUT = 300            # seconds: enough for a slow machine and the sanitizers
TIMES = {"ttft_ms", "decode_tok_s", "prefill_tok_s", "speedup"}  # no two runs agree in these

# make exports DEVICE.  Where kernels are emulated a note says so, and a matmul without warps is
# fifty times as fast.
EMULATED = os.environ.get("DEVICE") == "emu"
NOTE = re.compile(rb"\A[^\n]+: note: CUDA is emulated [^\n]+\n")
QUICK = ["--kernel", "matmul=naive"] if EMULATED else []

OPTION = re.compile(r"^  (?:-(\w), |    )--([a-z-]+)( \S+)? ", re.M)
OWNERS = {                # options that only some stages have, as the command line has them
    "--tensor=x": "01", "--header": "01", "--encode": "02", "--decode=1": "02",
    "--trace": "02", "--near=king": "03", "--analogy=a:b::c": "03", "--positions": "03",
    "--layer=0": "04 05", "--head=0": "04", "--svg=x.svg": "04", "--top=3": "06",
    "--perplexity=x": "06", "--stride=4": "06", "--kernel=attention=naive": "04 05 06 07",
    "--list-kernels": "04 05 06 07", "--profile=x": "04 05 06 07", "--dry-run": "04 05 06 07",
    "--invariant": "04 05 06 07",
    "--seed=1": "07", "--tokens=3": "07", "-n3": "07", "--temperature=1": "07",
    "--top-k=2": "07", "--top-p=0.5": "07", "--min-p=0.1": "07", "--samples=2": "07",
    "--presence-penalty=1": "07", "--frequency-penalty=1": "07", "--repetition-penalty=2": "07",
    "--no-repeat-ngram=3": "07", "--sampler=sort": "07", "--stop=x": "07", "--ignore-eos": "07",
    "--interactive": "07", "--cache=static": "", "--kv-dtype=f32": "", "--graph=off": "",
    "--schedule=static": "", "--prefill-chunk=8": "", "--tree=2x2": "",
    "--overflow=crop": "", "--prompts=x": "", "--batch=2": "", "--beams=2": "",
    "--draft=none": "", "--gamma=2": "", "--accept=greedy": "", "--overlap": "",
    "--bench": "06 07", "--runs=2": "06 07", "--csv": "06 07",
}


# ---- JSON

def default_config():
    """config.json of models/tales, which changes when the model is trained anew."""
    with open(os.path.join(model_path("tales"), "config.json"), encoding="utf-8") as file:
        return json.load(file)


def no_number(text):
    raise ValueError(f"{text} in JSON")


def short_float(text):
    """Floats are printed as %.9g."""
    digits = text.lower().split("e")[0].replace(".", "").lstrip("-0")
    if len(digits) > 9:
        raise ValueError(f"{text} has more than 9 digits")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def keys_once(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f"a key is there twice: {keys}")
    return dict(pairs)


def parse_json(line):
    return json.loads(line, parse_constant=no_number, parse_float=short_float,
                      object_pairs_hook=keys_once)


def without_times(got):
    return {key: value for key, value in got.items() if key not in TIMES}


# ---- tensors and models

def largest_difference(got, want):
    """In units of the largest |want|.  NaN if there is one."""
    worst = 0.0
    for a, b in zip(got, want):
        d = abs(a - b)
        if d > worst or d != d:                  # a NaN stays: nothing is > NaN
            worst = d
    return worst / (max(map(abs, want)) or 1)


def rows_of(tensor):
    """The rows of a (shape, values) of two dimensions."""
    (_, columns), values = tensor
    return [values[i:i + columns] for i in range(0, len(values), columns)]


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        values = array.array("f", values).tobytes()
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def read_vocabulary():
    with open(os.path.join(TALES, "vocab.json"), encoding="utf-8") as f:
        return json.load(f)


def byte_names():
    """GPT-2's character for each byte: printable ones are themselves, others follow 255."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def copy_model(name, directory, **changes):
    """A model's files in `directory`, its config.json with `changes`."""
    path = model_path(name)
    for file in os.listdir(path):
        if file != "config.json":
            os.symlink(os.path.join(path, file), os.path.join(directory, file))
    with open(os.path.join(path, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as f:
        json.dump({**config, **changes}, f)
    return directory


def small_model(directory, C, n_ctx, fill, eos=None, vocabulary=True, V=4096):
    """A model of one block and one head, with tales' vocabulary.  fill(name, count) gives a
    tensor's numbers."""
    shapes = {"wte.weight": [V, C], "wpe.weight": [n_ctx, C], "lm_head.weight": [V, C],
              "ln_f.weight": [C], "ln_f.bias": [C]}
    for name, rows, columns in (("attn.c_attn", C, 3 * C), ("attn.c_proj", C, C),
                                ("mlp.c_fc", C, C), ("mlp.c_proj", C, C)):
        shapes[f"h.0.{name}.weight"] = [rows, columns]
        shapes[f"h.0.{name}.bias"] = [columns]
    for name in ("ln_1", "ln_2"):
        shapes[f"h.0.{name}.weight"] = shapes[f"h.0.{name}.bias"] = [C]
    tensors = {n: (shape, fill(n, math.prod(shape))) for n, shape in shapes.items()}
    write_safetensors(os.path.join(directory, "model.safetensors"), tensors)
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as f:
        json.dump({"model_type": "gpt2", "vocab_size": V, "n_positions": n_ctx, "n_embd": C,
                   "n_layer": 1, "n_head": 1, "n_inner": C, "eos_token_id": eos}, f)
    if vocabulary:
        for file in ("vocab.json", "merges.txt"):
            os.symlink(os.path.join(TALES, file), os.path.join(directory, file))
    return directory


def random_model(directory, n_ctx):
    """Anything, so that each token is predicted otherwise."""
    numbers = random.Random(6)
    return small_model(directory, 8, n_ctx, lambda name, count: [
        numbers.uniform(-1, 1) for _ in range(count)])


def parrot(directory, circle, **more):
    """A model that says these tokens (each once in it) in a circle, whatever it has heard:
    token i of the circle is unit vector i, blocks add nothing, the head knows what follows."""
    C = max(8, len(circle))

    def fill(name, count):
        values = array.array("f", bytes(4 * count))
        for i, id_ in enumerate(circle):
            if name == "wte.weight":
                values[id_ * C + i] = 1
            elif name == "lm_head.weight":
                values[circle[(i + 1) % len(circle)] * C + i] = 50
        if name.endswith(("ln_f.weight", "ln_1.weight", "ln_2.weight")):
            values = array.array("f", [1] * count)
        return values

    return small_model(directory, C, 16, fill, **more)


# ---- running a program

def environment(**more):
    env = {**os.environ, "OMP_WAIT_POLICY": "passive", "TERM": "xterm", **more}
    env.setdefault("ASAN_OPTIONS", "detect_leaks=0")
    env.pop("NO_COLOR", None)
    return {**env, **more}


class Program:
    """To be mixed into a TestCase that has `stage`."""

    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.program = os.path.join(ROOT, "stage" + cls.stage, "run")
        if not os.access(cls.program, os.X_OK):
            raise AssertionError(f"{cls.program} is not built; run: make stage{cls.stage}")

    def run_it(self, *args, given=None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
               cwd=ROOT, timeout=TIMEOUT, **env):
        """`given`: bytes for a pipe on standard input."""
        source = {"input": given} if given is not None else {"stdin": stdin}
        quick = QUICK if self.stage >= "04" else []
        done = subprocess.run([self.program, *quick, *map(str, args)], cwd=cwd, stdout=stdout,
                              stderr=subprocess.PIPE, timeout=timeout,
                              env=environment(**env), **source)
        done.stderr = NOTE.sub(b"", done.stderr) if EMULATED else done.stderr
        return done

    def output(self, *args, note=False, **how):
        """What it wrote on stdout; fails unless it exits with 0, and in silence, or with
        notes."""
        done = self.run_it(*args, **how)
        message = done.stderr.decode()
        self.assertEqual(done.returncode, 0, (args, message))
        if note:
            self.assertRegex(message, r"\A([^\n]+: note: [^\n]+\n)+\Z", args)
        else:
            self.assertEqual(message, "", args)
        return done.stdout.decode("utf-8")

    def objects(self, *args, **how):
        """The objects that --json prints, a line each."""
        text = self.output("--json", *args, **how)
        self.assertTrue(text.endswith("\n"), args)
        self.assertNotIn("\033", text)
        return [parse_json(line) for line in text[:-1].split("\n")]

    def object(self, *args, **how):
        objects = self.objects(*args, **how)
        self.assertEqual(len(objects), 1, args)
        return objects[0]

    def same(self, *args, **how):
        """The object without what differs from run to run."""
        return without_times(self.object(*args, **how))

    def fails(self, words, *args, silent=True, **how):
        """Status 1, one line on stderr with all of `words`, nothing on stdout."""
        done = self.run_it(*args, **how)
        message = done.stderr.decode("utf-8")
        with self.subTest(args=args):
            self.assertEqual(done.returncode, 1, message or (done.stdout or b"")[:200])
            self.assertRegex(message, r"\A[^\n]+\n\Z")
            self.assertTrue(message.startswith(self.program + ": "), message)
            for word in [words] if isinstance(words, str) else words:
                self.assertIn(word, message)
            if silent:
                self.assertEqual(done.stdout, b"", message)
        return message

    def always_fails(self, words, *args, **how):
        """With --json too."""
        self.fails(words, *args, **how)
        self.fails(words, "--json", *args, **how)

    def dump(self, *args, **how):
        """The tensors that --dump writes; nothing else may be left beside them."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "dump.safetensors")
            self.output("-q", "--dump", path, *args, **how)
            self.assertEqual(os.listdir(directory), ["dump.safetensors"])
            return read_safetensors(path)[0]

    def directory(self):
        path = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, path)
        return path

    def file(self, data):
        path = os.path.join(self.directory(), "file.txt")
        with open(path, "wb") as f:
            f.write(data)
        return path

    def reference(self, name):
        """Its tensors; fails if they were made from other weights."""
        self.assertIsNone(stale(name))
        return reference(name)[0]

    def assert_close(self, got, want, limit=LIMIT, what=None):
        """Two (shape, values): difference in units of the largest value."""
        self.assertEqual(got[0], want[0], what)
        difference = largest_difference(got[1], want[1])
        self.assertTrue(difference <= limit, f"{what}: {difference} of the largest value")

    def colored(self, *args, **env):
        """What it writes on a terminal."""
        ours, its = pty.openpty()
        with subprocess.Popen([self.program, *args], stdin=subprocess.DEVNULL, stdout=its,
                              stderr=subprocess.PIPE, env=environment(**env)) as process:
            os.close(its)
            text = b""
            try:
                while part := os.read(ours, 65536):
                    text += part
            except OSError:                      # Linux says so when the program has ended
                pass
            os.close(ours)
        self.assertEqual(process.returncode, 0)
        return text.decode()


# ---- the tests that all have in common

class Shared:
    """Beside `stage`, a class has

    phrases    of the bare run
    keys       of the JSON object
    ids_key    the name of the prompt's ids among them
    options    what --help must list, beside what all stages have
    short      options that make a run short
    result     a phrase of what only computing gives, which a dry run must not show
    """

    short = ()

    def ids(self, *args, **how):
        return self.object(*self.short, *args, **how)[self.ids_key]

    # -- what it shows

    def test_bare(self):
        text = self.output()
        for phrase in self.phrases:
            self.assertIn(phrase, text)
        self.assertNotIn("\033", text)
        self.assertTrue(text.endswith("\n"))

    def test_from_elsewhere(self):
        here = self.object(*self.short)
        self.assertEqual(without_times(here), self.same(*self.short, cwd="/tmp"))
        self.assertEqual(without_times(here), self.same(*self.short, "-m", "models/tales"))

    def test_color_on_a_terminal_only(self):
        self.assertIn("\033[", self.colored(*self.short))
        self.assertNotIn("\033", self.colored(*self.short, NO_COLOR="1"))
        self.assertNotIn("\033", self.colored("--json", *self.short))

    def test_json(self):
        got = self.object(*self.short)
        self.assertLessEqual(set(self.keys), set(got))
        self.assertTrue(got[self.ids_key])

    def test_quiet_and_verbose(self):
        whole = self.output(*self.short)
        self.assertLess(len(self.output("-q", *self.short)), len(whole))
        self.assertGreaterEqual(len(self.output("-v", *self.short, note=True)), len(whole) // 2)
        want = self.same(*self.short)
        self.assertEqual(self.same("-q", *self.short), want)
        self.assertEqual(self.same("-v", *self.short, note=True), want)

    def test_help(self):
        text = self.output("--help")
        listed = OPTION.findall(text)
        names = [name for _, name, _ in listed]
        letters = [letter for letter, _, _ in listed if letter]
        self.assertEqual(len(names), len(set(names)), "an option is there twice")
        self.assertEqual(len(letters), len(set(letters)), "a letter is there twice")
        self.assertLessEqual({"model", "json", "quiet", "verbose", "file", "dtype", "threads",
                              "ids", "dump", *self.options}, set(names))
        self.assertLessEqual({"m", "q", "v", "f", "d", "t"}, set(letters))
        for words in ("--help", "--version", "PROMPT", f"stage{self.stage}/run"):
            self.assertIn(words, text)
        self.assertNotIn("\033", text)
        self.assertEqual(self.output("-h"), text)

    def test_help_tells_what_there_is(self):
        """Each option listed is one, and takes a value if the help says so."""
        for letter, name, value in OPTION.findall(self.output("--help")):
            if value:
                self.fails([f"--{name}", "needs a value"], f"--{name}")
                if letter:
                    self.fails([f"-{letter}", "needs a value"], f"-{letter}")
            else:
                self.fails(f"--{name}=x", f"--{name}=x")

    def test_examples_work(self):
        lines = self.output("--help").split("Examples:\n")[1].splitlines()
        self.assertTrue(lines)
        for line in lines:
            command = line.strip()
            self.assertIn(f"stage{self.stage}/run", command)
            if "README" in command and not os.path.exists(os.path.join(ROOT, "README.md")):
                continue
            with self.subTest(command), tempfile.TemporaryDirectory() as directory:
                command = command.replace(f"stage{self.stage}/run", self.program)
                command = command.replace("README.md", os.path.join(ROOT, "README.md"))
                command = re.sub(r"-n \d+", "-n 9", command)
                done = subprocess.run(["sh", "-c", command], cwd=directory, timeout=TIMEOUT,
                                      env=environment(), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertTrue(done.stdout or "--interactive" in command)

    def test_version(self):
        self.assertRegex(self.output("--version"), rf"\Astage{self.stage} \d[^\n]*\n\Z")

    # -- what it works on

    def test_prompt_by_argument_file_and_pipe(self):
        want = self.ids("Hello, world")
        self.assertNotEqual(want, self.ids())
        self.assertEqual(self.ids(given=b"Hello, world"), want)
        path = self.file(b"Hello, world")
        self.assertEqual(self.ids("-f", path), want)
        with open(path, "rb") as file:
            self.assertEqual(self.ids(stdin=file), want)
        self.assertEqual(self.ids("Hello, world", given=b"not this"), want)
        self.assertEqual(self.ids("-f", path, given=b"not this"), want)

    def test_one_final_newline_is_dropped(self):
        none, one = self.ids("Hello"), self.ids("Hello\n\n")
        self.assertGreater(len(one), len(none))
        for data, want in ((b"Hello\n", none), (b"Hello\n\n", one)):
            self.assertEqual(self.ids(given=data), want)
            self.assertEqual(self.ids("-f", self.file(data)), want)

    def test_an_empty_prompt_is_none(self):
        want = self.ids()
        for data in (b"", b"\n"):
            self.assertEqual(self.ids(given=data), want)
            self.assertEqual(self.ids("-f", self.file(data)), want)
        self.assertEqual(self.ids(""), want)

    def test_does_not_wait_for_a_prompt(self):
        """Standard input is a pipe that never ends, and is not asked for."""
        for args in (["Hello"], ["--ids", "1,2"], ["-f", self.file(b"Hello")]):
            its, ours = os.pipe()
            try:
                self.object(*self.short, *args, stdin=its, timeout=30)
            finally:
                os.close(its)
                os.close(ours)

    def test_any_bytes_are_a_prompt(self):
        vocabulary, names = read_vocabulary(), byte_names()
        for data in (b"\xff\xfe", b"\0", b"\xc3"):
            self.assertEqual(self.ids(given=data), [vocabulary[names[b]] for b in data])
        self.assertTrue(self.output(*self.short, given="é☕\u0301".encode()))

    def test_ids_take_the_place_of_the_prompt(self):
        ids = self.ids("Hello, world")
        listed = ",".join(map(str, ids))
        self.assertEqual(self.same(*self.short, "--ids", listed),
                         self.same(*self.short, "Hello, world"))

    def test_models_without_a_vocabulary(self):
        for name in RANDOM:
            got = self.same(*self.short, "-m", model_path(name), "--ids", "5,0,7")
            self.assertEqual(got[self.ids_key], [5, 0, 7], name)
            self.no_text(got)
            self.assertTrue(self.output(*self.short, "-m", model_path(name), "--ids", "5"))

    def no_text(self, got):
        """Every `token` and `text` is null."""
        if isinstance(got, list):
            for value in got:
                self.no_text(value)
        if isinstance(got, dict):
            for key, value in got.items():
                if key in ("token", "text"):
                    self.assertIsNone(value)
                self.no_text(value)

    def test_a_weights_file_as_the_model(self):
        path = model_path("heads12")
        file = os.path.join(path, "model.safetensors")
        ids = ["--ids", "5,0,7"]
        self.assertEqual(self.same(*self.short, "-m", file, *ids),
                         self.same(*self.short, "-m", path, *ids))
        self.assertEqual(self.same(*self.short, "-m", "model.safetensors", *ids, cwd=path),
                         self.same(*self.short, "-m", ".", *ids, cwd=path))

    def test_number_types(self):
        whole = ["-m", model_path("heads12"), "--ids", "5,0,7", *self.short]
        self.assertEqual(self.same("-d", "f32", *whole), self.same(*whole))
        for dtype in ("f16", "bf16"):
            self.assertEqual(set(self.object("--dtype", dtype, *whole)),
                             set(self.object(*whole)))

    def test_any_number_of_threads(self):
        want = self.same(*self.short, "-t", "1")
        for threads in ("2", "3", "0"):
            self.assertEqual(self.same(*self.short, "-t", threads), want)

    def test_a_full_context(self):
        for name in ("chunk33", "tiny"):
            n = {"chunk33": 33, "tiny": 100}[name]
            ids = [i % 11 for i in range(n)]
            got = self.object("-m", model_path(name), "--ids", ",".join(map(str, ids)),
                              *self.short)
            self.assertEqual(got[self.ids_key], ids)

    # -- files it writes

    def test_a_dump_that_cannot_be_written(self):
        directory = self.directory()
        path = os.path.join(directory, "none", "x.safetensors")
        self.always_fails(["cannot write", path], "--dump", path)
        self.always_fails(["cannot write", directory], "--dump", directory, *self.short)
        self.always_fails("", "--dump", "", *self.short)
        self.assertEqual(os.listdir(directory), [])

    def test_no_dump_after_an_error(self):
        """Nothing is left, not even half a file."""
        directory = self.directory()
        path = os.path.join(directory, "x.safetensors")
        for error in (["--ids", "99999999"], ["-m", directory], ["-f", directory],
                      ["-m", model_path("tiny"), "Hello"]):
            self.fails("", *error, "--dump", path)
            self.assertEqual(os.listdir(directory), [], error)

    def test_a_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        for options in (["--json"], []):
            with open("/dev/full", "wb") as full:
                self.fails("cannot write", *options, *self.short, stdout=full, silent=False)

    # -- errors

    def test_errors_of_the_command_line(self):
        self.always_fails("--wrong", "--wrong")
        self.always_fails("-x", "-x")
        self.always_fails("--json=1", "--json=1")
        self.always_fails(["b", "quotes"], "a", "b")
        self.always_fails(["--dtype", "q4", "bf16"], "--dtype", "q4")
        self.always_fails("--dtype", "-d", "")
        for value in ("-1", "x", "1.5", "", "nan", "1e99"):
            self.always_fails("--threads", "-t", value)

    def test_options_of_other_stages(self):
        for option, stages in OWNERS.items():
            if self.stage not in stages.split():
                self.fails(option[:2] if option.startswith("-n") else option.split("=")[0],
                           option)

    def test_errors_of_ids(self):
        V = 4096
        for ids in ("", "1,,2", "99999999", "99999999999999999999", "-1", "1,2,", "abc", ",",
                    "1;2", "1.5", "0x1", "1 2", str(V)):
            self.always_fails("--ids", f"--ids={ids}")
        self.fails(str(V - 1), f"--ids={V}")
        self.fails("--ids", "--ids=11", "-m", model_path("tiny"))
        self.ids(f"--ids={V - 1}")

    def test_errors_of_the_prompt(self):
        directory = self.directory()
        path = os.path.join(directory, "none.txt")
        self.always_fails(["cannot read", path], "-f", path)
        self.always_fails(["cannot read", directory, "directory"], "-f", directory)
        self.always_fails("vocab.json", "-m", model_path("tiny"), "Hello")
        self.always_fails("vocab.json", "-m", model_path("tiny"))

    def test_errors_of_the_model(self):
        directory = self.directory()
        path = os.path.join(directory, "none")
        self.always_fails(["no model at", path, "try"], "-m", path)
        self.always_fails("model", "-m", "")
        self.always_fails([directory, "model.safetensors"], "-m", directory)
        path = self.file(b"This is a text.\n")
        self.always_fails([path, "safetensors"], "-m", path)
        path = self.file(b"")
        self.always_fails([path, "safetensors"], "-m", path)
        shutil.copy(os.path.join(model_path("tiny"), "model.safetensors"), directory)
        self.always_fails(["config.json"], "-m", directory, "--ids", "1")
        self.always_fails("config.json asks for a shape", "--ids", "1", "-m",
                          copy_model("heads12", self.directory(), n_positions=41))
        self.always_fails(["vocab.json", "config.json"], "-m", self.too_small_model(), "zebra")

    def too_small_model(self):
        """Its vocabulary has more tokens than its config.json."""
        return small_model(self.directory(), 8, 16, lambda name, count: [0] * count, V=20)


class Kernels:
    """The tests that stages 04 to 07 have in common."""

    def test_list_kernels(self):
        lines = self.output("--list-kernels").splitlines()
        names = [line.split()[0] for line in lines]
        self.assertEqual([name for name in names[:3] if name.startswith("attention")
                          and name != "attention=split"],  # CUDA's, from stage 08 on
                         ["attention=fused", "attention=naive"])
        operations = {name.split("=")[0] for name in names}
        self.assertEqual(sum("(default)" in line for line in lines), len(operations))
        for name in names:
            self.object("--kernel", name, "-m", model_path("heads12"), "--ids", "5,0,7",
                        *self.short)

    def test_errors_of_kernels(self):
        for name in ("nonsense", "attention", "attention=", "attention=nonsense", "=naive", "",
                     "attention=naive2", "naive"):
            self.always_fails(["--kernel", "--list-kernels"], f"--kernel={name}")

    def test_profile(self):
        path = os.path.join(self.directory(), "trace.json")
        self.output("--profile", path, *self.short)
        with open(path, encoding="utf-8") as f:
            events = json.load(f)
        self.assertLessEqual({"embeddings", "attention"}, {e["name"] for e in events})
        end = 0
        for event in events:
            self.assertEqual(event["ph"], "X")
            self.assertGreaterEqual(event["ts"], end - 0.01)
            self.assertGreaterEqual(event["dur"], 0)
            end = event["ts"] + event["dur"]

    def test_a_profile_that_cannot_be_written(self):
        directory = self.directory()
        path = os.path.join(directory, "none", "trace.json")
        self.always_fails(["cannot write", path], "--profile", path, *self.short)

    def test_dry_run(self):
        text = self.output("--dry-run", *self.short)
        for word in ("operation", "calls", "flop", "embeddings", "attention", "attn.c_attn"):
            self.assertIn(word, text)
        self.assertNotIn(self.result, text, "shown, although nothing was computed")

    def test_dry_run_leaves_json_machine_readable(self):
        done = self.run_it("--dry-run", "--json", *self.short)
        if done.returncode:
            self.fails("--dry-run", "--dry-run", "--json", *self.short)
        else:
            for line in done.stdout.decode().splitlines():
                parse_json(line)


class Later:
    """For stages 08 to 10, which keep stage 07's options: before Stage07 among the bases."""

    def test_options_of_other_stages(self):
        for option, stages in OWNERS.items():
            name = option.split("=")[0].lstrip("-")
            if not {"07", self.stage} & set(stages.split()) and name not in self.options:
                self.fails("--" + name, option)

    def test_help_lists_nothing_else(self):
        shared = ("model", "json", "quiet", "verbose", "file", "dtype", "threads", "ids",
                  "dump", "help", "version")
        names = {name for _, name, _ in OPTION.findall(self.output("--help") + "\n")}
        self.assertEqual(names - set(shared), set(self.options))
