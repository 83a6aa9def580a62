"""Stage 06's program from outside: logits against the reference, perplexity, its errors.

    make stage06 && python3 -m unittest tests/test_program_06.py
"""

import math
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import (LIMIT, RANDOM, Kernels, Program, Shared, model_path,  # noqa: E402
                      random_model, read_vocabulary, rows_of, small_model)

TEXT = "Once upon a time there was a king, and he had a fox."


def listed(ids):
    return ",".join(map(str, ids))


def surprise(logits, id_):
    top = max(logits)
    return top + math.log(math.fsum(math.exp(x - top) for x in logits)) - logits[id_]


class Stage06(Program, Shared, Kernels, unittest.TestCase):
    stage = "06"
    phrases = ("The prompt", "The next token", "logit", "prob", "The logit lens", "block 5")
    result = "The next token"
    keys = ("ids", "top")
    ids_key = "ids"
    options = ("kernel", "list-kernels", "invariant", "profile", "dry-run", "top", "perplexity",
               "stride", "bench", "runs", "csv")

    def check_top(self, top):
        self.assertEqual(len({entry["id"] for entry in top}), len(top))
        for key in ("logit", "prob"):
            values = [entry[key] for entry in top]
            self.assertEqual(values, sorted(values, reverse=True))
        for entry in top:
            self.assertTrue(0 <= entry["prob"] <= 1)

    def test_top(self):
        got = self.object(TEXT)
        self.assertEqual(len(got["top"]), 10)
        for n in (1, 3, 4096):
            more = self.object("--top", n, TEXT)["top"]
            self.assertEqual(len(more), n)
            self.assertEqual(more[:10], got["top"][:n])
            self.check_top(more)

    def test_all_tokens(self):
        for args, V in (([TEXT], 4096), (["-m", model_path("odd"), "--ids", "1,2"], 103)):
            top = self.object("--top", "100000", *args)["top"]
            self.assertEqual(sorted(entry["id"] for entry in top), list(range(V)))
            self.check_top(top)
            self.assertAlmostEqual(math.fsum(entry["prob"] for entry in top), 1, delta=1e-5)
            first = top[0]
            for entry in top[1::97]:
                self.assertAlmostEqual(math.log(first["prob"] / entry["prob"]),
                                       first["logit"] - entry["logit"], delta=1e-4)

    def test_tokens_have_their_text(self):
        vocabulary = {id_: name for name, id_ in read_vocabulary().items()}
        for entry in self.object()["top"]:
            self.assertEqual(entry["token"], vocabulary[entry["id"]].replace("Ġ", " "))

    def test_logits_against_the_reference(self):
        for name in RANDOM:
            want = self.reference(name)
            rows = rows_of(want["logits"])
            largest = max(map(abs, want["logits"][1]))
            for n in (1, len(rows)):
                got = self.object("-m", model_path(name), "-d", "f32", "--top", "1000",
                                  "--ids", listed(want["ids"][1][:n]))
                for entry in got["top"]:
                    self.assertAlmostEqual(entry["logit"], rows[n - 1][entry["id"]],
                                           delta=LIMIT * largest, msg=name)
                self.assertEqual(len(got["top"]), len(rows[0]))

    def test_the_default_model_against_the_reference(self):
        want = self.reference("tales")
        got = self.object("-d", "f32", "--ids", listed(want["ids"][1]))
        self.assertEqual([entry["id"] for entry in got["top"]], list(want["top_ids"][1]))
        for entry in got["top"]:
            self.assertAlmostEqual(entry["logit"], want["logits"][1][entry["id"]], delta=1e-3)

    def test_dump(self):
        for name in [*RANDOM, "tales"]:
            want = self.reference(name)
            got = self.dump("-m", model_path(name), "-d", "f32", "--ids", listed(want["ids"][1]))
            expected = {key for key in want if key.startswith("hidden_states.")} | {"logits"}
            self.assertEqual(set(got), expected, name)
            if name == "tales":                  # the reference has the last row alone
                shape, values = got["logits"]
                self.assertEqual(shape, [len(want["ids"][1]), 4096])
                got["logits"] = [1, 4096], values[-4096:]
            for tensor in got:
                self.assert_close(got[tensor], want[tensor], what=(name, tensor))

    def test_a_dump_changes_nothing(self):
        path = os.path.join(self.directory(), "x")
        self.assertEqual(self.object(TEXT), self.object("--dump", path, TEXT))
        got = self.dump(TEXT)
        self.assertEqual(len(got), 8)
        self.assertEqual(got, self.dump("-t", "2", TEXT))

    def test_kernels_agree(self):
        ids = ["-m", model_path("chunk33"), "--ids", listed(range(33))]
        naive = self.dump("--kernel", "attention=naive", *ids)
        self.assert_close(naive["logits"], self.dump(*ids)["logits"], 1e-5)

    def test_quiet_leaves_the_lens_out(self):
        self.assertNotIn("lens", self.output("-q"))

    def test_a_text_that_is_too_long(self):
        ids = list(range(40))
        got = self.object("-m", model_path("chunk33"), "--ids", listed(ids), note=True)
        self.assertEqual(got, self.object("-m", model_path("chunk33"), "--ids", listed(ids[7:])))

    def test_weights_that_are_not_numbers(self):
        path = small_model(self.directory(), 8, 16, lambda name, count: [math.nan] * count)
        self.always_fails("not a number", "-m", path, "--ids", "1,2")

    # -- perplexity

    def check_perplexity(self, got, nlls):
        nll = math.fsum(nlls) / len(nlls)
        self.assertEqual(set(got), {"perplexity", "nll", "tokens"})
        self.assertEqual(got["tokens"], len(nlls))
        self.assertAlmostEqual(got["nll"], nll, delta=1e-4 * nll)
        self.assertAlmostEqual(got["perplexity"], math.exp(got["nll"]),
                               delta=1e-6 * got["perplexity"])

    def test_perplexity_is_what_the_top_says(self):
        """Each token's probability after the text before it, one run each."""
        ids = self.ids(TEXT)
        nlls = []
        for i in range(1, len(ids)):
            top = self.object("--top", "4096", "--ids", listed(ids[:i]))["top"]
            prob, = [entry["prob"] for entry in top if entry["id"] == ids[i]]
            nlls.append(-math.log(prob))
        file = self.file(TEXT.encode())
        for stride in ([], ["--stride", "1"], ["--stride", "512"]):
            self.check_perplexity(self.object("--perplexity", file, *stride), nlls)

    def test_perplexity_against_the_reference(self):
        want = self.reference("tales")
        vocabulary = {id_: name for name, id_ in read_vocabulary().items()}
        text = "".join(vocabulary[id_] for id_ in want["ids"][1]).replace("Ġ", " ")
        self.assertEqual(self.ids(text), list(want["ids"][1]))
        got = self.object("-d", "f32", "--perplexity", self.file(text.encode()))
        self.assertAlmostEqual(got["perplexity"], want["perplexity"][1][0], delta=1e-3)

    def test_windows(self):
        """Windows begin `stride` apart; each counts what no window before it has seen."""
        n_ctx = 16
        path = random_model(self.directory(), n_ctx)
        text = TEXT + " The fox said to the king: give me bread, and I shall tell you why."
        ids = self.ids(text)
        self.assertGreater(len(ids), 2 * n_ctx)
        file = self.file(text.encode())
        windows = {}                             # begin: rows of logits
        seen = set()
        for stride in (1, 3, 5, 8, 15, 16):
            nlls, done = [], 1
            for begin in range(0, len(ids), stride):
                if done >= len(ids):
                    break
                begin = min(begin, done - 1)  # the last token seen predicts the next one
                window = ids[begin:begin + n_ctx]
                if begin not in windows:
                    windows[begin] = rows_of(self.dump("-m", path, "--ids",
                                                       listed(window))["logits"])
                end = begin + len(window)
                nlls += [surprise(windows[begin][i - 1 - begin], ids[i])
                         for i in range(done, end)]
                done = end
            self.assertEqual(len(nlls), len(ids) - 1)
            got = self.object("-m", path, "--perplexity", file, "--stride", stride)
            self.check_perplexity(got, nlls)
            seen.add(got["nll"])
            if stride == n_ctx // 2:
                self.assertEqual(self.object("-m", path, "--perplexity", file), got)
        self.assertEqual(len(seen), 5)  # 15 and 16 make the same windows of this text

    def test_perplexity_in_words(self):
        text = self.output("--perplexity", self.file(TEXT.encode()))
        for word in ("perplexity", "stride", "nats", "predictions"):
            self.assertIn(word, text)

    def test_perplexity_keeps_the_whole_file(self):
        """Also a final newline, which a prompt loses."""
        without = self.object("--perplexity", self.file(TEXT.encode()))
        got = self.object("--perplexity", self.file(TEXT.encode() + b"\n"))
        self.assertEqual(got["tokens"], without["tokens"] + 1)

    def test_perplexity_does_not_wait_for_a_prompt(self):
        its, ours = os.pipe()
        try:
            self.object("--perplexity", self.file(TEXT.encode()), stdin=its, timeout=10)
        finally:
            os.close(its)
            os.close(ours)

    def test_errors(self):
        for value in ("0", "-1", "x", "", "1.5"):
            self.always_fails("--top", "--top", value)
        file, directory = self.file(TEXT.encode()), self.directory()
        none = os.path.join(directory, "none.txt")
        self.always_fails(["cannot read", none], "--perplexity", none)
        self.always_fails(["cannot read", directory], "--perplexity", directory)
        for data in (b"", b"a"):
            short = self.file(data)
            self.always_fails([short, "too few"], "--perplexity", short)
        for value in ("513", "100000"):
            self.always_fails(["--stride", "512"], "--perplexity", file, "--stride", value)
        for value in ("-1", "x", "", "0.5"):
            self.always_fails("--stride", "--perplexity", file, "--stride", value)
        self.always_fails(["--perplexity", "vocab.json"], "--perplexity", file,
                          "-m", model_path("tiny"), "--ids", "1")


if __name__ == "__main__":
    unittest.main()
