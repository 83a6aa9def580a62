"""Stage 10's program from outside: all that stage 07 does, the same texts with any draft, what
the rounds add up to, what it shows, its errors.

    make stage07 stage09 stage10 && python3 -m unittest tests/test_program_10.py
"""

import itertools
import json
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import test_program_07  # noqa: E402
import test_program_07_more  # noqa: E402
from programs import (QUICK, ROOT, Later, copy_model, environment, model_path,  # noqa: E402
                      parrot, parse_json, random_model)
from test_program_07 import bytes_to_ids, listed  # noqa: E402

TALES, DRAFT = "models/tales", "models/tales-draft"
LAYERS = [f"layers:{n}" for n in range(1, 7)]
DRAFTS = (DRAFT, "ngram", *LAYERS, "none", TALES)
HEAD = re.compile(r"^The draft (\S+): (\d+) tokens in (\d+) rounds, ([\d.]+) a round; (\d+) of "
                  r"(\d+) proposals accepted \(([\d.]+)%\)$", re.M)
ROW = re.compile(r"^proposal +(\d+)  accepted +(\d+) of +(\d+) tested +(\d+)%  \S+$", re.M)
PLAIN = re.compile(r"^plain: ([\d.]+) tokens/s; with the draft: ([\d.]+) tokens/s, "
                   r"([\d.]+) times as fast; the same text: (.*)$", re.M)
ESCAPE = re.compile("\033\\[[0-9;]*m")


def texts(got):
    return {key: got[key] for key in ("prompt_ids", "ids", "text", "finish")}


class Stage10(Later, test_program_07.Stage07):
    stage = "10"
    phrases = ("Once upon a time there was a", "tokens/s", "The draft tales-draft", "proposal  1",
               "time: drafting", "times as fast", "the same text: yes")
    keys = (*test_program_07.Stage07.keys, "kv_bytes", "kv_appended_tokens", "rounds", "proposed",
            "accepted", "acceptance", "alpha", "gamma_history", "speedup")
    options = (*test_program_07.Stage07.options, "cache", "overflow", "kv-dtype", "pages", "batch",
               "schedule", "prefill-chunk", "draft", "gamma", "accept", "beams",
               "length-penalty", "prompts", "graph", "overlap")

    # -- of stage 07's tests, what is different here

    def test_dump(self):
        """Of many passes the last: with a draft, that which verifies."""
        args = ["-m", model_path("chunk33"), "-n", "3", "--ids", "1,2,3,4"]
        for draft, rows in (("none", 1), (model_path("chunk33"), 2), ("layers:3", 2)):
            got = self.dump("--draft", draft, *args)
            self.assertEqual(got["logits"][0], [rows, 77])
            for layer in range(4):
                self.assertEqual(got[f"hidden_states.{layer}"][0], [rows, 24])

    def test_eos_is_not_part_of_the_text(self):
        args = ["-d", "f32", "--temperature", "0", "-n", "20", "The old king"]
        ids = self.object(*args)["ids"]
        end = next(i for i in range(3, len(ids)) if ids[i] not in ids[:i])
        path = copy_model("tales", self.directory(), eos_token_id=ids[end])
        want = self.object(*args, "-n", end)["text"]
        for draft in DRAFTS:
            got = self.object(*args, "-m", path, "--draft", draft, "--gamma", "8")
            self.assertEqual((got["ids"], got["finish"]), (ids[:end + 1], "eos"), draft)
            self.assertEqual(got["text"], want, draft)

    def test_samples(self):
        args = ["-n", "15", "--seed", "4", "The old king"]
        three = [texts(got) for got in self.objects("--samples", "3", *args)]
        self.assertEqual(three, self.before("--samples", "3", *args))
        text = self.output("--samples", "3", *args)
        for number, got in enumerate(three):
            self.assertIn(f"sample {number}", text)
            self.assertIn(got["text"], text)

    # -- the same text

    def before(self, *args):
        """What stage 07 says."""
        program = os.path.join(ROOT, "stage07", "run")
        done = subprocess.run([program, *QUICK, "--json", *map(str, args)], stdout=subprocess.PIPE,
                              check=True, stdin=subprocess.DEVNULL, cwd=ROOT, env=environment())
        return [texts(parse_json(line)) for line in done.stdout.decode().splitlines()]

    def now(self, *args):
        return [texts(got) for got in self.objects(*args)]

    def test_any_draft(self):
        """Every draft with every kind of sampling; gamma, dtype and threads as they come."""
        gammas, threads = itertools.cycle(range(1, 9)), itertools.cycle("12")
        ways = ([], ["--seed", "5", "--temperature", "0.7", "--sampler", "sort"],
                ["--temperature", "0"], ["--top-k", "20", "--top-p", "0.9"],
                ["--seed", "2", "--sampler", "pivot", "--repetition-penalty", "1.3"])
        for i, way in enumerate(ways):
            args = ["-d", ("f32", "bf16")[i % 2], "-n", "22", *way,
                    ("The old king", "Once upon a time")[i // 2 % 2]]
            want = self.before(*args)
            for draft in DRAFTS:
                more = ["--draft", draft, "--gamma", next(gammas), "-t", next(threads)]
                self.assertEqual(self.now(*more, *args), want, (more, args))

    def test_overlap(self):
        """Two half-batches, the same texts."""
        for n, batch, accept in ((2, 2, "coupled"), (5, 3, "rejection"), (4, 8, "coupled")):
            args = ["-n", "9", "--samples", n, "--batch", batch, "--accept", accept, "The king"]
            self.assertEqual(self.now("--overlap", *args), self.now(*args))
        text = self.output("--overlap", *args)
        self.assertRegex(text, r"saved: -?[\d.]+ ms; the same texts: yes\n")
        for args in ([], ["--samples", "2", "--batch", "1"], ["--samples", "2", "--draft", "none"]):
            self.fails("--overlap", "--overlap", *args, "The king")

    def test_any_gamma(self):
        for dtype in ("f32", "bf16"):
            args = ["-d", dtype, "-n", "30", "--seed", "6", "A wolf, a wolf, a"]
            want = self.before(*args)
            for gamma in (*range(1, 9), 64):
                for draft in (DRAFT, "ngram", TALES):
                    got = self.now("--draft", draft, "--gamma", gamma, *args)
                    self.assertEqual(got, want, (dtype, gamma, draft))

    def test_fewer_new_tokens_than_gamma(self):
        for n in range(6):
            want = self.before("-n", n, "The old king")
            for draft in (DRAFT, "ngram", "layers:2", TALES):
                got = self.now("-n", n, "--gamma", "8", "--draft", draft, "The old king")
                self.assertEqual(got, want, (n, draft))

    def test_past_both_windows(self):
        chunk33 = model_path("chunk33")
        args = ["-m", chunk33, "--ids", listed(i * i % 77 for i in range(20)), "-n", "60"]
        want = self.before(*args)
        for draft in ("ngram", "layers:1", "layers:3", chunk33):
            for more in ([], ["--cache", "dynamic"], ["--prefill-chunk", "7"]):
                self.assertEqual(self.now("--draft", draft, *more, *args), want, (draft, more))
        # A draft that sees less than the model.
        path = random_model(self.directory(), 16)
        args = ["-n", "40", "Once upon a time"]
        self.assertEqual(self.now("--draft", path, *args), self.before(*args))

    def test_many_texts(self):
        """Each is what it would be alone, whatever the others do."""
        lines = [{"prompt": "The old king", "tokens": 25, "seed": 3}, "A wolf",
                 {"prompt": "Once upon a time there was", "tokens": 3},
                 {"prompt": "He", "tokens": 40, "temperature": 0}, {"prompt": "It", "tokens": 0}]
        path = self.file("".join((line if isinstance(line, str) else json.dumps(line)) + "\n"
                                 for line in lines).encode())
        alone = [["-n", "25", "--seed", "3", "The old king"], ["-n", "12", "A wolf"],
                 ["-n", "3", "Once upon a time there was"],
                 ["-n", "40", "--temperature", "0", "He"], ["-n", "0", "It"]]
        want = [self.before("-d", "f32", *args)[0] for args in alone]
        for draft in (DRAFT, "ngram", "layers:2"):
            for more in (["--batch", "1"], ["--batch", "2", "--gamma", "7"],
                         ["--batch", "5", "--schedule", "static", "--prefill-chunk", "4"],
                         ["--schedule", "grouped"], ["--cache", "paged", "--pages", "3"],
                         ["--cache", "dynamic", "-t", "1"]):
                got = self.now("-d", "f32", "-n", "12", "--prompts", path, "--draft", draft, *more)
                self.assertEqual(got, want, (draft, more))

    def test_stop_texts_of_a_run_that_was_accepted(self):
        args = ["-n", "60", "--stop", ".", "--stop", "and", "The old king"]
        want = self.before(*args)
        for draft in DRAFTS:
            self.assertEqual(self.now("--draft", draft, "--gamma", "8", *args), want, draft)

    def test_greedy_acceptance_is_temperature_0(self):
        args = ["-n", "25", "The old king"]
        want = self.before("--temperature", "0", *args)
        for more in (["--accept", "greedy"], ["--accept", "greedy", "--temperature", "2"],
                     ["--accept", "rejection", "--temperature", "0"],
                     ["--accept", "rejection", "--top-k", "1", "--draft", "ngram"]):
            self.assertEqual(self.now(*more, *args), want, more)

    def test_rejection(self):
        """Other texts, as many tokens; the same ones for the same seed."""
        for draft in (DRAFT, "ngram", "layers:2"):
            args = ["--accept", "rejection", "--draft", draft, "-n", "25", "The old king"]
            want = self.same("--seed", "1", *args)
            self.assertEqual(len(want["ids"]), 25)
            for threads in ("1", "2"):
                self.assertEqual(self.same("--seed", "1", "-t", threads, *args), want)
            self.assertNotEqual(self.same("--seed", "2", *args)["ids"], want["ids"])
            samples = self.objects("--seed", "1", "--samples", "3", *args)
            self.assertEqual(samples[0]["ids"], want["ids"])
            self.assertEqual(len({tuple(got["ids"]) for got in samples}), 3)

    def test_in_turns(self):
        given = b"The king\nThe wolf\n\nShe\n"
        program = os.path.join(ROOT, "stage07", "run")
        args = ["--interactive", "-n", "25"]
        done = subprocess.run([program, *args], input=given, stdout=subprocess.PIPE, check=True,
                              cwd=ROOT, env=environment())
        for draft in (DRAFT, "ngram", "layers:1"):
            got = self.output("--draft", draft, *args, given=given)
            self.assertEqual(got, done.stdout.decode(), draft)

    def test_beams_as_before(self):
        args = ["--beams", "3", "-n", "8", "--json", "The old king"]
        done = subprocess.run([os.path.join(ROOT, "stage09", "run"), *args], check=True,
                              stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=ROOT,
                              env=environment())
        for more in ([], ["--draft", "none"]):
            self.assertEqual(self.output(*more, *args), done.stdout.decode())

    # -- what the rounds add up to

    def rounds(self, *args):
        got = self.object(*args)
        n, history = len(got["ids"]), got["gamma_history"]
        self.assertEqual(got["rounds"], len(history), args)
        self.assertEqual(got["proposed"], sum(history), args)
        self.assertEqual(got["acceptance"],
                         float(f"{got['accepted'] / max(got['proposed'], 1):.9g}"), args)
        self.assertTrue(got["speedup"] is None or got["speedup"] > 0)
        self.assertGreaterEqual(got["alpha"], got["acceptance"])
        self.assertLessEqual(got["alpha"], 1)
        if got["alpha"]:
            refused = got["accepted"] / got["alpha"] - got["accepted"]
            self.assertAlmostEqual(refused, round(refused), delta=1e-5)
            self.assertLessEqual(round(refused), sum(g > 0 for g in history))
        if got["finish"] == "length":            # a token of its own in each round
            self.assertEqual(n, got["accepted"] + got["rounds"], args)
        if got["finish"] == "length" and n > 0:
            self.assertEqual(got["kv_appended_tokens"],
                             len(got["prompt_ids"]) + got["proposed"] + got["rounds"] - 1, args)
        self.assertEqual(history[:1], [0] * min(n, 1))       # the prompt's pass
        return got

    def test_rounds(self):
        for draft in DRAFTS:
            for how in ("coupled", "rejection", "greedy"):
                for gamma in (1, 3, 8):
                    got = self.rounds("--draft", draft, "--accept", how, "--gamma", gamma, "-n",
                                      "18", "--ignore-eos", "The king and the")
                    self.assertLessEqual(max(got["gamma_history"]), gamma)
                    if draft in (TALES, "layers:6"):         # the model itself
                        self.assertEqual((got["acceptance"], got["alpha"]), (1, 1))
                    if draft == "none":
                        self.assertEqual(got["gamma_history"], [0] * 18)

    def test_rounds_by_hand(self):
        """The model itself as its draft keeps all: g + 1 tokens a round, at the end fewer."""
        for n, gamma, history in ((0, 4, []), (1, 4, [0]), (2, 4, [0, 0]), (3, 4, [0, 1]),
                                  (6, 4, [0, 4]), (12, 4, [0, 4, 4, 0]), (14, 4, [0, 4, 4, 2]),
                                  (9, 1, [0, 1, 1, 1, 1]), (9, 64, [0, 7])):
            got = self.rounds("-n", n, "--gamma", gamma, "--draft", TALES, "The king")
            self.assertEqual(got["gamma_history"], history, (n, gamma))

    def test_rounds_that_end_early(self):
        """A text that ends within an accepted run: nothing after it was refused."""
        circle = bytes_to_ids(b"abcdefgh")
        path = parrot(self.directory(), circle, eos=circle[6])
        for more, n in ((["--draft", path], 6), (["--draft", "layers:1"], 6),
                        (["--draft", path, "--stop", "ef"], 5)):
            got = self.rounds("-m", path, "--temperature", "0", "-n", "14", "--gamma", "8",
                              *more, "a")
            self.assertEqual(got["ids"], circle[1:n + 1], more)
            self.assertEqual((got["accepted"], got["alpha"]), (n - 1, 1), more)

    def test_ngram_by_hand(self):
        """A model that says abcabc...: once the circle was there, all of it is foreseen."""
        circle = bytes_to_ids(b"abc")
        got = self.rounds("-m", parrot(self.directory(), circle), "--temperature", "0", "-n",
                          "12", "--gamma", "4", "--draft", "ngram", "a")
        self.assertEqual(got["gamma_history"], [0, 0, 0, 4, 3])
        self.assertEqual(got["acceptance"], 1)

    # -- what it shows

    def test_the_table(self):
        for more in ([], ["--draft", "ngram"], ["--draft", "layers:2", "--gamma", "7"],
                     ["--samples", "3"]):
            text = self.output("-n", "40", *more)
            name, tokens, rounds, each, accepted, proposed, percent = HEAD.search(text).groups()
            rows = [tuple(map(int, row)) for row in ROW.findall(text)]
            self.assertEqual(int(tokens), int(accepted) + int(rounds))
            self.assertEqual(int(tokens), 120 if "--samples" in more else 40)
            self.assertAlmostEqual(float(each), int(tokens) / int(rounds), delta=0.006)
            self.assertAlmostEqual(float(percent), 100 * int(accepted) / int(proposed), delta=0.06)
            self.assertEqual(sum(row[1] for row in rows), int(accepted))
            self.assertEqual([row[0] for row in rows], list(range(1, len(rows) + 1)))
            self.assertLess(len(rows), 8)
            for (_, kept, tested, part), row in zip(rows, [*rows[1:], (0, 0, 0, 0)]):
                self.assertLessEqual(row[2], kept)
                self.assertAlmostEqual(part, 100 * kept / tested, delta=0.51)
            self.assertIn(name, ("tales-draft", "ngram", "layers:2"))

    def test_the_comparison(self):
        for more in ([], ["--draft", "ngram"], ["--draft", "layers:3"], ["--stop", "dinner"],
                     ["--accept", "greedy"], ["--draft", TALES, "--gamma", "8"]):
            plain, fast, factor, same = PLAIN.search(self.output("-n", "40", *more)).groups()
            self.assertEqual(same, "yes", more)
            self.assertAlmostEqual(float(fast) / float(plain), float(factor), delta=0.02)
        for more in (["--stop", "cup"], ["-n", "2"]):        # one token, two: no rate
            self.assertNotIn("nan", self.output(*more), more)
        text = self.output("-n", "40", "--accept", "rejection")
        self.assertEqual(PLAIN.search(text)[4], "no, one from the same distribution")
        for more in (["--draft", "none"], ["-q"], ["The king"], ["-n", "1"], ["--samples", "2"]):
            self.assertNotIn("plain:", self.output("-n", "9", *more), more)
        self.assertNotIn("The draft", self.output("-n", "9", "--draft", "none"))

    def test_colors(self):
        args = ["-n", "40", "Once upon a time"]
        text = self.colored(*args).replace("\r\n", "\n")
        plain = self.output(*args)
        legend, _, rest = text.partition("\n\n")
        inks = re.findall("(\033\\[[0-9;]*m)([^\033]+)", legend)
        self.assertEqual([words for _, words in inks if words.strip()],
                         ["accepted", "the model's own, in place of a proposal",
                          "the model's own, after all of them"])
        got = self.object(*args)
        story = ESCAPE.sub("", rest)
        self.assertTrue(story.startswith("Once upon a time" + got["text"] + "\n"), story)
        colors = [ink for ink, words in inks if words.strip()]
        self.assertEqual(len(set(colors)), 3)
        body = rest[:rest.index("tokens (length)")]
        # One write a token, if no token waits for the rest of a character.
        self.assertEqual(body.count(colors[0]), got["accepted"])
        self.assertEqual(body.count(colors[1]) + body.count(colors[2]),
                         sum(g > 0 for g in got["gamma_history"]))
        self.assertNotIn("in place of a proposal", plain)
        self.assertNotIn("in place of a proposal", self.colored("--draft", "none", *args))

    def test_who_guesses_if_nobody_says(self):
        name = {path: HEAD.search(self.output("-n", "4", "-m", path, "--ids", "1,2"))[1]
                for path in (TALES, DRAFT, model_path("tiny"))}
        self.assertEqual(list(name.values()), ["tales-draft", "ngram", "ngram"])
        directory = self.directory()
        for end in ("", "-draft"):
            os.mkdir(os.path.join(directory, "x" + end))
            copy_model("heads12", os.path.join(directory, "x" + end))
        text = self.output("-n", "9", "-m", os.path.join(directory, "x"), "--ids", "1")
        self.assertEqual(HEAD.search(text)[1], "x-draft")
        for more in (["--beams", "2"], ["--cache", "none"]):
            self.assertNotIn("The draft", self.output("-n", "4", *more, "The king"))

    # -- errors

    def test_errors_of_drafts(self):
        for who, words in (("nowhere", "no such model"), ("", "no such model"),
                           ("ngramx", "no such model"), ("layers:0", "1 to 6"),
                           ("layers:7", "1 to 6"), ("layers:x", "1 to 6"), ("layers:", "1 to 6"),
                           ("layers:-1", "1 to 6"), ("layers:1x", "1 to 6"),
                           ("layers:99999999999999999999", "1 to 6"),
                           (model_path("tiny"), ["11 tokens", "4096"])):
            words = [words] if isinstance(words, str) else words
            self.always_fails([f"--draft {who}", *words], "--draft", who, "-n", "3")
        self.always_fails(["--draft", "11"], "-m", model_path("tiny"), "--ids", "1", "--draft",
                          DRAFT)
        for draft in (DRAFT, "ngram", "layers:2"):
            for more in (["--beams", "2"], ["--cache", "none"]):
                self.always_fails([f"--draft {draft} ", "cache", "--beams"], "--draft", draft,
                                  *more)
        for more in (["--beams", "2"], ["--cache", "none"]):
            self.output("--draft", "none", "-n", "3", *more, "The king")
        self.fails("", "--draft", self.directory())
        self.fails("safetensors", "--draft", "LICENSE")

    def test_errors_of_gamma_and_accept(self):
        for value in ("0", "65", "-1", "x", "", "1.5"):
            self.always_fails("--gamma", "--gamma", value)
        for value in ("x", "", "Coupled", "coupled,greedy"):
            self.always_fails(["--accept", "coupled, rejection, greedy"], "--accept", value)


class More(test_program_07_more.More):
    stage = "10"


class RealGPT2(test_program_07_more.RealGPT2):
    stage = "10"


if __name__ == "__main__":
    unittest.main()
