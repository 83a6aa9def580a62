"""--bench, stages 06 to 10: what is measured, as a table, as JSON and as CSV; its errors.

    make stage06 stage07 stage08 stage09 stage10 && python3 -m unittest tests/test_program_bench.py

Times differ from run to run: the tests compare what must follow from each other.
"""

import csv
import io
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import ROOT, Program, model_path  # noqa: E402

KEYS = {"ttft_ms", "prefill_tok_s", "decode_tok_s", "itl_ms", "peak_rss_mb", "weight_bytes",
        "floor_ms", "of_floor", "device", "dtype", "threads", "batch", "runs"}
TEXT = {"prompt_ids", "ids", "text", "finish"}
ROUNDS = {"rounds", "proposed", "accepted", "acceptance", "alpha", "gamma_history", "speedup"}
CACHE = {"kv_bytes", "kv_appended_tokens"}
COLUMNS = ("device,dtype,threads,batch,runs,prompt_tokens,ttft_ms,prefill_tok_s,decode_tok_s,"
           "itl_ms_mean,itl_ms_p50,itl_ms_p99,peak_rss_mb,weight_bytes,floor_ms,of_floor,speedup")


class Bench(Program):
    keys = KEYS | TEXT | CACHE
    short = ("-n", "5")
    batch = 1

    def bench(self, *args):
        return self.object("--bench", "--runs", "2", *self.short, *args)

    def test_keys(self):
        got = self.bench("--dtype", "f32", "-t", "1")
        self.assertEqual(set(got), self.keys)
        self.assertEqual((got["dtype"], got["threads"], got["runs"], got["batch"]),
                         ("f32", 1, 2, self.batch))
        self.assertIn(got["device"], ("cpu", "emu", "cuda"))

    def test_what_follows_from_each_other(self):
        got = self.bench("--runs", "1", "The old king")
        prompt = len(got.get("prompt_ids", got.get("ids")))
        self.assertAlmostEqual(got["prefill_tok_s"] * got["ttft_ms"] / 1e3 / prompt / self.batch,
                               1, delta=1e-6)
        self.assertTrue(0 < got["of_floor"] <= 1)
        self.assertGreater(got["peak_rss_mb"], got["weight_bytes"] / 1e6)
        self.decoding(got)

    def decoding(self, got):
        itl = got["itl_ms"]
        self.assertLessEqual(itl["p50"], itl["p99"])
        self.assertGreater(itl["mean"], 0)
        self.assertAlmostEqual(got["of_floor"], got["floor_ms"] / 1e3 * got["decode_tok_s"],
                               delta=1e-6)

    def test_the_floor_reads_the_weights(self):
        """They are held in half the bytes."""
        wide, narrow = (self.bench("--dtype", dtype)["weight_bytes"] for dtype in ("f32", "bf16"))
        self.assertTrue(1.9 < wide / narrow <= 2, wide / narrow)

    def test_csv(self):
        text = self.output("--bench", "--csv", "--runs", "1", *self.short)
        self.assertEqual(text.splitlines()[0], COLUMNS)
        line, = csv.DictReader(io.StringIO(text))
        for name in ("ttft_ms", "prefill_tok_s", "peak_rss_mb", "floor_ms", "of_floor"):
            self.assertGreater(float(line[name]), 0, name)
        self.assertEqual((line["runs"], line["batch"]), ("1", str(self.batch)))
        self.assertEqual(line["speedup"] == "", self.stage != "10")

    def test_table(self):
        text = self.output("--bench", "--runs", "2", *self.short)
        for phrase in ("2 runs, medians", "first token", "prefill", "peak memory", "floor",
                       "GB/s", f"batch {self.batch}"):
            self.assertIn(phrase, text)
        self.assertEqual("decode" in text, self.stage != "06")

    def test_models_without_a_vocabulary(self):
        got = self.bench("-m", model_path("heads12"), "--ids", "5,0,7")
        self.assertEqual(got.get("prompt_ids", got["ids"]), [5, 0, 7])

    def test_errors(self):
        for more in ("--csv", "--runs=2"):
            self.always_fails("--bench", more)
        for value in ("-1", "101", "x", "", "1.5"):
            self.always_fails("--runs", "--bench", f"--runs={value}")
        self.fails(["--csv", "--json"], "--bench", "--csv", "--json")
        for name in ("--dump=x", "--profile=x", "--dry-run"):
            self.always_fails(["--bench", name.split("=")[0]], "--bench", name)
        self.assertFalse(os.path.exists(os.path.join(ROOT, "x")))


class Writing(Bench):
    def test_the_text_is_that_of_a_plain_run(self):
        args = ("--dtype", "f32", "-n", "6", "The old king")
        want, got = self.object("--ignore-eos", *args), self.object("--bench", *args)
        for key in TEXT:
            self.assertEqual(got[key], want[key])

    def test_a_single_token(self):
        got = self.bench("-n", "1")
        self.assertIsNone(got["decode_tok_s"])
        self.assertEqual(set(got["itl_ms"].values()), {None})
        self.assertTrue(0 < got["of_floor"] <= 1)

    def test_errors_of_writing(self):
        self.always_fails("-n", "--bench", "-n", "0")
        self.always_fails("--stop", "--bench", "--stop", "x")
        self.always_fails("--interactive", "--bench", "--interactive")


class Stage06(Bench, unittest.TestCase):
    stage = "06"
    keys = KEYS | {"ids", "top"}
    short = ()

    def decoding(self, got):
        self.assertIsNone(got["decode_tok_s"])
        self.assertAlmostEqual(got["of_floor"], got["floor_ms"] / got["ttft_ms"], delta=1e-6)

    def test_errors_of_perplexity(self):
        self.always_fails("--perplexity", "--bench", "--perplexity", "x")


class Stage07(Writing, unittest.TestCase):
    stage = "07"
    keys = KEYS | TEXT

    def test_errors_of_samples(self):
        self.always_fails("--samples", "--bench", "--samples", "2")


class Stage08(Writing, unittest.TestCase):
    stage = "08"

    def test_errors_of_the_stage(self):
        self.always_fails("--samples", "--bench", "--samples", "2")
        self.always_fails("--overflow-cost", "--bench", "--overflow-cost", "README.md")

    def test_kinds_of_caches(self):
        for kind in ("none", "dynamic", "static"):
            self.assertEqual(self.bench("--cache", kind)["runs"], 2)


class Stage09(Writing, unittest.TestCase):
    stage = "09"
    batch = 4

    def test_batches(self):
        for options, batch in ((["--batch", "2"], 2), (["--samples", "3"], 3),
                               (["--samples", "3", "--batch", "1"], 1), (["--batch", "1"], 1)):
            self.assertEqual(self.bench(*options)["batch"], batch, options)

    def test_prompts(self):
        path = self.file(b"The old king\nThe wolf\nOnce upon a time\n"
                         b'{"prompt": "He", "tokens": 1}\n{"prompt": "She", "tokens": 0}\n')
        got = self.bench("--prompts", path, "--batch", "2")
        self.assertEqual((got["batch"], got["runs"], len(got["ids"])), (2, 2, 5))
        path = self.file(b'{"prompt": "He", "tokens": 0}\n')
        self.always_fails("-n", "--bench", "--prompts", path)

    def test_errors_of_beams(self):
        self.always_fails("--beams", "--bench", "--beams", "2")


class Stage10(Writing, unittest.TestCase):
    stage = "10"
    keys = KEYS | TEXT | CACHE | ROUNDS

    def test_speedup(self):
        self.assertGreater(self.bench()["speedup"], 0)
        self.assertIsNone(self.bench("--draft", "none")["speedup"])
        self.assertIsNone(self.bench("-n", "1")["speedup"])

    def test_speedup_of_the_bare_program(self):
        """Plain runs are not measured for a prompt."""
        self.assertGreater(self.object("-n", "9")["speedup"], 0)
        self.assertIsNone(self.object("-n", "9", "The old king")["speedup"])
        self.assertIsNone(self.object("-n", "9", "--draft", "none")["speedup"])


class Peers(unittest.TestCase):
    """tests/bench/peers says what is wrong with its command line."""

    def test_errors(self):
        peers = os.path.join(ROOT, "tests", "bench", "peers")
        for args, words in ((["--peers", "x"], "--peers: x"), (["--dtypes", "f8"], "f8"),
                            (["--rounds", "0"], "--rounds"), (["-n", "1"], "-n")):
            done = subprocess.run([sys.executable, peers, *args], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
