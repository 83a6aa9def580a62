"""Stage 02's program from outside: what it prints, round trips, and each error in one line.

    make stage02 && python3 -m unittest tests/test_program_02.py
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "stage02/run"
TALES = ROOT / "models/tales"
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # for builds with sanitizers


def run(*args, given=None, **more):
    stdin = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
    return subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, env=ENVIRONMENT, **stdin, **more)


class Works(unittest.TestCase):
    def output(self, *args, **more):
        done = run(*args, **more)
        self.assertEqual((done.returncode, done.stderr), (0, b""), args)
        return done.stdout

    def test_bare(self):
        text = self.output().decode()
        for part in ("Once", "rank", "English", "code", "tokens"):
            self.assertIn(part, text)
        self.assertNotIn("\033", text)

    def test_prompt_by_argument_file_and_pipe(self):
        want = self.output("-q", "Hello, world!")
        self.assertEqual(self.output("-q", given=b"Hello, world!\n"), want)
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"Hello, world!\n")
            f.flush()
            self.assertEqual(self.output("-q", "-f", f.name), want)

    def test_json(self):
        got = json.loads(self.output("--json", "Hello, world!"))
        self.assertEqual(sorted(got), ["ids", "text", "tokens"])
        self.assertEqual(got["text"], "Hello, world!")
        self.assertEqual("".join(got["tokens"]), "Hello, world!")
        ids = ",".join(map(str, got["ids"]))
        self.assertEqual(json.loads(self.output("--json", "--decode", ids)), got)
        self.assertEqual(self.output("--encode", "Hello, world!").decode(), ids + "\n")

    def test_vocabulary(self):
        vocabulary = json.loads((TALES / "vocab.json").read_text())
        ids = [vocabulary[t] for t in ("H", "i", "!", "<|endoftext|>")]
        text = self.output("-q", "--decode", ",".join(map(str, ids)))
        self.assertEqual(text, b"Hi!<|endoftext|>")
        self.assertEqual(json.loads(self.output("--json", "!<|endoftext|>"))["ids"], ids[2:])

    def test_every_byte_comes_back(self):
        random_bytes = random.Random(1).randbytes(20000)
        for data in (b"", b"\n", b"a\n", b"\n\n", b"a\r\n\n", b"\0a\0", bytes(range(256)),
                     "naïve 😀 — ".encode(), b"<|endoftext|>\n", b"\xff\xfe\xc3", random_bytes):
            ids = self.output("--encode", given=data)
            self.assertEqual(self.output("-q", "--decode", "-", given=ids), data)
            if len(ids) < 100000:
                self.assertEqual(self.output("-q", "--decode", ids.strip()), data)

    def test_encode_keeps_the_newline_and_a_prompt_does_not(self):
        vocabulary = json.loads((TALES / "vocab.json").read_text())
        self.assertEqual(self.output("--encode", given=b"a\n").decode(),
                         f"{vocabulary['a']},{vocabulary['Ċ']}\n")
        self.assertEqual(self.output("--encode", "a\n"), self.output("--encode", given=b"a\n"))
        self.assertEqual(self.output("-q", given=b"a\n").decode(), f"{vocabulary['a']}\n")
        self.assertEqual(self.output("--encode", ""), b"\n")

    def test_decode_takes_spaces_and_adds_a_newline(self):
        self.assertEqual(self.output("--decode", "1 2,3\n4"),
                         self.output("--decode", "1,2,3,4"))
        self.assertEqual(self.output("--decode", "0"), b"!\n")

    def test_trace(self):
        text = self.output("--trace", "the the<|endoftext|>").decode()
        self.assertEqual(text.count('"h" + "e"') + text.count('"t" + "h"') > 0, True, text)
        self.assertIn("special", text)
        self.assertIn("100", self.output("--trace", "x" * 5000).decode())

    def test_the_trace_ends_in_the_tokens(self):
        for word in ("unbelievable", " Rapunzel", "aaaaaaaa", "höflich"):
            last = self.output("--trace", word).decode().rstrip("\n").split("  |")[-1]
            tokens = json.loads(self.output("--json", word))["tokens"]
            if "\ufffd" not in "".join(tokens):
                self.assertEqual(last.strip("|").split("|"), tokens)

    def on_a_terminal(self, **variables):
        master, slave = os.openpty()
        done = subprocess.run([PROGRAM, "--trace", "Hi"], stdin=subprocess.DEVNULL,
                              stdout=slave,
                              env={**ENVIRONMENT, **variables}, timeout=60)
        os.close(slave)
        self.assertEqual(done.returncode, 0)
        text = os.read(master, 65536)
        os.close(master)
        return text

    def test_colour(self):
        self.assertIn(b"\033[", self.on_a_terminal(NO_COLOR=""))
        self.assertNotIn(b"\033[", self.on_a_terminal(NO_COLOR="1"))

    def test_help_and_version(self):
        text = self.output("--help").decode()
        for option in ("--encode", "--decode", "--trace", "--json", "PROMPT"):
            self.assertIn(option, text)
        self.assertIn(b"stage02", self.output("--version"))

    def test_a_long_word(self):
        ids = self.output("--encode", given=b"a" * 1000000)
        self.assertEqual(self.output("-q", "--decode", "-", given=ids), b"a" * 1000000)


class Errors(unittest.TestCase):
    """Status 1, one line on stderr that says what is wrong, nothing on stdout."""

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)

    def fails(self, part, *args, **more):
        done = run(*args, **more)
        message = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout), (1, b""), (args, message))
        self.assertEqual(message.count("\n"), 1, message)
        self.assertIn(part, message)

    def test_options(self):
        self.fails("--wrong", "--wrong")
        self.fails("one argument", "two", "words")
        self.fails("give one", "--encode", "--trace")
        self.fails("leave out the text", "--decode", "1", "text")
        self.fails("cannot read", "-f", "/nonexistent")
        self.fails("no model at", "-m", "/nonexistent")

    def test_ids(self):
        self.fails("not a token id", "--decode", "a")
        self.fails("not a token id", "--decode", "1;2")
        self.fails("not a token id", "--decode", "-", given=b"1 x")
        self.fails("not a token of this model", "--decode", "999999999")
        self.fails("not a token of this model", "--decode", "99999999999999999999")
        self.fails("not a token of this model", "--decode=-1")

    def test_vocabulary(self):
        vocabulary = json.loads((TALES / "vocab.json").read_text())
        merges = self.directory / "merges.txt"
        path = self.directory / "vocab.json"
        self.fails("cannot read", "-m", self.directory, "a")
        path.write_text(json.dumps(vocabulary))
        self.fails("merges.txt", "-m", self.directory, "a")
        lines = (TALES / "merges.txt").read_text().split("\n")
        for part, more in (("two tokens with a space", "a"),
                           ("two tokens with a space", "a b c"),
                           ("two tokens with a space", " a"), ("two tokens with a space", "a "),
                           ("line 3: \"aĠa\" is not in vocab.json", "aĠa b"),
                           ("there already", lines[1])):
            with self.subTest(more):
                merges.write_text("\n".join(lines[:2] + [more]))
                self.fails(part, "-m", self.directory, "a")
        merges.write_text("\n".join(lines))
        for part, change in (("two tokens have the id", {"!": 5}), ("whole number", {"!": -1}),
                             ("whole number", {"!": len(vocabulary)}), ("a number", {"!": "0"}),
                             ("a number", {"!": None})):
            with self.subTest(change):
                path.write_text(json.dumps({**vocabulary, **change}))
                self.fails(part, "-m", self.directory, "a")
        path.write_text("{}")
        self.fails("a vocabulary of 0 tokens", "-m", self.directory, "a")
        path.write_text('{"a": 0, "a": 1}')
        self.fails("there twice", "-m", self.directory, "a")
        path.write_text('{"a": 0, "b": 1}')
        self.fails("no token for byte 0x00", "-m", self.directory, "a")

    def test_windows_line_ends(self):
        shutil.copy(TALES / "vocab.json", self.directory)
        text = (TALES / "merges.txt").read_bytes().replace(b"\n", b"\r\n")
        (self.directory / "merges.txt").write_bytes(text)
        self.assertEqual(run("-q", "-m", self.directory, "the king").stdout,
                         run("-q", "the king").stdout)


if __name__ == "__main__":
    unittest.main()
