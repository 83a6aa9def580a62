"""Stage 07's program from outside: texts and their ends, seeds, windows, its errors.

    make stage07 && python3 -m unittest tests/test_program_07.py
"""

import json
import math
import os
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import (QUICK, RANDOM, ROOT, TESTS, Kernels, Program, Shared,  # noqa: E402
                      byte_names, copy_model, environment, model_path, parrot, read_vocabulary,
                      small_model, without_times)


def listed(ids):
    return ",".join(map(str, ids))


def bytes_to_ids(data):
    vocabulary, names = read_vocabulary(), byte_names()
    return [vocabulary[names[b]] for b in data]


class Stage07(Program, Shared, Kernels, unittest.TestCase):
    stage = "07"
    phrases = ("Once upon a time there was a", "tokens", "length", "tokens/s")
    result = "Once upon a time"
    keys = ("prompt_ids", "ids", "text", "finish", "ttft_ms", "prefill_tok_s", "decode_tok_s")
    ids_key = "prompt_ids"
    options = ("kernel", "list-kernels", "invariant", "profile", "dry-run", "seed", "tokens", "samples",
               "temperature", "top-k", "top-p", "min-p", "presence-penalty",
               "frequency-penalty", "repetition-penalty", "no-repeat-ngram", "sampler", "stop",
               "ignore-eos", "interactive", "bench", "runs", "csv")
    short = ("-n", "2")

    # -- texts

    def test_a_text(self):
        got = self.object("-n", "12", "The old king")
        self.assertEqual(len(got["ids"]), 12)
        self.assertEqual(got["finish"], "length")
        vocabulary = {id_: name for name, id_ in read_vocabulary().items()}
        names = {name: b for b, name in byte_names().items()}
        data = bytes(names[c] for id_ in got["ids"] for c in vocabulary[id_])
        self.assertEqual(got["text"], data.decode("utf-8", "replace"))
        for key in ("ttft_ms", "prefill_tok_s", "decode_tok_s"):
            self.assertGreater(got[key], 0)

    def test_the_same_in_words(self):
        text = self.object("-n", "12", "The old king")["text"]
        self.assertEqual(self.output("-q", "-n", "12", "The old king"), text + "\n")
        whole = self.output("-n", "12", "The old king")
        self.assertTrue(whole.startswith("The old king" + text + "\n"), whole)
        self.assertIn("3 + 12 tokens (length)", whole)

    def test_ids_in_words(self):
        args = ["-m", model_path("tiny"), "-n", "12", "--ids", "1,2"]
        text = self.output("-q", *args)
        self.assertEqual([int(word) for word in text.split()], self.object(*args)["ids"])

    def test_greedy_against_the_reference(self):
        for name in RANDOM:
            want = self.reference(name)
            prompt = listed(want["ids"][1][:5])
            got = self.object("-m", model_path(name), "-d", "f32", "--temperature", "0",
                              "-n", len(want["greedy"][1]), "--ids", prompt)
            self.assertEqual(got["ids"], list(want["greedy"][1]), name)
            self.assertEqual(got["finish"], "length")

    def test_the_default_model_against_the_reference(self):
        self.reference("tales")                  # not stale
        with open(os.path.join(TESTS, "reference", "tales_greedy.json"), encoding="utf-8") as f:
            texts = json.load(f)
        for want in texts[:3]:
            got = self.object("-d", "f32", "--temperature", "0", "-n", "20", want["prompt"])
            self.assertEqual(got["prompt_ids"], want["ids"])
            self.assertEqual(got["ids"], want["new_ids"][:20])

    def test_past_the_window(self):
        """The model sees the last n_ctx tokens, at positions from 0."""
        want = self.reference("chunk33")
        args = ["-m", model_path("chunk33"), "-d", "f32", "--temperature", "0"]
        past = list(want["greedy_past"][1])
        prompt = list(want["ids"][1][:5])
        self.assertEqual(self.object(*args, "-n", len(past), "--ids", listed(prompt))["ids"], past)
        whole = prompt + past[:-5]
        got = self.object(*args, "-n", "5", "--ids", listed(whole))
        self.assertEqual((got["prompt_ids"], got["ids"]), (whole, past[-5:]))
        got = self.object(*args, "-n", "5", "--ids", listed(whole[-33:]))
        self.assertEqual(got["ids"], past[-5:])

    def test_kernels_agree(self):
        args = ["--temperature", "0", "-d", "f32", "-n", "20"]
        self.assertEqual(self.same("--kernel", "attention=naive", *args), self.same(*args))

    def test_dump(self):
        got = self.dump("-m", model_path("chunk33"), "-n", "3", "--ids", "1,2,3,4")
        self.assertEqual(got["logits"][0], [1, 77])          # of many passes the last
        for layer in range(4):
            self.assertEqual(got[f"hidden_states.{layer}"][0], [6, 24])

    # -- seeds

    def test_seeds(self):
        args = ["-n", "12", "--seed"]
        first = self.same(*args, "1")
        self.assertEqual(self.same(*args, "1"), first)
        self.assertNotEqual(self.same(*args, "2")["ids"], first["ids"])
        self.assertEqual(self.same(*args, "0"), self.same("-n", "12"))
        self.assertNotEqual(self.same(*args, str(2 ** 64 - 1))["ids"],
                            self.same(*args, str(2 ** 32 - 1))["ids"])

    def test_any_number_of_threads(self):
        for options in ([], ["--temperature", "0.8", "--top-k", "40", "--top-p", "0.9"]):
            args = ["-n", "20", "--seed", "7", *options]
            want = self.same("-t", "1", *args)
            for threads in ("2", "5"):
                self.assertEqual(self.same("-t", threads, *args), want)

    def test_a_text_that_is_cut_goes_on_as_it_would_have(self):
        """The noise belongs to the token's place in the text."""
        for options in (["--seed", "3"], ["--top-k", "5"], ["--temperature", "0"]):
            for model in ("chunk33", "tales"):
                args = ["-m", model_path(model), *options]
                whole = self.object(*args, "-n", "50" if model == "chunk33" else "16",
                                    "--ids", "1,2,3")["ids"]
                half = len(whole) // 2
                self.assertEqual(self.object(*args, "-n", half, "--ids", "1,2,3")["ids"],
                                 whole[:half])
                self.assertEqual(self.object(*args, "-n", len(whole) - half, "--ids",
                                             listed([1, 2, 3, *whole[:half]]))["ids"],
                                 whole[half:])

    def test_samples(self):
        args = ["-n", "15", "--seed", "4", "The old king"]
        three = [without_times(got) for got in self.objects("--samples", "3", *args)]
        self.assertEqual(len(three), 3)
        self.assertEqual(three[0], self.same(*args))
        self.assertEqual(len({tuple(got["ids"]) for got in three}), 3)
        two = [without_times(got) for got in self.objects("--samples", "2", *args)]
        self.assertEqual(two, three[:2])
        text = self.output("--samples", "3", *args)
        for number, got in enumerate(three):
            self.assertIn(f"sample {number}", text)
            self.assertIn(got["text"], text)
        self.assertEqual(self.output("-q", "--samples", "3", *args),
                         "".join(got["text"] + "\n" for got in three))

    # -- what may be drawn

    def test_greedy_in_many_ways(self):
        for model in ([], ["-m", model_path("odd"), "--ids", "1,2,3"]):
            args = ["-n", "8", *model]
            want = self.same("--temperature", "0", *args)
            for options in (["--top-k", "1"], ["--top-p", "1e-6"], ["--min-p", "1"],
                            ["--temperature", "1e-6"], ["--temperature", "0", "--seed", "9"],
                            ["--temperature", "0", "--top-k", "7", "--top-p", "0.5"]):
                self.assertEqual(self.same(*options, *args), want, options)

    def test_the_smallest_temperatures_are_greedy_too(self):
        model = ["-m", model_path("odd"), "--ids", "1,2,3", "-n", "20"]
        want, wrong = self.same("--temperature", "0", *model), []
        for temperature in ("1e-30", "1e-37", "1e-38", "1e-40", "1e-45"):
            for more in ([], ["--top-p", "0.9"], ["--top-k", "3"], ["--sampler", "sort"],
                         ["--sampler", "pivot"]):
                if self.same("--temperature", temperature, *more, *model) != want:
                    wrong.append((temperature, *more))
        self.assertEqual(wrong, [])

    def test_filters_that_keep_all(self):
        model = ["-m", model_path("odd"), "--ids", "1,2,3", "-n", "30"]
        want = self.same(*model)
        for options in (["--top-k", "0"], ["--top-k", "103"], ["--top-k", "2147483647"],
                        ["--top-p", "1"], ["--min-p", "0"], ["--temperature", "1"],
                        ["--presence-penalty", "0", "--frequency-penalty", "0"],
                        ["--repetition-penalty", "1"], ["--no-repeat-ngram", "0"],
                        ["--no-repeat-ngram", "1000"], ["--sampler", "gumbel"]):
            self.assertEqual(self.same(*options, *model), want, options)

    def test_samplers_draw_from_one_distribution(self):
        """That of stage 06's probabilities: chi-square, 7 degrees of freedom."""
        model = ["-m", model_path("heads12"), "--ids", "1,2,3", "-d", "f32"]
        other = os.path.join(ROOT, "stage06", "run")
        done = subprocess.run([other, *QUICK, "--json", "--top", "8", *model],
                              stdout=subprocess.PIPE, check=True, stdin=subprocess.DEVNULL,
                              env=environment())
        probs = {t["id"]: t["prob"] ** 0.25 for t in json.loads(done.stdout)["top"]}
        total = math.fsum(probs.values())
        texts = []
        for sampler in ("gumbel", "sort", "pivot"):
            got = self.objects("--sampler", sampler, "--top-k", "8", "--temperature", "4",
                               "--samples", "1000", "-n", "1", *model)
            drawn = [sample["ids"][0] for sample in got]
            self.assertLessEqual(set(drawn), set(probs))
            chi = math.fsum((drawn.count(id_) - 1000 * p / total) ** 2 / (1000 * p / total)
                            for id_, p in probs.items())
            self.assertLess(chi, 24.3, sampler)  # one seed in a thousand is above
            texts.append(drawn)
        self.assertNotEqual(texts[0], texts[1])

    def test_samplers_keep_their_promises(self):
        model = ["-m", model_path("odd"), "--ids", "1,2,3", "-n", "20"]
        greedy = self.same("--temperature", "0", *model)
        for sampler in ("gumbel", "sort", "pivot"):
            args = ["--sampler", sampler, "--seed", "5", *model]
            self.assertEqual(self.same("-t", "1", *args), self.same("-t", "2", *args))
            self.assertNotEqual(self.same("--seed", "6", *args[:2], *model), self.same(*args))
            for options in (["--temperature", "0"], ["--top-k", "1"], ["--top-p", "1e-6"],
                            ["--min-p", "1"]):
                self.assertEqual(self.same(*options, *args), greedy, (sampler, options))

    def test_penalties(self):
        model = ["-m", model_path("tiny"), "--ids", "1,2,3", "--temperature", "0"]
        plain = self.object("-n", "8", *model)["ids"]
        self.assertLess(len(set(plain)), 8)
        for name in ("--presence-penalty", "--frequency-penalty"):
            got = self.object(name, "100", "-n", "8", *model)["ids"]
            self.assertEqual(len({1, 2, 3, *got}), 11, name)     # all of the vocabulary
        self.assertNotEqual(self.object("--repetition-penalty", "50", "-n", "8", *model)["ids"],
                            plain)
        got = self.object("--frequency-penalty", "-100", "-n", "8", *model)["ids"]
        self.assertEqual(len(set(got)), 1)

    def test_no_ngram_twice(self):
        for n, count in ((1, 8), (2, 60), (3, 90)):
            got = self.object("-m", model_path("tiny"), "--ids", "1,2,3", "-n", count,
                              "--temperature", "0", "--no-repeat-ngram", n)
            ids = got["prompt_ids"] + got["ids"]
            grams = [tuple(ids[i:i + n]) for i in range(len(ids) - n + 1)]
            self.assertEqual(len(set(grams)), len(grams), n)
        self.object("-m", model_path("tiny"), "--ids", "1", "-n", "30", "--no-repeat-ngram", "1")

    def test_top_k_keeps_k(self):
        """Of many seeds only the two likeliest first tokens, and both of them."""
        model = ["-m", model_path("heads12"), "--ids", "1,2,3"]
        likeliest = self.object(*model, "--temperature", "0", "-n", "1")["ids"][0]
        got = self.objects(*model, "--samples", "60", "--top-k", "2", "-n", "1",
                           "--temperature", "100")
        seen = {sample["ids"][0] for sample in got}
        self.assertEqual(len(seen), 2)
        self.assertIn(likeliest, seen)

    def test_temperature_changes_the_text(self):
        self.assertNotEqual(self.same("-n", "15", "--temperature", "1.5")["ids"],
                            self.same("-n", "15", "--temperature", "0.5")["ids"])

    # -- how a text ends

    def test_no_new_tokens(self):
        got = self.object("-n", "0")
        self.assertEqual((got["ids"], got["text"], got["finish"]), ([], "", "length"))
        for key in ("ttft_ms", "prefill_tok_s", "decode_tok_s"):
            self.assertTrue(got[key] is None or got[key] >= 0, (key, got[key]))
        self.assertEqual(self.output("-q", "-n", "0"), "\n")
        self.assertNotRegex(self.output("-n", "0"), r"-\d")

    def test_one_new_token(self):
        got = self.object("-n", "1")
        self.assertEqual(len(got["ids"]), 1)
        self.assertEqual(got["ids"], self.object("-n", "4")["ids"][:1])

    def test_eos(self):
        """A random model whose end of text is its third token."""
        want = self.reference("heads12")
        prompt, greedy = listed(want["ids"][1][:5]), list(want["greedy"][1])
        end = next(i for i in range(2, len(greedy)) if greedy[i] not in greedy[:i])
        args = ["-d", "f32", "--temperature", "0", "-n", "20", "--ids", prompt, "-m"]
        path = copy_model("heads12", self.directory(), eos_token_id=greedy[end])
        got = self.object(*args, path)
        self.assertEqual((got["ids"], got["finish"]), (greedy[:end + 1], "eos"))
        text = self.output("-q", *args, path)
        self.assertEqual(text.split(), [str(id_) for id_ in greedy[:end]])

    def test_eos_is_not_part_of_the_text(self):
        args = ["-d", "f32", "--temperature", "0", "-n", "20", "The old king"]
        plain = self.object(*args)
        ids = plain["ids"]
        end = next(i for i in range(3, len(ids)) if ids[i] not in ids[:i])
        path = copy_model("tales", self.directory(), eos_token_id=ids[end])
        got = self.object(*args, "-m", path)
        self.assertEqual((got["ids"], got["finish"]), (ids[:end + 1], "eos"))
        self.assertEqual(got["text"], self.object(*args, "-n", end)["text"])
        self.assertIn("(eos)", self.output(*args, "-m", path))

    def test_eos_as_the_last_token(self):
        """Both limits at once: the end of text wins, as the token is there."""
        circle = bytes_to_ids(b"abc")
        path = parrot(self.directory(), circle, eos=circle[2])
        args = ["-m", path, "--temperature", "0", "a"]
        for n, finish in ((1, "length"), (2, "eos"), (3, "eos")):
            got = self.object("-n", n, *args)
            self.assertEqual((got["ids"], got["finish"]), (circle[1:3][:n], finish))
        self.assertEqual(self.object("-n", "9", *args)["text"], "b")

    def test_eos_that_is_ignored(self):
        circle = bytes_to_ids(b"abc")
        path = parrot(self.directory(), circle, eos=circle[2])
        got = self.object("-m", path, "--temperature", "0", "-n", "5", "--ignore-eos", "a")
        self.assertEqual((got["text"], got["finish"]), ("bcabc", "length"))

    def test_stop_texts(self):
        path = parrot(self.directory(), bytes_to_ids("abc☕".encode()))
        args = ["-m", path, "--temperature", "0", "-n", "12", "a"]
        for stops, text, finish, n in (
                (["c"], "b", "stop", 2), (["b"], "", "stop", 1), (["bc"], "", "stop", 2),
                (["☕"], "bc", "stop", 5), (["☕ab"], "bc", "stop", 7),
                (["ab"], "bc☕", "stop", 7),
                (["x"], None, "length", 12), (["c☕b"], None, "length", 12),
                (["bc☕abc☕abc☕"], None, "length", 12), (["☕", "c"], "b", "stop", 2),
                (["a", "x", "☕a"], "bc", "stop", 6)):
            options = [option for stop in stops for option in ("--stop", stop)]
            text = "bc☕abc☕a" if text is None else text
            got = self.object(*options, *args)
            self.assertEqual((got["text"], got["finish"], len(got["ids"])), (text, finish, n),
                             stops)
            self.assertEqual(self.output("-q", *options, *args), text + "\n", stops)
            self.assertTrue(self.output(*options, *args).startswith("a" + text + "\n"), stops)

    def test_a_stop_text_that_stands_in_the_prompt(self):
        path = parrot(self.directory(), bytes_to_ids(b"abcd"))
        got = self.object("-m", path, "--temperature", "0", "-n", "9", "--stop", "ab", "--ids",
                          listed(bytes_to_ids(b"ab")))
        self.assertEqual((got["text"], got["finish"]), ("cd", "stop"))

    def test_samples_that_end_at_unlike_places(self):
        path = copy_model("heads12", self.directory(), eos_token_id=10)
        got = self.objects("-m", path, "--ids", "1,2,3", "--samples", "30", "-n", "30",
                           "--temperature", "3")
        self.assertEqual({sample["finish"] for sample in got}, {"eos", "length"})
        for sample in got:
            self.assertNotIn(10, sample["ids"][:-1])
            self.assertEqual(sample["finish"] == "eos", sample["ids"][-1] == 10)
            self.assertTrue(len(sample["ids"]) == 30 or sample["finish"] == "eos")

    # -- characters of many bytes

    def test_characters_come_out_whole(self):
        text = "🙂é☕x"
        path = parrot(self.directory(), bytes_to_ids(text.encode()))
        args = ["-m", path, "--temperature", "0", "-n", "30", "x"]
        self.assertEqual(self.object(*args)["text"], text * 3)
        self.assertEqual(self.output("-q", *args), text * 3 + "\n")
        self.assertTrue(self.output(*args).startswith("x" + text * 3 + "\n"))

    def test_each_write_is_whole_characters(self):
        """Standard output is a socket that keeps the writes apart."""
        text = "🙂é☕x"
        path = parrot(self.directory(), bytes_to_ids(text.encode()))
        try:
            ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as e:
            self.skipTest(f"no such sockets: {e}")
        args = ["-q", "-m", path, "--temperature", "0", "-n", "20", "x"]
        with subprocess.Popen([self.program, *args], stdin=subprocess.DEVNULL, stdout=its,
                              env=environment()) as process:
            its.close()
            writes = []
            while part := ours.recv(65536):
                writes.append(part.decode("utf-8"))
            ours.close()
        self.assertEqual(process.returncode, 0)
        self.assertEqual("".join(writes), text * 2 + "\n")
        self.assertGreaterEqual(len(writes), 8)  # streamed, a character at a time

    def test_a_character_that_is_cut(self):
        circle = bytes_to_ids("🙂x".encode())
        path = parrot(self.directory(), circle)
        for n in range(1, 4):
            args = ["-m", path, "--temperature", "0", "-n", n, "x"]
            self.assertRegex(self.object(*args)["text"], "\\A\ufffd+\\Z")
            done = self.run_it("-q", *args)
            self.assertEqual((done.returncode, done.stdout),
                             (0, "🙂".encode()[:n] + b"\n"))

    def test_bytes_that_are_no_characters(self):
        path = parrot(self.directory(), bytes_to_ids(b"\xffa\xc3b\x80"))
        args = ["-m", path, "--temperature", "0", "-n", "5", "--ids", bytes_to_ids(b"\x80")[0]]
        self.assertEqual(self.object(*args)["text"], "\ufffda\ufffdb\ufffd")
        done = self.run_it("-q", *args)
        self.assertEqual((done.returncode, done.stdout), (0, b"\xffa\xc3b\x80\n"))

    def test_characters_that_json_escapes(self):
        text = "\"\\\n\t\0\x7f/"
        path = parrot(self.directory(), bytes_to_ids(text.encode()))
        args = ["-m", path, "--temperature", "0", "-n", "7", "/"]
        self.assertEqual(self.object(*args)["text"], text)

    # -- in turns

    def test_interactive(self):
        path = parrot(self.directory(), bytes_to_ids(b"abcd"))
        args = ["-m", path, "--temperature", "0", "-n", "3", "--interactive"]
        self.assertEqual(self.output(*args, given=b"a\nb\n"), "bcd\ncda\n")
        self.assertEqual(self.output(*args, given=b"a"), "bcd\n")
        self.assertEqual(self.output(*args, given=b""), "")
        with open(self.file(b"a\nb\n"), "rb") as file:
            self.assertEqual(self.output(*args, stdin=file), "bcd\ncda\n")
        many = b"a\n" * 30                       # more than n_ctx
        self.assertEqual(self.output(*args, given=many), "bcd\n" * 30)
        for options in (["--json"], ["--samples", "2"], ["--ids", "1"]):
            self.fails("--interactive", "--interactive", *options)

    # -- errors

    def test_errors(self):
        for option, values in (
                ("-n", ("-1", "x", "", "1.5", "nan", "1e99")),
                ("--temperature", ("-1", "nan", "x", "", "inf", "-0.1")),
                ("--top-p", ("2", "-0.1", "nan", "x", "")),
                ("--top-k", ("-5", "1.5", "x", "", "nan")),
                ("--min-p", ("2", "-0.1", "nan", "x", "")),
                ("--presence-penalty", ("nan", "x", "", "inf", "1e30")),
                ("--frequency-penalty", ("nan", "x", "", "inf", "-1e30")),
                ("--repetition-penalty", ("0", "-1", "nan", "x", "", "inf")),
                ("--no-repeat-ngram", ("-1", "1.5", "x", "")),
                ("--sampler", ("x", "", "gumbe", "sort,pivot")), ("--stop", ("",)),
                ("--samples", ("0", "-1", "x", "1.5", "", "2000000000")),
                ("--seed", ("-1", "x", "1.5", "", str(2 ** 64)))):
            for value in values:
                self.always_fails("--tokens" if option == "-n" else option, option, value)
        self.always_fails(["--stop", "vocab.json"], "--stop", "a", "-m", model_path("tiny"),
                          "--ids", "1")

    def test_weights_that_are_not_numbers(self):
        path = small_model(self.directory(), 8, 16, lambda name, count: [math.nan] * count)
        self.fails("not a number", "--json", "-m", path, "--ids", "1,2")
        self.fails("not a number", "-m", path, "--ids", "1,2", silent=False)


if __name__ == "__main__":
    unittest.main()
