"""Stage 05's program from outside: the residual stream through a block, its errors.

    make stage05 && python3 -m unittest tests/test_program_05.py
"""

import math
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import (RANDOM, Kernels, Program, Shared, model_path, rows_of)  # noqa: E402


def norms(rows):
    return [math.sqrt(math.fsum(v * v for v in row)) for row in rows]


def added(x, y):
    return [[a + b for a, b in zip(*rows)] for rows in zip(rows_of(x), rows_of(y))]


class Stage05(Program, Shared, Kernels, unittest.TestCase):
    stage = "05"
    phrases = ("Block 0", "ln_1", "attention", "ln_2", "gelu", "MLP", "residual stream")
    result = "x + MLP"
    keys = ("ids", "layer", "steps")
    ids_key = "ids"
    options = ("kernel", "list-kernels", "invariant", "profile", "dry-run", "layer")

    def test_steps(self):
        for layer in range(6):
            got = self.object("--layer", layer, "The old king went to")
            self.assertEqual(got["layer"], layer)
            self.assertEqual(len(got["steps"]), 7)
            self.assertEqual(len({step["name"] for step in got["steps"]}), 6 + 1)
            self.assertEqual([step["stream"] for step in got["steps"]],
                             [True, False, True, False, False, False, True])
            for step in got["steps"]:
                self.assertEqual(len(step["norms"]), len(got["ids"]))
                self.assertGreater(min(step["norms"]), 0)

    def test_a_block_begins_where_the_one_before_ends(self):
        ends = [self.object("--layer", layer)["steps"] for layer in range(6)]
        for before, after in zip(ends, ends[1:]):
            self.assertEqual(before[-1]["norms"], after[0]["norms"])

    def test_norms_against_the_reference(self):
        for name in RANDOM:
            want = self.reference(name)
            got = self.object("-m", model_path(name), "-d", "f32", "--ids",
                              ",".join(map(str, want["ids"][1])))
            middle = added(want["hidden_states.0"], want["first_attention.out"])
            for step, rows in ((0, rows_of(want["hidden_states.0"])),
                               (1, rows_of(want["first_attention.in"])), (2, middle),
                               (3, rows_of(want["first_block.mlp_in"])),
                               (6, rows_of(want["hidden_states.1"]))):
                for a, b in zip(got["steps"][step]["norms"], norms(rows)):
                    self.assertAlmostEqual(a, b, delta=1e-4 * b, msg=(name, step))

    def test_dump(self):
        for name in RANDOM:
            want = self.reference(name)
            ids = ",".join(map(str, want["ids"][1]))
            layers = sum(key.startswith("hidden_states.") for key in want) - 1
            for layer in range(layers):
                got = self.dump("-m", model_path(name), "-d", "f32", "--ids", ids,
                                "--layer", layer)
                self.assertEqual(sorted(got), [f"hidden_states.{l}" for l in range(layer + 2)])
                for tensor in got:
                    self.assert_close(got[tensor], want[tensor], what=(name, layer, tensor))

    def test_kernels_agree(self):
        ids = ",".join(map(str, self.reference("chunk33")["ids"][1]))
        args = ["-m", model_path("chunk33"), "--ids", ids, "--layer", "2"]
        naive = self.dump("--kernel", "attention=naive", *args)
        fused = self.dump("--kernel", "attention=fused", *args)
        for tensor in naive:
            self.assert_close(naive[tensor], fused[tensor], 1e-5, tensor)

    def test_errors(self):
        self.always_fails(["--layer", "99", "0 to 5"], "--layer", "99")
        self.always_fails(["--layer", "0 to 5"], "--layer", "6")
        for value in ("-1", "x", "", "0.5"):
            self.always_fails("--layer", "--layer", value)

    def test_a_text_that_is_too_long(self):
        got = self.object("-m", model_path("chunk33"), "--ids",
                          ",".join(map(str, range(40))), note=True)
        self.assertEqual(got["ids"], list(range(7, 40)))
        self.assertEqual(len(got["steps"][0]["norms"]), 33)


if __name__ == "__main__":
    unittest.main()
