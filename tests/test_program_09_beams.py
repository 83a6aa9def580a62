"""Stage 09's --beams from outside: against Hugging Face, its forms, its errors.

    make stage09 && python3 -m unittest tests/test_program_09_beams.py
"""

import json
import math
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import (RANDOM, TESTS, Program, byte_names, copy_model,  # noqa: E402
                      model_path, parrot, read_vocabulary, small_model)
from reference import fingerprint  # noqa: E402

# Hugging Face adds in f32: a score's seventh digit.  Seen: 5e-6 of the score.
SCORES = 1e-5
OLD_KING = [338, 543, 651]
TALES_END = "And they lived happily ever after."
KEYS = {"ids", "text", "finish", "score", "log_prob"}


def listed(ids):
    return ",".join(map(str, ids))


def tokens_of(data):
    vocabulary, names = read_vocabulary(), byte_names()
    return [vocabulary[names[b]] for b in data]


class Beams(Program, unittest.TestCase):
    stage = "09"

    def beams(self, *args):
        """The list that one prompt gives."""
        return self.object(*args)["beams"]

    def lines(self, *lines):
        """A file of prompts: texts and objects."""
        lines = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        return self.file("".join(line + "\n" for line in lines).encode())

    # -- Hugging Face's generate(num_beams=N, early_stopping=False), by make_beams.py

    def references(self):
        path = os.path.join(TESTS, "reference", "beams.json")
        with open(path, encoding="utf-8") as file:
            made = json.load(file)
        for name, sha256 in made["weights_sha256"].items():
            self.assertEqual(fingerprint(model_path(name)), sha256,
                             f"{name} has changed; run tests/reference/make_beams.py")
        return made["cases"]

    def as_hugging_face(self, case, got):
        what = [case[key] for key in ("model", "prompt_ids", "beams", "length_penalty")]
        self.assertEqual(set(got), {"prompt_ids", "beams"})
        self.assertEqual(got["prompt_ids"], case["prompt_ids"])
        self.assertEqual([beam["ids"] for beam in got["beams"]], case["ids"], what)
        for beam, score in zip(got["beams"], case["scores"]):
            self.assertLessEqual(set(beam), KEYS)
            self.assertTrue(abs(beam["score"] - score) <= SCORES * max(1, abs(score)),
                            (what, beam, score))
            n = len(beam["ids"])
            self.assertAlmostEqual(beam["log_prob"] / n ** case["length_penalty"]
                                   / beam["score"], 1, delta=1e-7)
            ended = beam["ids"][-1] == case["eos"]
            self.assertEqual(beam["finish"], "eos" if ended else "length")
            self.assertTrue(ended or n == case["n"])

    def test_as_hugging_face(self):
        for case in self.references():
            path = copy_model(case["model"], self.directory(), eos_token_id=case["eos"])
            self.as_hugging_face(case, self.object(
                "-d", "f32", "-m", path, "--beams", case["beams"], "-n", case["n"],
                "--length-penalty", case["length_penalty"], "--ids",
                listed(case["prompt_ids"])))

    def test_by_default(self):
        """length_penalty is 1; and many prompts in one run, each with its own -n."""
        together = {}
        for case in self.references():
            if case["length_penalty"] == 1 and case["model"] == "tales":
                together.setdefault(case["beams"], []).append(case)
        for beams, cases in together.items():
            prompts = [{"ids": case["prompt_ids"], "tokens": case["n"]} for case in cases]
            objects = self.objects("-d", "f32", "--beams", beams, "--prompts",
                                   self.lines(*prompts))
            self.assertEqual(len(objects), len(cases))
            for case, got in zip(cases, objects):
                self.as_hugging_face(case, got)

    def test_the_references_tell(self):
        """They have texts of many lengths side by side, else much would go unseen."""
        cases = self.references()
        lengths = [len({len(ids) for ids in case["ids"]}) for case in cases]
        self.assertGreater(sum(n > 1 for n in lengths), 40)
        self.assertGreater(max(lengths), 4)
        for penalty in (0, 1, 2, -1):
            self.assertTrue([1 for case in cases if case["length_penalty"] == penalty
                             and case["eos"] in [ids[-1] for ids in case["ids"]]])

    # -- what it is

    def test_one_beam_is_greedy(self):
        for args in (["The old king"], ["-m", model_path("odd"), "--ids", "1,2,3"]):
            greedy = self.object("-n", "20", "--temperature", "0", *args)
            beam, = self.beams("-n", "20", "--beams", "1", *args)
            for key in ("ids", "text", "finish"):
                self.assertEqual(beam[key], greedy[key])

    def test_more_beams_find_more(self):
        """Not always, but here."""
        scores = [self.beams("-n", "20", "--beams", n, "The old king")[0]["score"]
                  for n in (1, 4, 64)]
        self.assertEqual(scores, sorted(set(scores)))

    def test_the_text_of_the_ids(self):
        for beam in self.beams("-n", "12", "--beams", "3", TALES_END):
            self.assertEqual(set(beam), KEYS)
            vocabulary = {id_: name for name, id_ in read_vocabulary().items()}
            names = {name: b for b, name in byte_names().items()}
            ids = beam["ids"][:-1] if beam["finish"] == "eos" else beam["ids"]
            data = bytes(names[c] for id_ in ids for c in vocabulary[id_])
            self.assertEqual(beam["text"], data.decode("utf-8", "replace"))

    def test_all_of_a_small_vocabulary(self):
        args = ["-m", model_path("tiny"), "--ids", "1,2,3", "--beams", "64"]
        got = self.beams("-n", "1", *args)
        self.assertEqual(sorted(beam["ids"] for beam in got), [[i] for i in range(11)])
        total = math.fsum(math.exp(beam["log_prob"]) for beam in got)
        self.assertAlmostEqual(total, 1, 6)
        self.assertEqual(len(self.beams("-n", "2", *args)), 64)

    def test_the_end_of_text(self):
        circle = tokens_of(b"abc")
        path = parrot(self.directory(), circle, eos=circle[2])
        args = ["-m", path, "-n", "5", "--beams", "2", "a"]
        best = self.beams(*args)[0]
        self.assertEqual((best["text"], best["finish"]), ("b", "eos"))
        self.assertEqual(best["ids"], circle[1:])
        best = self.beams("--ignore-eos", *args)[0]
        self.assertEqual((best["text"], best["finish"]), ("bcabc", "length"))
        best, other = self.objects(*args[:-1], "--prompts", self.lines(
            "a", {"prompt": "a", "ignore_eos": True, "tokens": 4}))
        self.assertEqual(best["beams"][0]["text"], "b")
        self.assertEqual(other["beams"][0]["text"], "bcab")

    def test_length_penalty(self):
        """A great one prefers the long."""
        args = ["-d", "f32", "-n", "12", "--beams", "4", TALES_END, "--length-penalty"]
        short, long = (self.beams(*args, x) for x in ("-1", "3"))
        short, long = (sum(len(beam["ids"]) for beam in beams) for beams in (short, long))
        self.assertLess(short, long)

    def test_a_whole_window(self):
        for n, name in ((33, "chunk33"), (40, "heads12")):
            args = ["-m", model_path(name), "--beams", "3", "--ids"]
            for prompt in (1, 5, 31, n - 1):
                ids = listed(range(prompt))
                got = self.beams(*args, ids, "-n", n - prompt)
                self.assertEqual([len(beam["ids"]) for beam in got], [n - prompt] * 3)
                self.fails(["--beams", str(n + 1), f"n_ctx is {n}"], *args, ids, "-n",
                           n - prompt + 1)

    def test_no_new_tokens(self):
        self.assertEqual(self.beams("-n", "0", "--beams", "2", "The old king"), [])

    # -- what must not matter

    def test_same_any_way(self):
        args = ["-n", "20", "--beams", "4", "The old king"]
        want = self.object(*args)
        for options in (["-t", "1"], ["-t", "3"], ["--prefill-chunk", "1"],
                        ["--prefill-chunk", "2"], ["--batch", "1"], ["--seed", "7"]):
            self.assertEqual(self.object(*options, *args), want, options)
        ids = [beam["ids"] for beam in want["beams"]]
        got = self.beams("--kernel", "attention=naive", *args)
        self.assertEqual([beam["ids"] for beam in got], ids)

    def test_number_types(self):
        args = ["-n", "8", "--beams", "3", "The old king"]
        want = [beam["score"] for beam in self.beams("-d", "f32", *args)]
        for options in (["-d", "f16"], ["-d", "bf16"], ["--kv-dtype", "f16"],
                        ["--kv-dtype", "bf16"]):
            got = [beam["score"] for beam in self.beams(*options, *args)]
            for a, b in zip(got, want):
                self.assertAlmostEqual(a, b, delta=0.05)

    def test_models_without_a_vocabulary(self):
        for name in RANDOM:
            got = self.beams("-m", model_path(name), "--ids", "5,0,7", "--beams", "3",
                             "-n", "9")
            self.assertEqual([beam["text"] for beam in got], [None] * 3)
            self.assertEqual([len(beam["ids"]) for beam in got], [9] * 3)

    # -- its forms

    def test_for_people(self):
        args = ["-n", "6", "--beams", "3", "The old king"]
        want = [f"{i:2}  {beam['score']:8.4f}  {beam['text']}"
                for i, beam in enumerate(self.beams(*args), 1)]
        self.assertEqual(self.output(*args).splitlines(), ["The old king ...", *want])
        self.assertIn("\033[", self.colored(*args))
        self.assertNotIn("\033", self.colored(*args, NO_COLOR="1"))
        args = ["-m", model_path("tiny"), "-n", "3", "--beams", "2", "--ids", "1,2"]
        want = [f"{i:2}  {beam['score']:8.4f}  {' '.join(map(str, beam['ids']))}"
                for i, beam in enumerate(self.beams(*args), 1)]
        self.assertEqual([line.rstrip() for line in self.output(*args).splitlines()],
                         [" ...", *want])

    def test_quiet_is_the_best_alone(self):
        args = ["-n", "6", "--beams", "3", "The old king"]
        self.assertEqual(self.output("-q", *args), self.beams(*args)[0]["text"] + "\n")

    def test_quiet_is_nothing_to_json(self):
        args = ["-n", "6", "--beams", "3", "The old king"]
        self.assertEqual(self.beams("-q", *args), self.beams(*args))

    def test_prompts(self):
        """As if each were alone, in their order; the next one has the freed pages."""
        prompts = ["The old king", {"prompt": "The wolf", "tokens": 5},
                   {"ids": OLD_KING, "tokens": 40}]
        path = self.lines(*prompts)
        args = ["-n", "9", "--beams", "3"]
        alone = [["-n", "9", "--beams", "3", "The old king"],
                 ["-n", "5", "--beams", "3", "The wolf"],
                 ["-n", "40", "--beams", "3", "The old king"]]
        self.assertEqual(self.objects(*args, "--prompts", path),
                         [self.object(*one) for one in alone])
        self.assertEqual(self.output(*args, "--prompts", path),
                         "".join(self.output(*one) for one in alone))
        self.assertEqual(self.output("-q", *args, "--prompts", path),
                         "".join(self.output("-q", *one) for one in alone))

    def test_prompts_without_a_vocabulary(self):
        args = ["-m", model_path("odd"), "-n", "5", "--beams", "2"]
        self.assertEqual(self.object(*args, "--prompts", self.lines({"ids": [5, 0, 7]})),
                         self.object(*args, "--ids", "5,0,7"))

    def test_dry_run(self):
        text = self.output("--dry-run", "--beams", "3", "-n", "4", "The old king")
        self.assertIn("attention", text)
        self.assertNotIn("The old king", text.splitlines()[0])

    # -- errors

    def test_errors(self):
        for value in ("65", "-1", "x", "1.5", "", "nan"):
            self.always_fails("--beams", "--beams", value)
        for value in ("nan", "inf", "11", "-11", "x", ""):
            self.always_fails("--length-penalty", "--beams", "2", "--length-penalty",
                              value)
        for options in (["--samples", "2"], ["--stop", "x"]):
            self.always_fails(["--beams", options[0]], "--beams", "2", *options)
        self.fails(["--beams", "--interactive"], "--beams", "2", "--interactive")
        self.always_fails(["--beams", "n_ctx"], "--beams", "2", "-n", "510",
                          "The old king")
        self.always_fails(["--beams", "n_ctx"], "--beams", "2", "-n", "511", "--prompts",
                          self.lines("Yes", "The wolf"))
        self.always_fails("no prompt", "--beams", "2", "--prompts", self.file(b"\n"))

    def test_an_error_after_a_line_with_options(self):
        self.always_fails(["--beams", "n_ctx"], "--beams", "2", "--prompts",
                          self.lines("The wolf", {"prompt": "The wolf", "tokens": 511}))

    def test_weights_that_are_not_numbers(self):
        path = small_model(self.directory(), 8, 16,
                           lambda name, count: [math.nan] * count)
        args = ["-m", path, "--ids", "1,2", "--beams", "2", "-n", "3"]
        self.fails("not a number", "--json", *args)
        self.fails("not a number", *args, silent=False)


if __name__ == "__main__":
    unittest.main()
