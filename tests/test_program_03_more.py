"""Stage 03's exhibits from outside: --near, --analogy, --positions, and the tables' numbers.

    make stage03 && python3 -m unittest tests/test_program_03_more.py

Rows are made up, so that nothing depends on what a model has learned; words come from the
default model's vocabulary, whatever is in it.
"""

import json
import math
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import (TALES, Program, model_path, random_model, read_safetensors,  # noqa: E402
                      read_vocabulary, rows_of, small_model)

TOP = 10


def norm(x):
    return math.sqrt(math.fsum(v * v for v in x))


def cosine(x, y):
    return math.fsum(a * b for a, b in zip(x, y)) / (norm(x) * norm(y))


def mean(rows):
    return [math.fsum(column) / len(rows) for column in zip(*rows)]


def added(x, y):
    return [a + b for a, b in zip(x, y)]


class Exhibits(Program, unittest.TestCase):
    stage = "03"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.vocabulary = read_vocabulary()
        letters = [t for t in cls.vocabulary if re.fullmatch("Ġ?[a-z]{3,}", t)]
        cls.spaced = [t[1:] for t in letters if t[0] == "Ġ"]
        cls.bare = [t for t in letters if t[0] != "Ġ" and "Ġ" + t not in cls.vocabulary]

    def setUp(self):
        self.path = random_model(self.directory(), 16)
        weights, _ = read_safetensors(os.path.join(self.path, "model.safetensors"))
        self.wte, self.wpe = rows_of(weights["wte.weight"]), rows_of(weights["wpe.weight"])

    def ids(self, text):
        return self.object("-m", self.path, text)["ids"]

    def is_one_token(self, text):
        return len(self.ids(text)) == 1

    def check_nearest(self, got, target, without):
        """The list has the first of all other rows, in order."""
        order = sorted((-cosine(target, y), id_) for id_, y in enumerate(self.wte)
                       if id_ not in without)
        self.assertEqual([n["id"] for n in got], [id_ for _, id_ in order[:TOP]])
        for near, (c, id_) in zip(got, order):
            self.assertEqual(set(near), {"id", "token", "cosine"})
            self.assertAlmostEqual(near["cosine"], -c, places=5)

    def near(self, word):
        got = self.object("-m", self.path, "--near", word)
        self.assertEqual(set(got), {"near"})
        self.assertEqual(set(got["near"]), {"words", "nearest"})
        tokens, = got["near"]["words"]
        return tokens, got["near"]["nearest"]

    # -- words

    def test_a_word_with_a_space_comes_first(self):
        word = next(w for w in self.spaced if self.is_one_token(" " + w))
        both = next(w for w in self.spaced if w in self.vocabulary
                    and self.is_one_token(" " + w) and self.is_one_token(w))
        for given, taken in ((word, " " + word), (both, " " + both),
                             (" " + word, " " + word)):
            tokens, nearest = self.near(given)
            self.assertEqual(tokens, [{"id": self.ids(taken)[0], "token": taken}])
            self.check_nearest(nearest, self.wte[tokens[0]["id"]], [tokens[0]["id"]])

    def test_a_word_without_a_space_if_only_that_is_a_token(self):
        word = next(w for w in self.bare if self.is_one_token(w))
        tokens, nearest = self.near(word)
        self.assertEqual(tokens, [{"id": self.ids(word)[0], "token": word}])
        self.check_nearest(nearest, self.wte[tokens[0]["id"]], [tokens[0]["id"]])

    def test_a_word_of_several_tokens(self):
        for word, taken in (("xqzwv", " xqzwv"), (" xqzwv", " xqzwv"), ("é☕", " é☕"),
                            ("<b> & \"c\"", " <b> & \"c\"")):
            ids = self.ids(taken)
            self.assertGreater(len(ids), 1)
            tokens, nearest = self.near(word)
            self.assertEqual([token["id"] for token in tokens], ids)
            self.check_nearest(nearest, mean([self.wte[i] for i in ids]), ids)
            self.assertIn("mean", self.output("-m", self.path, "--near", word))

    def test_analogy(self):
        one, two, three = [w for w in self.spaced[:20] if self.is_one_token(" " + w)][:3]
        for words in ((one, two, three), (one, one, two), ("xqzwv", two, three),
                      (one, two, "a b"), ("é", "\"", "<")):
            got = self.object("-m", self.path, "--analogy", "{}:{}::{}".format(*words))
            self.assertEqual(set(got), {"analogy"})
            ids = [[token["id"] for token in tokens] for tokens in got["analogy"]["words"]]
            self.assertEqual(len(ids), 3)
            a, b, c = [mean([self.wte[i] for i in list_]) for list_ in ids]
            target = [y - x + z for x, y, z in zip(a, b, c)]
            self.check_nearest(got["analogy"]["nearest"], target, sum(ids, []))

    def test_text_has_the_same_list(self):
        for args in (["--near", self.spaced[0]],
                     ["--analogy", "{}:{}::{}".format(*self.spaced[1:4])]):
            got = self.object("-m", self.path, *args)[args[0][2:]]
            text = self.output("-m", self.path, *args)
            lines = self.output("-m", self.path, "-q", *args).splitlines()
            self.assertEqual(text.splitlines()[-TOP:], lines)
            for line, near in zip(lines, got["nearest"]):
                self.assertRegex(line, r"\A  '.+' +-?\d\.\d\d  [█·]{40}\Z")
                self.assertIn(f"{near['cosine']:.2f}", line)
            for tokens in got["words"]:
                for token in tokens:
                    self.assertIn(f"'{token['token']}'", text)
            self.assertIn("\033", self.colored("-m", self.path, *args))

    def test_rows_that_point_nowhere_are_left_out(self):
        few = {self.vocabulary["a"]: 1, self.vocabulary["b"]: 2, self.vocabulary["c"]: -1,
               self.vocabulary["Ġ"]: 1}

        def fill(name, count):
            values = [0.0] * count
            if name == "wte.weight":
                for id_, value in few.items():
                    values[8 * id_] = value
            return values

        path = small_model(self.directory(), 8, 16, fill)
        got = self.object("-m", path, "--near", " ")["near"]["nearest"]
        self.assertEqual([n["cosine"] for n in got], [1, 1, -1])

    def test_the_file_s_own_numbers(self):
        word = self.spaced[0]
        for args in (["--near", word], ["--positions"]):
            self.assertEqual(self.object(*args, "-d", "bf16"), self.object(*args, "-d", "f32"))
            self.assertEqual(self.object(*args, "-t", "1"), self.object(*args, "-t", "2"))

    # -- positions

    def test_which_positions(self):
        for n_ctx, want in ((1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (6, [0, 1, 2, 5]),
                            (7, [0, 1, 2, 5, 6]), (11, [0, 1, 2, 5, 10]),
                            (1024, [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1023])):
            path = random_model(self.directory(), n_ctx)
            got = self.object("-m", path, "--positions")
            self.assertEqual(got["positions"], want)
            self.assertTrue(self.output("-m", path, "--positions"))
            self.assertTrue(self.output("-m", path, "--ids", "1"))

    def test_positions_of_the_default_model(self):
        with open(os.path.join(TALES, "config.json"), encoding="utf-8") as f:
            n_ctx = json.load(f)["n_positions"]
        got = self.object("--positions")
        self.assertEqual(set(got), {"positions", "cosines", "decay"})
        self.assertEqual((got["positions"][0], got["positions"][-1]), (0, n_ctx - 1))
        self.assertEqual(got["decay"], got["cosines"][0])
        for i, row in enumerate(got["cosines"]):
            for j, value in enumerate(row):
                self.assertAlmostEqual(value, got["cosines"][j][i], places=6)

    def test_positions_against_the_file(self):
        got = self.object("-m", self.path, "--positions")
        text = self.output("-m", self.path, "--positions")
        for p, row in zip(got["positions"], got["cosines"]):
            for q, value in zip(got["positions"], row):
                self.assertAlmostEqual(value, cosine(self.wpe[p], self.wpe[q]), places=5)
            self.assertIn(f"{p:6}" + "".join(f"{v:6.2f}" for v in row) + "\n", text)
        bars = re.findall(r"^ +(\d+) +(-?\d\.\d\d)  ([█·]{40})$", text, re.M)
        self.assertEqual([int(p) for p, _, _ in bars], got["positions"])
        for (_, value, bar), c in zip(bars, got["decay"]):
            self.assertEqual(value, f"{c:.2f}")
            self.assertAlmostEqual(bar.count("█"), 20 + 20 * c, delta=0.51)

    # -- the bare program: the tables as a whole

    def test_statistics(self):
        text = self.output("-m", self.path, "--ids", "1,2,77")
        lengths = {}
        for name, table in (("wte", self.wte), ("wpe", self.wpe)):
            values = sum(table, type(table[0])("f"))
            middle = math.fsum(values) / len(values)
            std = math.sqrt(math.fsum((v - middle) ** 2 for v in values) / len(values))
            lengths[name] = math.fsum(map(norm, table)) / len(table)
            row = re.search(rf"^ +{name} +(\d+) +(\d+) +(\S+) +(\S+) +(\S+)$", text, re.M)
            self.assertEqual((int(row[1]), int(row[2])), (len(table), len(table[0])))
            for got, want, digits in ((row[3], middle, 4), (row[4], std, 4),
                                      (row[5], lengths[name], 3)):
                self.assertAlmostEqual(float(got), want, delta=0.51 * 10 ** -digits)
        self.assertIn(f"{lengths['wte'] / lengths['wpe']:.2f} times", text)
        x = [added(self.wte[77], p) for p in self.wpe]
        found = re.search(r"at position 0 and at 1: cosine (\S+); at 15: (\S+)\n", text)
        for got, p in ((found[1], 1), (found[2], 15)):
            self.assertAlmostEqual(float(got), cosine(x[0], x[p]), delta=0.00051)

    def test_quiet_is_without_statistics(self):
        text = self.output("-q", "-m", self.path, "--ids", "1,2,77")
        for word in ("Tables", "Neighbours", "Positions"):
            self.assertNotIn(word, text)

    # -- errors

    def test_empty_and_malformed(self):
        self.always_fails(["--near", "empty"], "--near", "")
        self.always_fails("--near", "--near=")
        for value in ("", ":", "::", ":::", "king", "a:b", "a::b", "a:b:c", ":b::c", "a:::c",
                      "a:b::", "a:b::c:", "a:b::c::d", "a:b:::c", ":a:b::c", "a::b::c"):
            self.always_fails(["--analogy", "A:B::C", "man:woman::king"], "--analogy", value)

    def test_one_at_a_time_and_no_prompt(self):
        path = self.file(b"Hello")
        for args in (["--near", "a", "--positions"], ["--positions", "--analogy", "a:b::c"],
                     ["--near", "a", "--analogy", "a:b::c"]):
            self.always_fails(["--near", "--analogy", "--positions"], *args)
        for args in (["Hello"], ["-f", path], ["--ids", "1"]):
            for option in (["--near", "a"], ["--analogy", "a:b::c"], ["--positions"]):
                self.always_fails("prompt", *option, *args)
        directory = self.directory()
        self.always_fails("--dump", "--positions", "--dump", os.path.join(directory, "x"))
        self.assertEqual(os.listdir(directory), [])

    def test_a_pipe_is_not_a_prompt_here(self):
        want = self.object("--near", "a")
        self.assertEqual(self.object("--near", "a", given=b"not this"), want)

    def test_models_without_a_fitting_vocabulary(self):
        for path in (model_path("tiny"), model_path("shards")):
            self.always_fails(["--near", "vocab.json"], "-m", path, "--near", "zebra")
            self.always_fails(["--analogy", "vocab.json"], "-m", path, "--analogy", "a:b::c")
            self.assertTrue(self.object("-m", path, "--positions")["positions"])
        small = small_model(self.directory(), 8, 16, lambda name, count: [1] * count, V=20)
        for option in (["--near", "zebra"], ["--analogy", "a:b::c"], ["--positions"]):
            self.always_fails(["vocab.json", "belong together"], "-m", small, *option)


if __name__ == "__main__":
    unittest.main()
