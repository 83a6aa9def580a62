"""Stage 04's program from outside: attention weights, kernels, its errors.

    make stage04 && python3 -m unittest tests/test_program_04.py
"""

import math
import os
import sys
import unittest
from xml.etree import ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import (RANDOM, Kernels, Program, Shared, default_config,  # noqa: E402
                      model_path, rows_of)

HEADS = default_config()["n_head"]
SIZE = default_config()["n_embd"] // HEADS


def attention(qkv, C, HS, head):
    """Rows of weights, from rows of queries, keys and values."""
    rows = []
    for t, row in enumerate(qkv):
        q = row[head * HS:][:HS]
        scores = [math.fsum(a * b for a, b in zip(q, other[C + head * HS:][:HS])) / math.sqrt(HS)
                  for other in qkv[:t + 1]]
        e = [math.exp(s - max(scores)) for s in scores]
        rows.append([x / math.fsum(e) for x in e] + [0] * (len(qkv) - t - 1))
    return rows


class Stage04(Program, Shared, Kernels, unittest.TestCase):
    stage = "04"
    phrases = ("Layer 0", f"{HEADS} heads of {SIZE}", "Head 0", "scores", "softmax", "rows sum to 1")
    result = "rows sum to 1"
    keys = ("ids", "layer", "head", "attention")
    ids_key = "ids"
    options = ("kernel", "list-kernels", "invariant", "profile", "dry-run", "layer", "head", "svg")

    def check_weights(self, rows):
        for t, row in enumerate(rows):
            self.assertEqual(len(row), len(rows))
            self.assertAlmostEqual(math.fsum(row), 1, places=5)
            self.assertGreaterEqual(min(row), 0)
            self.assertEqual(row[t + 1:], [0] * (len(rows) - t - 1))

    def test_weights_of_all_heads(self):
        seen = []
        for layer in range(6):
            for head in range(HEADS):
                got = self.object("--layer", layer, "--head", head, "The old king went to")
                self.assertEqual((got["layer"], got["head"]), (layer, head))
                self.assertEqual(len(got["attention"]), len(got["ids"]))
                self.check_weights(got["attention"])
                self.assertNotIn(got["attention"], seen)
                seen.append(got["attention"])
        self.assertEqual(self.object("The old king went to")["attention"], seen[0])

    def test_weights_against_queries_and_keys(self):
        for name, heads, HS in (("heads12", 3, 12), ("head80", 1, 80)):
            for layer in range(2):
                ids = ["-m", model_path(name), "-d", "f32", "--ids", "5,0,7,7,3", "--layer", layer]
                qkv = rows_of(self.dump(*ids)[f"attention.qkv.{layer}"])
                for head in range(heads):
                    got = self.object(*ids, "--head", head)["attention"]
                    want = attention(qkv, heads * HS, HS, head)
                    for row, right in zip(got, want):
                        for a, b in zip(row, right):
                            self.assertAlmostEqual(a, b, places=5)

    def test_one_token(self):
        self.assertEqual(self.object("--ids", "5")["attention"], [[1]])

    def test_a_long_text(self):
        ids = [i % 7 for i in range(100)]
        got = self.object("-m", model_path("tiny"), "--ids", ",".join(map(str, ids)))
        self.check_weights(got["attention"])
        self.assertTrue(self.output("-m", model_path("tiny"), "--ids", ",".join(map(str, ids))))

    def test_dump(self):
        for name in RANDOM:
            want = self.reference(name)
            T, C = want["hidden_states.0"][0]
            got = self.dump("-m", model_path(name), "-d", "f32", "--ids",
                            ",".join(map(str, want["ids"][1])))
            self.assertEqual(got["attention.qkv.0"][0], [T, 3 * C])
            for part in ("in", "out"):
                self.assert_close(got[f"attention.{part}.0"], want[f"first_attention.{part}"],
                                  what=(name, part))

    def test_kernels_agree(self):
        for name in RANDOM:
            ids = ",".join(map(str, self.reference(name)["ids"][1]))
            args = ["-m", model_path(name), "-d", "f32", "--ids", ids]
            naive = self.dump("--kernel", "attention=naive", *args)
            fused = self.dump("--kernel", "attention=fused", *args)
            self.assertEqual(set(naive), set(fused))
            for tensor in naive:
                self.assert_close(naive[tensor], fused[tensor], 1e-6, (name, tensor))
            self.assertEqual(fused, self.dump(*args))
            rows = [self.object("--kernel", f"attention={kernel}", *args)["attention"]
                    for kernel in ("naive", "fused")]
            for a, b in zip(*rows):
                for x, y in zip(a, b):
                    self.assertAlmostEqual(x, y, delta=1e-6)

    def test_svg(self):
        """A picture of all heads, well-formed whatever the tokens are."""
        path = os.path.join(self.directory(), "heads.svg")
        for args, heads in ((["<a> & \"b\" ]]> é"], HEADS), (["--layer", "5"], HEADS),
                            (["-m", model_path("heads12"), "--ids", "1,2,3"], 3)):
            self.output("--svg", path, *args)
            root = ElementTree.parse(path).getroot()
            self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
            text = " ".join(root.itertext()).lower()
            for head in range(heads):
                self.assertIn(f"head {head}", text)
            self.assertNotIn(f"head {heads}", text)
        self.output("--svg", path, given=b"\xff\x01\0\x7f")
        ElementTree.parse(path)

    def test_an_svg_that_cannot_be_written(self):
        directory = self.directory()
        for path in (os.path.join(directory, "none", "x.svg"), directory, ""):
            self.always_fails(["cannot write", path], "--svg", path)
        self.assertEqual(os.listdir(directory), [])

    def test_errors(self):
        self.always_fails(["--layer", "99", "0 to 5"], "--layer", "99")
        self.always_fails(["--layer", "0 to 5"], "--layer", "6")
        self.always_fails(["--head", "99", f"0 to {HEADS - 1}"], "--head", "99")
        self.always_fails(["--head", f"0 to {HEADS - 1}"], "--head", str(HEADS))
        for value in ("-1", "x", "", "0.5", "1e10"):
            self.always_fails("--layer", "--layer", value)
            self.always_fails("--head", "--head", value)

    def test_a_text_that_is_too_long(self):
        got = self.object("-m", model_path("chunk33"), "--ids",
                          ",".join(map(str, range(40))), note=True)
        self.assertEqual(got["ids"], list(range(7, 40)))
        self.check_weights(got["attention"])


if __name__ == "__main__":
    unittest.main()
