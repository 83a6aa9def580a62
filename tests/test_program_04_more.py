"""Stage 04's exhibits from outside: --svg, and the checks under the heat map.

    make stage04 && python3 -m unittest tests/test_program_04_more.py
"""

import json
import math
import os
import re
import stat
import sys
import unittest
from xml.etree import ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import RANDOM, Program, default_config, model_path  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
HEADS = default_config()["n_head"]
MOST = 64      # tokens in a picture


class Exhibits(Program, unittest.TestCase):
    stage = "04"

    def setUp(self):
        self.folder = self.directory()
        self.path = os.path.join(self.folder, "heads.svg")

    def draw(self, *args, **how):
        self.output("--svg", self.path, *args, **how)
        self.assertEqual(os.listdir(self.folder), ["heads.svg"])
        return ElementTree.parse(self.path).getroot()

    def check_picture(self, root, heads, *args):
        """Each head is a map of T x T cells, whose weights are those of --json."""
        groups = [g for g in root.iter(SVG + "g") if g.get("class") == "head"]
        self.assertEqual(len(groups), heads)
        places = set()
        for head, group in enumerate(groups):
            want = self.object("--head", head, *args)["attention"]
            T, cells = len(want), group.findall(SVG + "rect")
            self.assertEqual(len(cells), T * T)
            size = float(cells[0].get("width"))
            for i, cell in enumerate(cells):
                self.assertAlmostEqual(float(cell.get("data-weight")), want[i // T][i % T],
                                       delta=1e-8)
                self.assertAlmostEqual(float(cell.get("fill-opacity")),
                                       math.sqrt(want[i // T][i % T]), delta=0.001)
                self.assertEqual((float(cell.get("x")), float(cell.get("y"))),
                                 (i % T * size, i // T * size))
            places.add(group.get("transform"))
            labels = [text.text for text in group.findall(SVG + "text")]
            self.assertEqual(labels[0], f"head {head}")
            self.assertEqual(labels[1::2], labels[2::2])
            self.assertEqual(len(labels), 1 + 2 * T)
        self.assertEqual(len(places), heads)
        return labels[1::2]

    def test_all_heads(self):
        text = "The old king went"
        for layer in (0, 3):
            args = ["--layer", layer, text]
            root = self.draw(*args)
            labels = self.check_picture(root, HEADS, *args)
            self.assertEqual("".join(label[1:-1] for label in labels), text)
            self.assertIn(f"Layer {layer}", "".join(root.itertext()))

    def test_random_models(self):
        for name in RANDOM:
            with open(os.path.join(model_path(name), "config.json"), encoding="utf-8") as f:
                heads = json.load(f)["n_head"]
            args = ["-m", model_path(name), "--ids", "5,0,7"]
            labels = self.check_picture(self.draw(*args), heads, *args)
            self.assertEqual(labels, ["'#5'", "'#0'", "'#7'"] if "'" in labels[0]
                             else ["#5", "#0", "#7"])

    def test_one_token_and_the_most(self):
        self.check_picture(self.draw("--ids", "5"), HEADS, "--ids", "5")
        ids = ",".join(str(i % 11) for i in range(MOST))
        args = ["-m", model_path("tiny"), "--ids", ids]
        with open(os.path.join(model_path("tiny"), "config.json"), encoding="utf-8") as f:
            self.check_picture(self.draw(*args), json.load(f)["n_head"], *args)

    def test_light_and_dark(self):
        """Text takes the colour around it, and nothing lies behind."""
        root = self.draw()
        self.assertEqual(root.get("fill"), "currentColor")
        for text in root.iter(SVG + "text"):
            self.assertIsNone(text.get("fill"))
        _, _, width, height = map(float, root.get("viewBox").split())
        for rect in root.iter(SVG + "rect"):
            self.assertLess(float(rect.get("width")), width / 10)
            self.assertLess(float(rect.get("height")), height / 10)

    def test_the_scale_is_explained(self):
        root = self.draw()
        scale = [float(r.get("data-weight")) for r in root.findall(SVG + "rect")]
        self.assertEqual(scale, [i / 10 for i in range(11)])
        self.assertIn("weight", "".join(t.text for t in root.findall(SVG + "text")))

    def test_everything_is_inside(self):
        for args in (["The old king went"], ["--ids", "5"], ["x" * 60],
                     ["-m", model_path("heads12"), "--ids", ",".join(["7"] * 40)]):
            root = self.draw(*args)
            left, top, width, height = map(float, root.get("viewBox").split())
            for group in root.findall(SVG + "g"):
                x, y = map(float, re.findall(r"-?\d+", group.get("transform")))
                title = group.find(SVG + "text")
                self.assertGreaterEqual(x + float(title.get("x")), left)
                self.assertGreaterEqual(y + float(title.get("y")), top)
                last = group.findall(SVG + "rect")[-1]
                self.assertLessEqual(x + float(last.get("x")) + float(last.get("width")),
                                     left + width)
                self.assertLessEqual(y + float(last.get("y")) + float(last.get("height")),
                                     top + height)

    def test_any_token_is_xml(self):
        text = "<b>Tom & Jerry</b> \"'\" ]]> &amp; é\t\n<!--"
        args = [text]
        labels = self.check_picture(self.draw(*args), HEADS, *args)
        whole = "".join(label[1:-1] for label in labels)
        self.assertTrue(whole.startswith("<b>Tom & Jerry</b> \"'\" ]]> &amp;"), whole)
        self.assertIn("\\t", whole)
        self.draw(given=b"\xff\x00\x01\x7f\xef\xbf\xbf")
        self.draw(given="日本語 \u202e\u0301".encode())

    def test_beside_text_and_json(self):
        self.assertEqual(self.output("--svg", self.path), self.output())
        self.assertEqual(self.object("--svg", self.path), self.object())
        for kernel in ("naive", "fused"):
            self.draw("--kernel", f"attention={kernel}")

    # -- the file

    def test_an_older_file_is_replaced(self):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write("old" * 100000)
        self.draw("--ids", "5")

    def test_an_older_file_stays_after_an_error(self):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write("old")
        ids = ",".join(["1"] * (MOST + 1))
        for args in (["--ids", ids], ["--layer", "99"], ["-m", self.folder], ["--ids", "x"]):
            self.always_fails("", "--svg", self.path, *args)
            self.assertEqual(os.listdir(self.folder), ["heads.svg"])
            with open(self.path, encoding="utf-8") as f:
                self.assertEqual(f.read(), "old")
        self.always_fails(["--svg", str(MOST + 1), str(MOST)], "--svg", self.path, "--ids", ids)

    def test_what_cannot_be_written(self):
        none = os.path.join(self.folder, "none", "x.svg")
        self.always_fails(["cannot write", none], "--svg", none)
        self.always_fails(["cannot write", self.folder], "--svg", self.folder)
        self.always_fails(["cannot write"], "--svg", "")
        self.assertEqual(os.listdir(self.folder), [])

    def test_what_is_no_file_is_left_alone(self):
        os.mkfifo(self.path)
        self.always_fails(["cannot write", self.path], "--svg", self.path)
        self.assertTrue(stat.S_ISFIFO(os.stat(self.path).st_mode))
        self.assertEqual(os.listdir(self.folder), ["heads.svg"])

    def test_a_dry_run_writes_nothing(self):
        self.output("--dry-run", "--svg", self.path)
        self.assertEqual(os.listdir(self.folder), [])

    # -- text

    def test_checks(self):
        for args in ([], ["--kernel", "attention=naive"], ["--layer", "2", "--head", "3"],
                     ["-m", model_path("tiny"), "--ids", ",".join(["1", "2"] * 50)]):
            text = self.output(*args)
            self.assertIn("weight on the future: 0\n", text)
            self.assertLess(float(re.search(r"rows sum to 1 within (\S+);", text)[1]), 1e-6)
            self.assertLess(float(re.search(r"fused = naive within (\S+)\n", text)[1]), 1e-5)

    def test_a_profile_has_each_operation_once(self):
        path = os.path.join(self.folder, "trace.json")
        self.output("--profile", path)
        with open(path, encoding="utf-8") as f:
            names = re.findall('"name": ?"([^"]*)"', f.read())
        self.assertEqual(names.count("attention"), 1)
        text = self.output("--dry-run")
        self.assertRegex(text, r"(?m)^attention +1 ")

    def test_the_future_is_blank(self):
        for args in ([], ["-q"]):
            lines = [line for line in self.output(*args, "The old king went").splitlines()
                     if re.match(r" *'[^']*' ", line)]
            self.assertEqual(len(lines), 4 if args else 8)
            for i, line in enumerate(lines):
                cells = line[15:].rstrip()
                self.assertEqual(len(cells), 2 * (i % 4 + 1))
                self.assertNotIn(" ", cells)

    def test_quiet_is_the_map_alone(self):
        self.assertEqual(len(self.output("-q", "The old king went").splitlines()), 4)


if __name__ == "__main__":
    unittest.main()
