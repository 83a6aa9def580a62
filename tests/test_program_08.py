"""Stage 08's program from outside: all that stage 07 does, the same texts with any cache, what
the cache holds, the table of --overflow-cost, its errors.

    make stage06 stage07 stage08 && python3 -m unittest tests/test_program_08.py
"""

import math
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import test_program_07  # noqa: E402
import test_program_07_more  # noqa: E402
from programs import (QUICK, ROOT, Later, default_config, environment,  # noqa: E402
                      model_path, parse_json, random_model, read_vocabulary)
from test_program_07 import listed  # noqa: E402

KINDS = ("none", "dynamic", "static")
TABLE = re.compile(r"^(crop|shift|ring|half|sinks) +(\S+) +(\S+) +(\S+)$", re.M)
CHUNK = 32               # slots


def texts(got):
    return {key: got[key] for key in ("prompt_ids", "ids", "text", "finish")}


class Stage08(Later, test_program_07.Stage07):
    stage = "08"
    phrases = (*test_program_07.Stage07.phrases, "The same without a cache", "speed-up",
               "rows computed", "cache")
    keys = (*test_program_07.Stage07.keys, "kv_bytes", "kv_appended_tokens")
    options = (*test_program_07.Stage07.options, "cache", "overflow", "kv-dtype",
               "graph", "prefill-chunk", "overflow-cost")

    # -- of stage 07's tests, what is different here

    def test_dump(self):
        got = self.dump("-m", model_path("chunk33"), "-n", "3", "--ids", "1,2,3,4")
        self.assertEqual(got["logits"][0], [1, 77])
        for layer in range(4):
            self.assertEqual(got[f"hidden_states.{layer}"][0], [1, 24])   # the new row alone
        got = self.dump("-m", model_path("chunk33"), "-n", "1", "--ids", "1,2,3,4")
        self.assertEqual(got["hidden_states.0"][0], [4, 24])

    # A prompt, so that no table follows: that takes seconds.

    def test_color_on_a_terminal_only(self):
        self.short = (*self.short, "The king")
        super().test_color_on_a_terminal_only()

    def test_quiet_and_verbose(self):
        self.short = (*self.short, "The king")
        super().test_quiet_and_verbose()

    def test_profile(self):
        self.short = (*self.short, "The king")
        super().test_profile()

    def test_a_full_disk(self):
        self.short = (*self.short, "The king")
        super().test_a_full_disk()

    def test_graph(self):
        """On the CPU nothing is recorded, which -v tells."""
        args = ["-n", "6", "The king"]
        want = self.same(*args)
        for state in ("on", "off"):
            self.assertEqual(self.same("--graph", state, *args), want)
            done = self.run_it("-v", "--graph", state, *args)
            self.assertEqual(b"graphs: none on the CPU" in done.stderr, state == "on")
        self.fails("--graph", "--graph", "maybe", *args)

    # -- the same text

    def before(self, *args):
        """What stage 07 says."""
        program = os.path.join(ROOT, "stage07", "run")
        done = subprocess.run([program, *QUICK, "--json", *map(str, args)], stdout=subprocess.PIPE,
                              check=True, stdin=subprocess.DEVNULL, env=environment())
        return [texts(parse_json(line)) for line in done.stdout.decode().splitlines()]

    def now(self, *args):
        return [texts(got) for got in self.objects(*args)]

    def test_the_texts_of_stage_07(self):
        chunk33 = ["-m", model_path("chunk33"), "--ids", "1,2,3", "-n", "50"]
        for args in (["-n", "40", "The old king"], ["-d", "f32", "-n", "40", "--seed", "3"],
                     ["-d", "f16", "-n", "30", "-t", "1", "A wolf"], ["-n", "0"], ["-n", "1"],
                     ["-n", "30", "--temperature", "0"], ["-n", "20", "--samples", "3"],
                     ["-n", "40", "--stop", ".", "--repetition-penalty", "1.2"],
                     ["-n", "20", "--sampler", "sort", "--top-p", "0.9", "-t", "3"],
                     chunk33, [*chunk33, "--temperature", "0", "-d", "bf16"],
                     [*chunk33, "--samples", "2", "--ids", listed(range(40))]):
            self.assertEqual(self.now(*args), self.before(*args), args)

    def test_any_cache(self):
        args = ["-n", "20", "--seed", "5", "Once there was a king who"]
        for dtype in ("f32", "bf16"):
            want = self.before("-d", dtype, *args)
            for kind in KINDS:
                for more in (["--prefill-chunk", "1"], ["--prefill-chunk", "3"],
                             ["--prefill-chunk", "64", "-t", "1"], ["-t", "3"]):
                    self.assertEqual(self.now("-d", dtype, "--cache", kind, *more, *args), want,
                                     (dtype, kind, more))

    def test_any_cache_past_the_window(self):
        for overflow in ("crop", "half"):
            for n in (3, 33, 50):
                args = ["-m", model_path("chunk33"), "--overflow", overflow, "-n", "45",
                        "--samples", "2", "--ids", listed(i * i % 77 for i in range(n))]
                want = self.now("--cache", "none", *args)
                for more in (["--cache", "dynamic"], ["--prefill-chunk", "3"]):
                    self.assertEqual(self.now(*more, *args), want, (overflow, n, more))

    def test_ways_that_keep_old_keys(self):
        args = ["-m", model_path("chunk33"), "--ids", listed(range(20)), "-n", "90"]
        crop, ring = self.now(*args), self.now("--overflow", "ring", *args)
        sinks = self.now("--overflow", "sinks", *args)
        for more in (["--overflow", "shift"], ["--overflow", "shift", "--cache", "dynamic"],
                     ["--overflow", "ring", "--prefill-chunk", "3", "-t", "3"]):
            self.assertEqual(self.now(*more, *args), ring, more)
        self.assertEqual(self.now("--overflow", "sinks", "--cache", "dynamic", *args), sinks)
        self.assertEqual(len({tuple(got[0]["ids"]) for got in (crop, ring, sinks)}), 3)
        for other in (ring, sinks):              # alike while the window is not full
            self.assertEqual(other[0]["ids"][:14], crop[0]["ids"][:14])

    def test_a_prompt_beyond_the_window(self):
        """From n_ctx on each of its rows has a pass of its own."""
        args = ["-m", model_path("chunk33"), "--ids", listed(range(60)), "-n", "20"]
        for overflow, other in (("ring", "shift"), ("shift", "ring"), ("sinks", "sinks")):
            self.assertEqual(self.now("--overflow", overflow, "--prefill-chunk", "16", *args),
                             self.now("--overflow", other, "--prefill-chunk", "1", *args))

    def test_kv_dtype(self):
        """Cached or not, keys and values are rounded alike."""
        args = ["-d", "f32", "-n", "20", "The old king"]
        for dtype, limit in (("f32", 0), ("f16", 4e-3), ("bf16", 3e-2)):
            want = self.now("--cache", "none", "--kv-dtype", dtype, *args)
            ids = listed(want[0]["prompt_ids"] + want[0]["ids"][:10])
            logits = self.dump("-d", "f32", "-n", "1", "--ids", ids, "--kv-dtype", dtype,
                               "--cache", "none")["logits"]
            exact = self.dump("-d", "f32", "-n", "1", "--ids", ids)["logits"]
            self.assert_close(logits, exact, limit, dtype)
            self.assertEqual(logits == exact, dtype == "f32")
            for more in (["--cache", "dynamic"], ["--prefill-chunk", "2"], ["-t", "1"]):
                self.assertEqual(self.now("--kv-dtype", dtype, *more, *args), want)
                self.assertEqual(self.dump("-d", "f32", "-n", "1", "--ids", ids, "--kv-dtype",
                                           dtype, *more)["logits"], logits)

    def test_in_turns_with_any_cache(self):
        args = ["--interactive", "-n", "15"]
        want = self.output(*args, given=b"The king\nThe wolf\n")
        for kind in KINDS:
            self.assertEqual(self.output("--cache", kind, "--prefill-chunk", "5", *args,
                                         given=b"The king\nThe wolf\n"), want)

    # -- what the cache holds

    def test_kv_bytes(self):
        config = default_config()
        chunk = config["n_layer"] * 2 * config["n_embd"] * CHUNK     # n_embd = NH * HS
        for prompt, new in ((5, 10), (5, 26), (5, 27), (5, 28), (5, 29), (30, 70), (32, 1)):
            for dtype, size in (("f32", 4), ("f16", 2), ("bf16", 2)):
                for kind in KINDS:
                    args = ["--ids", listed(range(prompt)), "-n", new, "--kv-dtype", dtype,
                            "--cache", kind, "--ignore-eos"]
                    if new > 30 and kind == "none":
                        continue
                    held = prompt + new - (kind == "dynamic")
                    want = -(-held // CHUNK) * chunk * size
                    self.assertEqual(self.object(*args)["kv_bytes"], want, args)
        got = self.object("--ids", listed(range(5)), "-n", "28", "--ignore-eos")
        self.assertEqual(got["kv_bytes"], 2 * chunk * 4)             # static, f32

    def test_kv_bytes_have_a_limit(self):
        chunk = 3 * 2 * 24 * CHUNK * 4           # of chunk33, whose window takes two
        for kind in ("static", "dynamic"):
            for n, chunks in ((10, 1), (40, 2), (200, 2)):
                got = self.object("-m", model_path("chunk33"), "--ids", "1,2,3", "-n", n,
                                  "--cache", kind, "--overflow", "ring")
                self.assertEqual(got["kv_bytes"], chunks * chunk, (kind, n))

    def appended(self, *args):
        return [got["kv_appended_tokens"] for got in self.objects(*args)]

    def test_appended_tokens(self):
        """Of the last token no key is needed."""
        ids = ["--ignore-eos", "--ids", "1,2,3,4,5,6"]
        for n in (1, 2, 20):
            for more in ([], ["--cache", "dynamic"], ["--prefill-chunk", "4"]):
                self.assertEqual(self.appended(*ids, "-n", n, *more), [6 + n - 1])
            self.assertEqual(self.appended(*ids, "-n", n, "--cache", "none"),
                             [sum(range(6, 6 + n))])
        self.assertEqual(self.appended(*ids, "-n", "0"), [0])
        self.assertEqual(self.appended(*ids, "-n", "8", "--samples", "3"), [13, 7, 7])

    def test_appended_tokens_of_samples_without_a_cache(self):
        ids = ["--ignore-eos", "--ids", "1,2,3,4,5,6", "--cache", "none", "--samples", "3"]
        for n, rest in ((1, 0), (2, 7), (3, 15), (4, 24)):
            self.assertEqual(self.appended(*ids, "-n", n), [6 + rest, rest, rest])

    def test_appended_tokens_past_the_window(self):
        args = ["-m", model_path("chunk33"), "--ids", "1,2,3", "-n", "60"]
        for overflow in ("shift", "ring", "sinks"):
            self.assertEqual(self.appended("--overflow", overflow, *args), [62])
        self.assertEqual(self.appended("--overflow", "crop", *args), [33 + 29 * 33])
        # With 34 and with 50 tokens half of the window is left out: 18 are computed anew.
        self.assertEqual(self.appended("--overflow", "half", *args), [33 + 18 + 15 + 18 + 12])

    def test_passes_of_a_prompt(self):
        for chunk, passes in ((1, 7), (3, 3), (6, 2), (7, 1), (256, 1)):
            text = self.output("--dry-run", "-n", "1", "--ids", "1,2,3,4,5,6,7",
                               "--prefill-chunk", chunk)
            self.assertRegex(text, rf"(?m)^embeddings +{passes} ")

    def test_summary(self):
        text = self.output("-n", "12", "--ids", "1,2,3", "--kv-dtype", "f16")
        self.assertIn("14 rows computed, cache 0.2 MB (f16)", text)

    # -- what it shows

    def test_the_table(self):
        text = self.output("-n", "3", "--temperature", "0.5")
        rows = re.findall(r"^ +(\d+) +([\d.]+) +(\d+) +([\d.]+) +(\d+) +([\d.]+)x  (\w+)$",
                          text, re.M)
        n = len(self.object("-n", "1")["prompt_ids"])
        self.assertEqual([row[0] for row in rows], ["50", "100", "200"])
        for new, slow, without, fast, cached, speed, same in rows:
            self.assertEqual(int(without), sum(range(n, n + int(new))))
            self.assertEqual(int(cached), n + int(new) - 1)
            self.assertEqual(same, "yes")
            slow, fast, half = float(slow), float(fast), 0.0005          # they are rounded
            self.assertGreater(slow, fast)
            self.assertGreater(float(speed) + 0.051, (slow - half) / (fast + half))
            self.assertLess(float(speed) - 0.051, (slow + half) / max(fast - half, 1e-9))
        self.assertNotIn("NO", text)

    def test_no_table(self):
        for args in (["The king"], ["--ids", "1"], ["-q"], ["-f", self.file(b"The king")]):
            self.assertNotIn("speed-up", self.output("-n", "2", *args), args)
        self.assertNotIn("speed-up", self.output("-n", "2", given=b"The king"))
        self.assertNotIn("speed-up", self.output("-n", "0"))

    # -- --overflow-cost

    TALE = b"Once upon a time there was a king who had three sons and a horse. " * 3

    def small(self):
        return ["-m", random_model(self.directory(), 16), "-d", "f32"]

    def rows(self, text):
        rows = {row[0]: row[1:] for row in TABLE.findall(text)}
        self.assertEqual(list(rows), ["crop", "shift", "ring", "half", "sinks"])
        return rows

    def test_overflow_cost(self):
        path, model = self.file(self.TALE), self.small()
        text = self.output("--overflow-cost", path, "-n", "24", *model)
        self.assertIn(f"Tokens 17 to 40 of {path}", text)
        rows = self.rows(text)
        self.assertEqual(rows["shift"][0], rows["ring"][0])
        self.assertEqual(len({row[0] for row in rows.values()}), 4)
        for name, (perplexity, computed, ms) in rows.items():
            self.assertGreater(float(perplexity), 1)
            self.assertGreater(float(ms), 0)
            # half: 9 rows at the tokens 17, 25 and 33, one at each of the others
            want = {"crop": "16.0", "half": "2.0"}.get(name, "1.0")
            self.assertEqual(computed, want, name)
        for more in (["--cache", "dynamic"], ["--prefill-chunk", "3"], ["-t", "1"]):
            again = self.rows(self.output("--overflow-cost", path, "-n", "24", *more, *model))
            self.assertEqual({name: row[:2] for name, row in again.items()},
                             {name: row[:2] for name, row in rows.items()}, more)

    def test_overflow_cost_by_hand(self):
        """What is seen, as a prompt of its own."""
        path, model = self.file(self.TALE), self.small()
        ids = self.object(*model, "-n", "0", "-f", path)["prompt_ids"]
        rows = self.rows(self.output("--overflow-cost", path, "-n", "10", *model))
        for name, step in (("crop", 1), ("half", 8)):
            sum_ = 0.0
            for n in range(17, 27):
                base = -(-(n - 16) // step) * step
                logits = self.dump("--json", *model, "-n", "1", "--ids",
                                   listed(ids[base:n]))["logits"][1]
                total = math.fsum(math.exp(value) for value in logits)
                sum_ += math.log(total) - logits[ids[n]]
            want = math.exp(sum_ / 10)
            self.assertLess(abs(float(rows[name][0]) / want - 1), 1e-4, name)

    def test_overflow_cost_of_a_short_file(self):
        model = self.small()
        names = {id_: name.replace("\u0120", " ") for name, id_ in read_vocabulary().items()}
        ids = self.object(*model, "-n", "0", "-f", self.file(self.TALE))["prompt_ids"]
        for n in (17, 18, 20):                   # 16 fill the window, and one must follow it
            path = self.file("".join(names[id_] for id_ in ids[:n]).encode())
            if n == 17:
                self.fails([path, "17 tokens", "16"], "--overflow-cost", path, *model)
            else:
                self.assertIn(f"Tokens 17 to {n - 1} of {path}",
                              self.output("--overflow-cost", path, *model))

    def test_overflow_cost_of_no_tokens(self):
        path = self.file(self.TALE)
        self.fails("--overflow-cost", "--overflow-cost", path, "-n", "0", *self.small())

    # -- errors

    def test_errors_of_the_cache(self):
        for option, values in (("--cache", ("nonsense", "", "None", "paged")),
                               ("--overflow", ("nonsense", "", "crop,half")),
                               ("--kv-dtype", ("int8", "", "F32", "bf17")),
                               ("--prefill-chunk", ("0", "-1", "x", "", "1.5", "2000000000"))):
            for value in values:
                self.always_fails(option, option, value)
        for overflow in ("shift", "ring", "sinks"):
            self.always_fails(["--cache", "none", f"--overflow {overflow}"], "--cache", "none",
                              "--overflow", overflow)
        self.output("--cache", "none", "--overflow", "half", "-n", "2", "The king")

    def test_errors_of_overflow_cost(self):
        directory, long = self.directory(), self.file(self.TALE * 20)
        n_ctx = str(default_config()["n_positions"])
        missing = os.path.join(directory, "none.txt")
        for data, tokens in ((b"Too short.", "tokens"), (b"", " 0 tokens")):
            path = self.file(data)
            self.fails([path, tokens, n_ctx], "--overflow-cost", path)
        self.fails(["cannot read", missing], "--overflow-cost", missing)
        self.fails(["cannot read", directory], "--overflow-cost", directory)
        self.fails("", "--overflow-cost=")
        for more in (["--json"], ["--cache", "none"]):
            self.fails(["--overflow-cost", more[0]], "--overflow-cost", long, *more)
        self.fails(["--overflow-cost", "vocab.json"], "--overflow-cost", long, "--ids", "1", "-m",
                   model_path("tiny"))


class More(test_program_07_more.More):
    stage = "08"


class RealGPT2(test_program_07_more.RealGPT2):
    stage = "08"


if __name__ == "__main__":
    unittest.main()
