"""Stage 03's program from outside: rows of embeddings, their neighbours, its errors.

    make stage03 && python3 -m unittest tests/test_program_03.py
"""

import math
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import (LIMIT, RANDOM, Program, Shared, model_path,  # noqa: E402
                      random_model, read_safetensors, read_vocabulary, rows_of, small_model)

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
    options = ("near", "analogy", "positions")

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

    # -- instead of a prompt

    def test_words(self):
        """Near king, and man : king :: woman, among random rows."""
        path = random_model(self.directory(), 16)
        weights, _ = read_safetensors(os.path.join(path, "model.safetensors"))
        wte, vocabulary = rows_of(weights["wte.weight"]), read_vocabulary()
        man, king, woman = words = [vocabulary["Ġ" + w] for w in ("man", "king", "woman")]
        target = [b - a + c for a, b, c in zip(wte[man], wte[king], wte[woman])]
        for key, value, x, without in (("near", "king", wte[king], [king]),
                                       ("analogy", "man:king::woman", target, words)):
            order = sorted((-cosine(x, y), id_) for id_, y in enumerate(wte)
                           if id_ not in without)
            got = self.object("-m", path, f"--{key}", value)[key]["nearest"]
            self.assertGreaterEqual(len(got), NEAR)
            self.assertEqual([near["id"] for near in got],
                             [id_ for _, id_ in order[:len(got)]], key)
            for near, (c, _) in zip(got, order):
                self.assertAlmostEqual(near["cosine"], -c, places=4)

    def test_words_of_the_default_model(self):
        for args in (["--near", "king"], ["--near", " king"], ["--near", "xyzzy plugh"],
                     ["--analogy", "man:woman::king"]):
            got = self.object(*args)[args[0][2:]]["nearest"]
            text = self.output(*args)
            self.assertIn(got[0]["token"], text)
            self.assertNotIn("\033", text)
            self.assertLess(len(self.output("-q", *args)), len(text))
        self.assertEqual(self.object("--near", "king"), self.object("--near", " king"))
        for word in ("é", "\n", "\xff", " ", "king" * 1000):
            self.object("--near", word)
            self.output("--near", word)

    def test_positions(self):
        path = model_path("heads12")
        weights, _ = read_safetensors(os.path.join(path, "model.safetensors"))
        wpe = rows_of(weights["wpe.weight"])
        for args in (["-m", path], ["-m", model_path("tiny")], []):
            got = self.object("--positions", *args)
            places = got["positions"]
            self.assertEqual(places, sorted(set(places)))
            self.assertEqual(places[0], 0)
            for i, row in enumerate(got["cosines"]):
                self.assertEqual(len(row), len(places))
                self.assertAlmostEqual(row[i], 1, places=5)
                if path in args:
                    for c, place in zip(row, places):
                        self.assertAlmostEqual(c, cosine(wpe[places[i]], wpe[place]), places=4)
            self.assertTrue(self.output("--positions", *args))

    def test_rows_of_zeros(self):
        """They point nowhere: null or absent, but no NaN in JSON, and no crash."""
        path = small_model(self.directory(), 8, 16, lambda name, count: [0] * count)
        for args in ([], ["--near", "king"], ["--positions"], ["--analogy", "a:b::c"]):
            self.object("-m", path, *args)
            self.output("-m", path, *args)

    def test_errors_instead_of_a_prompt(self):
        for value in ("", "man", "man:woman", "man:woman:king", "man::woman:king", ":a::b",
                      "a:::b", "a:b::", "a:b::c:d", "a:b::c::d"):
            self.always_fails(["--analogy", "A:B::C"], "--analogy", value)
        self.always_fails("--near", "--near", "")
        for args in (["--near", "a", "--positions"], ["--near", "a", "--analogy", "a:b::c"],
                     ["--near", "a", "prompt"], ["--positions", "--ids", "1"]):
            self.always_fails("--", *args)
        for args in (["--near", "king"], ["--analogy", "a:b::c"]):
            self.always_fails(["vocab.json", args[0]], "-m", model_path("tiny"), *args)

    def test_words_do_not_wait_for_a_prompt(self):
        for args in (["--near", "king"], ["--positions"]):
            its, ours = os.pipe()
            try:
                self.object(*args, stdin=its, timeout=10)
            finally:
                os.close(its)
                os.close(ours)

    # -- files it writes

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
