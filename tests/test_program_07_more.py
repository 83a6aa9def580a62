"""Stage 07 from outside, more: Ctrl-C, files that do not belong together, real GPT-2.

    make stage06 stage07 && python3 -m unittest tests/test_program_07_more.py

The last needs MODELS_GPT2, a directory with GPT-2's own files (models/get gpt2).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import ROOT, Program, model_path  # noqa: E402

GPT2 = os.environ.get("MODELS_GPT2")
if not GPT2:
    print("SKIP: real GPT-2: MODELS_GPT2 names no directory with it", file=sys.stderr)


class More(Program, unittest.TestCase):
    stage = "07"

    def test_interrupt(self):
        """Ctrl-C ends the model's turn and not the program, which takes the next line."""
        with subprocess.Popen([self.program, "--interactive", "-t", "1", "-n", "100000",
                               "--ignore-eos"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, cwd=ROOT) as process:
            for line in (b"Once upon a time\n", b"The wolf\n"):
                process.stdin.write(line)
                process.stdin.flush()
                self.assertTrue(os.read(process.stdout.fileno(), 1))  # it writes
                time.sleep(0.1)
                process.send_signal(signal.SIGINT)
                text = b""
                while not text.endswith(b" ...\n"):
                    part = os.read(process.stdout.fileno(), 65536)
                    self.assertTrue(part, "the program ended: " + repr(text))
                    text += part
            process.stdin.close()
            self.assertEqual(process.wait(timeout=20), 0)

    def test_a_vocabulary_that_is_too_large(self):
        """Its ids would lie behind the end of wte, and of the logits."""
        path = self.directory()
        with open(os.path.join(model_path("heads12"), "config.json"), encoding="utf-8") as file:
            self.assertLess(json.load(file)["vocab_size"], 1000)
        for name in ("config.json", "model.safetensors"):
            shutil.copy(os.path.join(model_path("heads12"), name), path)
        for name in ("vocab.json", "merges.txt"):
            shutil.copy(os.path.join(model_path("tales"), name), path)
        for options in (["--interactive"], ["a prompt"], ["--ids", "1"]):
            self.always_fails("belong together", "-m", path, *options)

    def test_limits_are_allowed(self):
        """What the message for a value out of range names."""
        for option in ("--temperature=0", "--temperature=1000", "--top-p=1e-06", "--top-p=1",
                       "--min-p=0", "--min-p=1", "--repetition-penalty=0.001",
                       "--repetition-penalty=1000", "--presence-penalty=-100",
                       "--presence-penalty=100", "--frequency-penalty=-100"):
            self.output("-n", "2", "-q", option, "The king")

    def test_one_source_of_the_prompt(self):
        for args in (["--ids", "1", "a prompt"], ["-f", "LICENSE", "a prompt"],
                     ["--ids", "1", "-f", "LICENSE"]):
            self.always_fails("exclude each other", *args)


@unittest.skipUnless(GPT2, "SKIP: MODELS_GPT2 names no directory with real GPT-2")
class RealGPT2(Program, unittest.TestCase):
    """Facts that others published about GPT-2's weights."""

    stage = "07"

    def greedy(self, *args):
        return self.object("-m", GPT2, "--temperature", "0", "--dtype", "f32", *args)

    def test_ids(self):
        want = [373, 1043, 287, 257, 2214, 1474, 262, 16246, 286, 262, 2688, 290, 2688, 27262,
                13, 198, 198, 464]
        self.assertEqual(self.greedy("--ids", "464,3290", "-n", str(len(want)))["ids"], want)

    def test_text(self):
        got = self.greedy("-n", "8", "Alan Turing theorized that computers would one day become")
        self.assertEqual(got["text"], " the most powerful machines on the planet.")

    def test_hello(self):
        self.assertEqual(self.greedy("-n", "1", "Hello")["prompt_ids"], [15496])


if __name__ == "__main__":
    unittest.main()
