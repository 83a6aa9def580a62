"""What weights of fewer bits cost: the perplexity of the default model on a tale that it was not
trained on (from E. Nesbit, "Five Children and It", 1902, chapter 6).

    make stage06 && python3 -m unittest tests/test_program_quantised.py
"""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from programs import EMULATED, ROOT, TESTS, parse_json  # noqa: E402

TALE = os.path.join(TESTS, "castle.txt")
ALLOWED = {"bf16": 0.005, "int8": 0.01, "int4": 0.05}  # more than at f32, as a part of that


@unittest.skipIf(EMULATED, "int8 and int4 are for the CPU only")
class Quantised(unittest.TestCase):
    def perplexity(self, dtype):
        command = [os.path.join(ROOT, "stage06", "run"), "-d", dtype, "--perplexity", TALE, "--json"]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if "for the CPU only" in run.stderr:
            self.skipTest(run.stderr.strip())
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return parse_json(run.stdout)["perplexity"]

    def test_the_bill(self):
        exact = self.perplexity("f32")
        for dtype, allowed in ALLOWED.items():
            with self.subTest(dtype):
                bill = self.perplexity(dtype) / exact - 1
                self.assertLess(bill, allowed)
                self.assertGreater(abs(bill), 1e-7)  # it was held in that type


if __name__ == "__main__":
    unittest.main()
