"""Stage 09's program from outside: the texts of stages 07 and 08, however they are scheduled; files
of prompts, the picture and the table, its errors.  --beams: test_program_09_beams.py.

    make stage06 stage07 stage08 stage09 && python3 -m unittest tests/test_program_09.py
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import test_program_07_more  # noqa: E402
import test_program_08  # noqa: E402
from programs import (QUICK, ROOT, TIMEOUT, copy_model, environment, model_path,  # noqa: E402
                      parrot, parse_json, random_model)
from test_program_07 import bytes_to_ids, listed  # noqa: E402
from test_program_08 import texts  # noqa: E402

BUILTIN = 8              # texts that a bare run writes
LANE = re.compile(r"^lane +(\d+)  (.*)$", re.M)
ROW = re.compile(r"^(one by one|continuous|grouped|static) +(\d+) +(\d+) +(\d+) +([\d.]+) +([\d.]+)"
                 r"  (\w+)$", re.M)
SUMMARY = re.compile(r"(\d+) tokens of (\d+) texts in (\d+) passes: .*; (\d+) rows, (\d+) of them "
                     r"padding")
PROMPTS = ["Once upon a time", "The wolf", "He", "The old king said to his three sons: One of you",
           "In the middle of the forest stood a little house, and in the house lived", "A",
           "\"Who are you?\" asked the old woman."]
# As --prompts has them: name, value.
OPTIONS = [("tokens", 7), ("temperature", 0), ("temperature", 0.5), ("top_k", 3), ("top_p", 0.6),
           ("min_p", 0.1), ("presence_penalty", 5), ("frequency_penalty", -1.5),
           ("repetition_penalty", 1.7), ("no_repeat_ngram", 1), ("sampler", "sort"),
           ("sampler", "pivot"), ("seed", 5), ("seed", 2 ** 53 + 1), ("seed", 2 ** 53),
           ("seed", 2 ** 64 - 1), ("stop", "e"), ("stop", ", ")]


class Stage09(test_program_08.Stage08):
    stage = "09"
    phrases = ("Once upon a time there was a", "--- prompt 8: ", "(length)", "Who computed when",
               "lane  0  A", "passes", "padding", "Every schedule gives the same texts",
               "one by one", "continuous", "grouped", "static", "tokens/s", "yes")
    options = (*(name for name in test_program_08.Stage08.options if name != "overflow-cost"),
               "prompts", "batch", "schedule", "pages", "beams", "length-penalty")

    # -- of the stages before, what is different here

    def object(self, *args, **how):
        """Of the built-in texts, which are many, the first."""
        objects = self.objects(*args, **how)
        self.assertIn(len(objects), (1, BUILTIN), args)
        return objects[0]

    test_the_table = test_overflow_cost = test_overflow_cost_by_hand = None
    test_overflow_cost_of_a_short_file = test_errors_of_overflow_cost = None
    test_overflow_cost_of_no_tokens = None

    def test_an_empty_prompt_is_none(self):
        want = self.ids("Once upon a time there was a")
        for data in (b"", b"\n"):
            self.assertEqual(self.ids(given=data), want)
            self.assertEqual(self.ids("-f", self.file(data)), want)
        self.assertEqual(self.ids(""), want)

    def test_no_new_tokens(self):
        got = self.object("-n", "0", "The king")
        self.assertEqual((got["ids"], got["text"], got["finish"]), ([], "", "length"))
        for key in ("ttft_ms", "prefill_tok_s", "decode_tok_s"):
            self.assertTrue(got[key] is None or got[key] >= 0, (key, got[key]))
        self.assertEqual(self.output("-q", "-n", "0", "The king"), "\n")
        self.assertEqual(self.output("-q", "-n", "0"), "\n" * BUILTIN)
        self.assertNotRegex(self.output("-n", "0"), r"-\d")

    def test_samples(self):
        args = ["-n", "15", "--seed", "4", "The old king"]
        three = self.now("--samples", "3", *args)
        self.assertEqual(three[:1], self.now(*args))
        self.assertEqual(len({tuple(got["ids"]) for got in three}), 3)
        self.assertEqual(self.now("--samples", "2", *args), three[:2])
        text = self.output("--samples", "3", *args)
        for number, got in enumerate(three):
            self.assertIn(f"--- sample {number}: 3 + 15 tokens (length)\nThe old king" +
                          got["text"] + "\n", text)
        self.assertEqual(self.output("-q", "--samples", "3", *args),
                         "".join(got["text"] + "\n" for got in three))

    def test_summary(self):
        text = self.output("-n", "12", "--ids", "1,2,3", "--kv-dtype", "f16")
        self.assertRegex(text, r"3 \+ 12 tokens \(length\) in 12 passes: .*14 rows, 0 of them "
                               r"padding; cache 0.2 MB \(f16\)\n\Z")

    def test_appended_tokens(self):
        """Samples share what is computed for the prompt, its last row apart."""
        ids = ["--ignore-eos", "--ids", "1,2,3,4,5,6"]
        for n in (1, 2, 20):
            for more in ([], ["--cache", "dynamic"], ["--prefill-chunk", "4"],
                         ["--cache", "paged"]):
                self.assertEqual(self.appended(*ids, "-n", n, *more), [6 + n - 1])
            self.assertEqual(self.appended(*ids, "-n", n, "--cache", "none"),
                             [sum(range(6, 6 + n))])
        self.assertEqual(self.appended(*ids, "-n", "0"), [0])
        self.assertEqual(self.appended(*ids, "-n", "8", "--samples", "3"), [13, 8, 8])
        for schedule in ("static", "grouped"):       # nobody waits for another here
            self.assertEqual(self.appended(*ids, "-n", "8", "--samples", "3", "--schedule",
                                           schedule), [13, 13, 13])

    test_appended_tokens_of_samples_without_a_cache = None

    def test_errors_of_the_cache(self):
        for option, values in (("--cache", ("nonsense", "", "None", "pages")),
                               ("--overflow", ("nonsense", "", "crop,half")),
                               ("--kv-dtype", ("int8", "", "F32", "bf17")),
                               ("--prefill-chunk", ("0", "-1", "x", "", "1.5", "2000000000"))):
            for value in values:
                self.always_fails(option, option, value)
        for overflow in ("shift", "ring", "sinks"):
            self.always_fails(["--cache", "none", f"--overflow {overflow}"], "--cache", "none",
                              "--overflow", overflow)
        self.output("--cache", "none", "--overflow", "half", "-n", "2", "The king")

    def test_examples_work(self):
        """They name a file of prompts."""
        lines = self.output("--help").split("Examples:\n")[1].splitlines()
        self.assertTrue(lines)
        for line in lines:
            command = line.strip().replace(f"stage{self.stage}/run", self.program)
            with self.subTest(line), tempfile.TemporaryDirectory() as directory:
                with open(os.path.join(directory, "prompts.txt"), "w", encoding="utf-8") as file:
                    file.write("\n".join(PROMPTS))
                done = subprocess.run(["sh", "-c", re.sub(r"-n \d+", "-n 9", command)],
                                      cwd=directory, env=environment(), timeout=TIMEOUT,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertTrue(done.stdout)

    # -- the same texts

    def earlier(self, number, *args):
        """What another stage says."""
        program = os.path.join(ROOT, "stage" + number, "run")
        done = subprocess.run([program, *QUICK, "--json", *map(str, args)], stdout=subprocess.PIPE,
                              check=True, stdin=subprocess.DEVNULL, env=environment())
        return [texts(parse_json(line)) for line in done.stdout.decode().splitlines()]

    def lines(self, *lines):
        """A file of prompts: texts and objects."""
        lines = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        return self.file("".join(line + "\n" for line in lines).encode())

    def test_the_texts_of_stage_07(self):
        chunk33 = ["-m", model_path("chunk33"), "--ids", "1,2,3", "-n", "50"]
        for args in (["-n", "40", "The old king"], ["-d", "f32", "-n", "30", "--seed", "3", "A"],
                     ["-d", "f16", "-n", "30", "-t", "1", "A wolf"], ["-n", "0", "A"],
                     ["-n", "1", "A"], ["-n", "30", "--temperature", "0", "The king"],
                     ["-n", "20", "--samples", "6", "A wolf"],
                     ["-n", "40", "--stop", ".", "--repetition-penalty", "1.2", "He said"],
                     ["-n", "20", "--sampler", "sort", "--top-p", "0.9", "-t", "3", "She"],
                     chunk33, [*chunk33, "--temperature", "0", "-d", "bf16"],
                     [*chunk33, "--samples", "6", "--ids", listed(range(40))]):
            want = self.earlier("07", *args)
            self.assertEqual(self.now(*args), want, args)
            self.assertEqual(self.earlier("08", *args), want, args)

    def test_past_the_window_as_stage_08(self):
        for overflow in ("half", "shift", "ring", "sinks"):
            args = ["-m", model_path("chunk33"), "--ids", listed(range(20)), "-n", "70",
                    "--samples", "5", "--overflow", overflow]
            want = self.earlier("08", *args)
            for more in ([], ["--cache", "paged", "--pages", "3"], ["--schedule", "static"],
                         ["--batch", "2", "--prefill-chunk", "7"]):
                self.assertEqual(self.now(*more, *args), want, (overflow, more))

    # Each way is one: cache, schedule, lanes, chunk, pages, threads.
    WAYS = (["--batch", "1"], ["--batch", "3"], ["--batch", "64", "--prefill-chunk", "1"],
            ["--schedule", "static"], ["--schedule", "grouped"], ["--prefill-chunk", "5"],
            ["--schedule", "static", "--prefill-chunk", "7", "--batch", "3", "-t", "1"],
            ["--cache", "none"], ["--cache", "dynamic", "--batch", "2"],
            ["--cache", "none", "--schedule", "static", "--prefill-chunk", "9"],
            ["--cache", "paged"], ["--cache", "paged", "--pages", "3", "--batch", "6"],
            ["--cache", "paged", "--pages", "2", "--schedule", "static", "-t", "3"],
            ["--cache", "paged", "--pages", "4", "--schedule", "grouped", "--batch", "5"],
            ["--cache", "paged", "--pages", "2", "--batch", "7", "--prefill-chunk", "3"])

    def test_any_way_to_schedule(self):
        for dtype in ("f32", "f16", "bf16"):
            args = ["-d", dtype, "-n", "30", "--seed", "6"]
            path = self.lines(*PROMPTS)
            want = [self.earlier("07", *args, prompt)[0] for prompt in PROMPTS]
            for way in self.WAYS if dtype == "bf16" else self.WAYS[2:4]:
                self.assertEqual(self.now(*way, *args, "--prompts", path), want, (dtype, way))

    def test_pages_that_are_few(self):
        path = self.lines(*PROMPTS)
        args = ["--prompts", path, "-n", "40", "--batch", "7", "--cache", "paged"]
        self.assertNotIn("wait again", self.output(*args))
        text = self.output(*args, "--pages", "3")
        times = re.search(r"; (\d+) times a text had to wait again\n\Z", text)
        self.assertTrue(times and int(times[1]) > 0, text)
        appended = [sum(self.appended(*args, *pages)) for pages in ([], ["--pages", "3"])]
        self.assertGreater(appended[1], appended[0])     # some was computed again

    def test_a_prompt_that_was_there_before(self):
        """Its full pages are found; one row at least is computed."""
        ids = list(range(100, 170))
        path = self.lines({"ids": ids}, {"ids": ids[:64]}, {"ids": ids[:65]}, {"ids": ids[1:]},
                          {"ids": ids[:40] + [1] * 20})
        args = ["--prompts", path, "-n", "1", "--batch", "1", "--cache"]
        paged = [*args, "paged", "--pages", "12"]
        self.assertEqual(self.appended(*paged), [70, 32, 1, 69, 28])
        self.assertEqual(self.appended(*args, "static"), [70, 64, 65, 69, 60])
        self.assertEqual(self.now(*paged), self.now(*args, "none"))

    # -- files of prompts

    def test_a_file_of_texts(self):
        data = "\n\n".join(PROMPTS).encode() + b"\r\n\r\n\n Two  blanks \nno end"
        want = [*PROMPTS, " Two  blanks ", "no end"]
        got = self.now("-n", "9", "--prompts", self.file(data))
        self.assertEqual(got, [self.earlier("08", "-n", "9", prompt)[0] for prompt in want])
        text = self.output("-n", "9", "--prompts", self.file(data))
        for number, prompt in enumerate(want, 1):
            n = len(got[number - 1]["prompt_ids"])
            self.assertIn(f"--- prompt {number}: {n} + 9 tokens (length)\n{prompt}" +
                          got[number - 1]["text"] + "\n", text)
        self.assertEqual(self.output("-q", "-n", "9", "--prompts", self.file(data)),
                         "".join(one["text"] + "\n" for one in got))

    def test_options_of_their_own(self):
        """By each name, in both spellings, as on the command line."""
        short = ["-n", "12", "-d", "f32"]
        want = [self.earlier("07", *short, "--" + name.replace("_", "-"), value, "He said")[0]
                for name, value in OPTIONS]
        plain = self.earlier("07", *short, "He said")[0]
        for spelling in ("_", "-"):
            path = self.lines(*({"prompt": "He said", name.replace("_", spelling): value}
                                for name, value in OPTIONS))
            self.assertEqual(self.now(*short, "--prompts", path), want)
        for (name, value), got in zip(OPTIONS, want):
            self.assertNotEqual(got["ids"], plain["ids"], (name, value))
        seeds = [got["ids"] for (name, _), got in zip(OPTIONS, want) if name == "seed"]
        self.assertEqual(len({tuple(ids) for ids in seeds}), len(seeds))

    def test_all_options_at_once(self):
        line = {"prompt": "The king", **dict(OPTIONS), "stop": [".", "!"], "tokens": 30,
                "no-repeat_ngram": 3, "temperature": 0.9}
        command = [x for name, value in line.items() if name not in ("prompt", "stop")
                   for x in ("--" + name.replace("_", "-"), value)]
        self.assertEqual(self.now("--prompts", self.lines(line)),
                         self.earlier("07", *command, "--stop", ".", "--stop", "!", "The king"))

    def test_a_lines_own_options_come_first(self):
        path = parrot(self.directory(), bytes_to_ids(b"abcd"), eos=bytes_to_ids(b"d")[0])
        lines = [{"prompt": "a"}, "a", {"prompt": "a", "tokens": 1}, {"prompt": "b", "stop": []},
                 {"prompt": "a", "stop": "b"}, {"prompt": "b", "ignore_eos": True, "stop": ["x"]},
                 {"prompt": "a", "ignore-eos": False}]
        args = ["-m", path, "--temperature", "0", "-n", "6", "--prompts", self.lines(*lines)]
        got = [(one["text"], one["finish"]) for one in self.now("--stop", "c", *args)]
        self.assertEqual(got, [("b", "stop"), ("b", "stop"), ("b", "length"), ("c", "eos"),
                               ("", "stop"), ("cdabcd", "length"), ("b", "stop")])
        got = [(one["text"], one["finish"]) for one in self.now("--ignore-eos", *args)]
        self.assertEqual(got[-1], ("bc", "eos"))
        self.assertEqual(got[0], ("bcdabc", "length"))

    def test_prompts_of_ids(self):
        lists = [[5], [1, 2, 3], [4094], list(range(90))]
        path = self.lines(*({"ids": ids} for ids in lists))
        self.assertEqual(self.now("-n", "5", "--prompts", path),
                         [self.earlier("07", "-n", "5", "--ids", listed(ids))[0]
                          for ids in lists])

    def test_samples_of_many_prompts(self):
        """In the order of the prompts, whoever ends first."""
        lines = [{"prompt": "He", "tokens": 20}, {"prompt": "She", "tokens": 3},
                 {"prompt": "It", "tokens": 9}]
        want = [one for line in lines for one in
                self.earlier("07", "--samples", "3", "-n", line["tokens"], line["prompt"])]
        for way in ([], ["--batch", "2"], ["--schedule", "static"], ["--schedule", "grouped"],
                    ["--cache", "paged", "--pages", "2"]):
            self.assertEqual(self.now("--samples", "3", *way, "--prompts", self.lines(*lines)),
                             want, way)

    def test_prompts_past_the_window(self):
        model = ["-m", random_model(self.directory(), 40), "-d", "f32"]
        path = self.lines(*PROMPTS, " ".join(PROMPTS))
        for overflow in ("crop", "half", "ring", "shift", "sinks"):
            args = [*model, "-n", "50", "--overflow", overflow]
            want = [self.earlier("08", *args, prompt)[0]
                    for prompt in (*PROMPTS, " ".join(PROMPTS))]
            for way in ([], ["--schedule", "static", "--prefill-chunk", "9"],
                        ["--cache", "paged", "--pages", "3", "--batch", "5"]):
                self.assertEqual(self.now(*args, *way, "--prompts", path), want, (overflow, way))

    def test_texts_that_end_by_themselves(self):
        path = copy_model("heads12", self.directory(), eos_token_id=10)
        args = ["-m", path, "--ids", "1,2,3", "--samples", "20", "-n", "30", "--temperature", "3"]
        want = self.earlier("07", *args)
        self.assertEqual({one["finish"] for one in want}, {"eos", "length"})
        for way in ([], ["--schedule", "static", "--batch", "7"], ["--schedule", "grouped"]):
            self.assertEqual(self.now(*args, *way), want)

    def test_one_prompt_is_streamed(self):
        path = self.lines("The old king")
        for how in ([], ["-q"]):
            text = self.output(*how, "-n", "9", "--prompts", path)
            want = self.output(*how, "-n", "9", "The old king")
            self.assertEqual(text.split("\n\n")[0], want.split("\n\n")[0])

    def test_a_pipe_beside_a_file_of_prompts(self):
        """What is on standard input is not asked for."""
        path = self.lines("The old king")
        self.assertEqual(self.now("-n", "3", "--prompts", path),
                         [texts(got) for got in self.objects("-n", "3", "--prompts", path,
                                                             given=b"something")])

    def test_bytes_that_are_no_text(self):
        path = parrot(self.directory(), bytes_to_ids(b"a\0b\xff"))
        done = self.run_it("-q", "-m", path, "--temperature", "0", "-n", "4", "--prompts",
                           self.lines("a", "b"))
        self.assertEqual((done.returncode, done.stdout), (0, b"\0b\xffa\n\xffa\0b\n"))

    # -- the picture and the table

    def picture(self, text):
        rows = LANE.findall(text)
        self.assertEqual([int(number) for number, _ in rows], list(range(len(rows))))
        return [cells for _, cells in rows]

    def test_the_picture(self):
        """So few passes that each is a column: letters are rows."""
        for schedule, batch in (("continuous", 4), ("continuous", 1), ("static", 3),
                                ("grouped", 4)):
            args = ["-n", "20", "--schedule", schedule, "--batch", batch]
            got, text = self.objects(*args), self.output(*args)
            lanes = self.picture(text)
            tokens, count, passes, rows, pads = map(int, SUMMARY.search(text).groups())
            self.assertEqual(len(lanes), batch)
            self.assertEqual((tokens, count), (sum(len(one["ids"]) for one in got), BUILTIN))
            self.assertEqual(rows - pads, sum(one["kv_appended_tokens"] for one in got))
            self.assertIn("a column for 1 pass;", text)
            self.assertEqual({len(cells) for cells in lanes}, {passes})
            drawn = "".join(lanes)
            for number, one in enumerate(got):
                big = chr(ord("A") + number)
                self.assertEqual((drawn.count(big), drawn.count(big.lower())),
                                 (1, len(one["ids"]) - 1), big)
                self.assertEqual(sum(big in cells for cells in lanes), 1)
                self.assertRegex(drawn, big + big.lower() + "{%d}" % (len(one["ids"]) - 1))
            self.assertEqual("." in drawn, schedule == "static")
            self.assertEqual(pads > 0, schedule == "static")

    def test_no_lane_waits(self):
        """Continuous: a blank only when no text is left."""
        for cells in self.picture(self.output("-n", "20")):
            self.assertNotIn(" ", cells.rstrip(" "))
        cells = self.picture(self.output("-n", "20", "--batch", "3", "--schedule", "static"))
        for i in range(3):                           # all lanes begin together
            for column in re.finditer("[A-Z]", cells[i]):
                self.assertRegex(cells[0][column.start()], "[A-Z]")

    def test_padding_is_drawn(self):
        path = self.lines(*({"ids": [i], "tokens": 4 + 3 * i % 8} for i in range(1, 8)))
        for batch in (2, 3, 7):
            text = self.output("--prompts", path, "--schedule", "static", "--batch", batch,
                               "--ignore-eos")
            _, _, passes, rows, pads = map(int, SUMMARY.search(text).groups())
            cells = "".join(self.picture(text))
            self.assertEqual(cells.count("."), pads)
            self.assertEqual(len(cells) - cells.count(" "), rows)
            self.assertGreater(pads, 0)

    def test_columns_of_many_passes(self):
        text = self.output("-n", "200")
        passes = int(SUMMARY.search(text)[3])
        merged = int(re.search(r"a column for (\d+) passes;", text)[1])
        for cells in self.picture(text):
            self.assertEqual(len(cells), -(-passes // merged))
            self.assertLessEqual(len(cells), 71)
        drawn = "".join(self.picture(text))
        for letter in "ABCDEFGH":
            self.assertEqual(drawn.count(letter), 1)

    def test_a_prompt_in_chunks_is_drawn(self):
        path = self.lines({"ids": list(range(30))}, {"ids": [1]})
        text = self.output("--prompts", path, "--prefill-chunk", "10", "-n", "5")
        self.assertEqual(self.picture(text), ["AAAaaaa", "Bbbbb  "])

    def test_the_table_of_schedules(self):
        text = self.output("-n", "40")
        rows = ROW.findall(text)
        self.assertEqual([row[0] for row in rows],
                         ["one by one", "continuous", "grouped", "static"])
        self.assertEqual(text.count("  yes\n"), 4)
        self.assertNotIn("NO", text)
        got = self.objects("-n", "40")
        new = sum(len(one["ids"]) for one in got)
        numbers = {row[0]: list(map(int, row[1:4])) for row in rows}
        self.assertEqual(numbers["one by one"][0], new)
        for name, (passes, computed, padding) in numbers.items():
            self.assertEqual(computed - padding, sum(one["kv_appended_tokens"] for one in got))
            self.assertEqual(padding > 0, name == "static")
            self.assertLessEqual(passes, new)
        for name, *_, seconds, rate, _ in rows:
            self.assertAlmostEqual(new / float(seconds) / float(rate), 1, delta=0.1, msg=name)
        for other in ("grouped", "static", "one by one"):
            self.assertLess(numbers["continuous"][0], numbers[other][0])

    def test_when_there_is_no_table(self):
        for args in (["The king"], ["-q"], ["--samples", "2"], ["--ids", "1"],
                     ["--prompts", self.lines(*PROMPTS)], ["--dry-run"], ["--beams", "2"]):
            self.assertNotIn("Every schedule", self.output("-n", "2", *args), args)
        for args in (["The king"], ["-q"], ["--prompts", self.lines("The king")]):
            self.assertNotIn("lane", self.output("-n", "2", *args), args)

    # -- errors

    def test_errors_of_batching(self):
        for option, values in (("--batch", ("0", "-1", "x", "", "1.5", "5000")),
                               ("--schedule", ("", "x", "Static", "0")),
                               ("--pages", ("-1", "x", "", "1.5", "20000000"))):
            for value in values:
                self.always_fails(option, option, value)
        for kind in ("none", "dynamic", "static"):
            self.always_fails(["--pages", "--cache paged"], "--pages", "9", "--cache", kind)
        self.always_fails(["--pages 2", "3 pages"], "--cache", "paged", "--pages", "2", "-n", "70",
                          "The king")
        self.output("--cache", "paged", "--pages", "3", "-n", "70", "The king")

    def test_errors_of_the_file(self):
        directory = self.directory()
        missing = os.path.join(directory, "none.txt")
        self.always_fails(["cannot read", missing], "--prompts", missing)
        self.always_fails(["cannot read", directory, "directory"], "--prompts", directory)
        self.always_fails("", "--prompts=")
        for data in (b"", b"\n\n", b"\r\n"):
            path = self.file(data)
            self.always_fails([path, "no prompt"], "--prompts", path)
        path = self.file(b"a\n\0b\n")
        self.always_fails([path, "0"], "--prompts", path)
        path = self.lines(*PROMPTS)
        for other in (["a prompt"], ["--ids", "1"], ["-f", path]):
            self.always_fails(["--prompts", "exclude each other"], "--prompts", path, *other)
        self.fails(["--interactive", "--prompts"], "--interactive", "--prompts", path)

    def test_errors_of_a_line(self):
        for line, words in (
                ('{"prompt": "a"', []), ('{"prompt": "a",}', []), ('{prompt: "a"}', []),
                ('{"prompt": "a"} b', ["'b'"]), ("{'prompt': 1}", []), ("{", []),
                ('{}', ["empty"]), ('{"tokens": 3}', ["empty"]), ('{"prompt": ""}', ["empty"]),
                ('{"ids": []}', ["empty"]), ('{"prompt": "a", "ids": [1]}', ["prompt", "ids"]),
                ('{"prompt": "a", "prompt": "b"}', ["prompt", "twice"]),
                ('{"ids": [1], "ids": [2]}', ["ids", "twice"]),
                ('{"prompt": 5}', ["prompt"]), ('{"prompt": null}', ["prompt"]),
                ('{"prompt": ["a"]}', ["prompt"]), ('{"prompt": "a\\u0000b"}', ["u0000"]),
                ('{"ids": "1,2"}', ["ids"]), ('{"ids": [1.5]}', ["1.5"]),
                ('{"ids": [-1]}', ["-1"]), ('{"ids": [4096]}', ["4096", "4095"]),
                ('{"ids": ["a"]}', []), ('{"ids": [[1]]}', []),
                ('{"prompt": "a", "nonsense": 1}', ["nonsense"]),
                ('{"prompt": "a", "nonsense": "x"}', ["nonsense"]),
                ('{"prompt": "a", "nonsense": false}', ["nonsense"]),
                ('{"prompt": "a", "samples": 2}', ["samples"]),
                ('{"prompt": "a", "n": 2}', ["'n'"]), ('{"prompt": "a", "": 2}', ["option"]),
                ('{"prompt": "a", "batch": 2}', ["batch"]),
                ('{"prompt": "a", "tokens": -1}', ["--tokens"]),
                ('{"prompt": "a", "tokens": 1.5}', ["--tokens"]),
                ('{"prompt": "a", "tokens": null}', ["tokens"]),
                ('{"prompt": "a", "temperature": "hot"}', ["--temperature"]),
                ('{"prompt": "a", "temperature": -0.5}', ["--temperature"]),
                ('{"prompt": "a", "temperature": [1]}', ["temperature"]),
                ('{"prompt": "a", "temperature": {}}', ["temperature"]),
                ('{"prompt": "a", "temperature": true}', ["temperature"]),
                ('{"prompt": "a", "temperature": false}', ["temperature"]),
                ('{"prompt": "a", "top_p": 7}', ["--top-p", "7"]),
                ('{"prompt": "a", "top-k": -1}', ["--top-k"]),
                ('{"prompt": "a", "sampler": "x"}', ["--sampler", "gumbel"]),
                ('{"prompt": "a", "sampler": 1}', ["--sampler"]),
                ('{"prompt": "a", "seed": -1}', ["--seed"]),
                ('{"prompt": "a", "seed": 1.5}', ["--seed"]),
                ('{"prompt": "a", "seed": 18446744073709551616}', ["--seed"]),
                ('{"prompt": "a", "ignore_eos": 1}', ["ignore_eos"]),
                ('{"prompt": "a", "ignore_eos": "no"}', ["ignore_eos"]),
                ('{"prompt": "a", "stop": ""}', ["stop", "empty"]),
                ('{"prompt": "a", "stop": ["x", ""]}', ["stop", "empty"]),
                ('{"prompt": "a", "stop": [1]}', []), ('{"prompt": "a", "stop": 1}', ["stop"]),
                ('{"prompt": "a", "stop": true}', ["stop"]),
                ('{"prompt": "a", "stop": [["x"]]}', []),
                ('{"prompt": "a", "stop": ' + json.dumps(["x"] * 17) + "}", ["--stop", "16"])):
            path = self.file(b"fine\n\n" + line.encode() + b"\nfine\n")
            self.always_fails([path, "line 3", *words], "--prompts", path)

    def test_errors_of_one_line_among_many(self):
        path = self.lines(*PROMPTS, {"prompt": "a", "top_p": 0})
        self.fails([path, f"line {len(PROMPTS) + 1}", "--top-p"], "--prompts", path)


class More(test_program_07_more.More):
    stage = "09"


class RealGPT2(test_program_07_more.RealGPT2):
    stage = "09"


if __name__ == "__main__":
    unittest.main()
