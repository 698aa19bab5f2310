"""Runs bench/judgement on a small new sample.  The sample is drawn here
(100 prompts, 400 images), so that no rule can be fitted to it.

    judgement_test.py GOLDPAN
"""
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
MODEL = os.path.join(SOURCE, "models", "drawn-world-mini")
GOLDPAN = None
SEED = 31


def load():
    spec = importlib.util.spec_from_file_location("judgement", os.path.join(SOURCE, "bench", "judgement", "judgement.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Judgement(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="goldpan-judgement-")
        cls.sample = load().Sample(GOLDPAN, MODEL, SEED, 100, cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_categories_are_the_kinds(self):
        index, largest = self.sample.categories()
        self.assertGreaterEqual(index, 0.7)
        self.assertLessEqual(largest, 0.35)

    def test_a_liked_kind_gets_its_share(self):
        shares, right = self.sample.bias()
        # this limit is for the 40 picks of this test; with 80 picks, bench/judgement measures at most 1.5
        self.assertLessEqual(max(shares["corrected"]), 1.75)
        self.assertLessEqual(sum(shares["corrected"]) / 8, 1.3)
        self.assertGreater(sum(shares["raw"]) / 8, 2)
        self.assertGreaterEqual(right["corrected"], right["raw"] - 0.05)

    def test_prompts_that_differ_make_no_slices(self):
        for effect in (0.4, 0.8):
            with self.subTest(effect=effect):
                self.assertLessEqual(sum(self.sample.is_false(effect, table) for table in range(30)), 2)

    def test_planted_slices_are_found(self):
        self.assertGreaterEqual(self.sample.power(32, 2, 6)[0], 4)


def main():
    global GOLDPAN
    GOLDPAN = os.path.abspath(sys.argv.pop(1))
    try:
        import cairo, numpy, PIL  # noqa: F401
    except ImportError:
        system = "/usr/bin/python3"  # the Python for which Debian's packages are installed
        if sys.executable != system and subprocess.run([system, "-c", "import cairo, numpy, PIL"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            os.execv(system, [system, os.path.abspath(__file__), GOLDPAN])
        print("skipped: no Python with pycairo, NumPy and Pillow here")
        return sys.exit(77)
    unittest.main()


if __name__ == "__main__":
    main()
