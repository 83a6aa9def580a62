"""Stage 03's program from outside: rows of embeddings, their neighbours, its errors.

    make stage03 && python3 -m unittest tests/test_program_03.py
"""

import math
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import (LIMIT, RANDOM, Program, Shared, model_path,  # noqa: E402
                      read_safetensors, rows_of)

NEAR = 5


def norm(x):
    return math.sqrt(math.fsum(v * v for v in x))


def cosine(x, y):
    return math.fsum(a * b for a, b in zip(x, y)) / (norm(x) * norm(y))


class Stage03(Program, Shared, unittest.TestCase):
    stage = "03"
    phrases = ("wte", "wpe", "Neighbours", "Positions", "'The'", "' old'")
    keys = ("ids", "rows")
    ids_key = "ids"
    options = ()

    def test_rows(self):
        got = self.object("The old king went")
        self.assertEqual([row["id"] for row in got["rows"]], got["ids"])
        self.assertEqual([row["position"] for row in got["rows"]], [0, 1, 2, 3])
        self.assertEqual("".join(row["token"] for row in got["rows"]), "The old king went")
        for row in got["rows"]:
            self.assertEqual(len(row["near"]), NEAR)
            self.assertNotIn(row["id"], [near["id"] for near in row["near"]])
            cosines = [near["cosine"] for near in row["near"]]
            self.assertEqual(cosines, sorted(cosines, reverse=True))
            for near in row["near"]:
                self.assertTrue(-1 - LIMIT <= near["cosine"] <= 1 + LIMIT)
                self.assertIsInstance(near["token"], str)

    def test_norms_and_neighbours_against_the_file(self):
        path = model_path("heads12")
        weights, _ = read_safetensors(os.path.join(path, "model.safetensors"))
        wte, wpe = rows_of(weights["wte.weight"]), rows_of(weights["wpe.weight"])
        got = self.object("-m", path, "--ids", "7,100,0,7")
        for t, row in enumerate(got["rows"]):
            x = wte[row["id"]]
            self.assertAlmostEqual(row["wte_norm"], norm(x), places=4)
            self.assertAlmostEqual(row["wpe_norm"], norm(wpe[t]), places=4)
            self.assertAlmostEqual(row["norm"], norm([a + b for a, b in zip(x, wpe[t])]), places=4)
            others = sorted((-cosine(x, y), i) for i, y in enumerate(wte) if i != row["id"])
            self.assertEqual([near["id"] for near in row["near"]],
                             [i for _, i in others[:NEAR]])
            for near, (c, _) in zip(row["near"], others):
                self.assertAlmostEqual(near["cosine"], -c, places=4)

    def test_a_small_vocabulary(self):
        got = self.object("-m", model_path("tiny"), "--ids", "3")
        self.assertEqual(len(got["rows"][0]["near"]), NEAR)

    def test_dump(self):
        for name in RANDOM:
            want = self.reference(name)
            ids = ",".join(map(str, want["ids"][1]))
            got = self.dump("-m", model_path(name), "--ids", ids, "-d", "f32")
            self.assert_close(got["hidden_states.0"], want["hidden_states.0"], what=name)

    def test_a_text_that_is_too_long(self):
        got = self.object("-m", model_path("chunk33"), "--ids",
                          ",".join(map(str, range(40))), note=True)
        self.assertEqual(got["ids"], list(range(7, 40)))
        self.assertEqual([row["position"] for row in got["rows"]], list(range(33)))


if __name__ == "__main__":
    unittest.main()
