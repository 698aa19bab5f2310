# SPDX-License-Identifier: MIT
"""Tests the generator that other tests use: runs its self-test of every protocol and every fault."""
import os
import subprocess
import sys
import unittest

TOOL = os.path.join(os.path.abspath(os.environ.get("GOLDPAN_SOURCE", ".")), "tools", "generator.py")


class Generator(unittest.TestCase):
    def test_selftest(self):
        run = subprocess.run([sys.executable, TOOL, "selftest"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertGreater(run.stdout.count("\nok "), 80, run.stdout)

    def test_wrong_options(self):
        for words in (["serve", "--fault", "500"], ["serve", "--fault", "nothing:2"], ["serve", "--fault", "500:0"],
                      ["draw", "--prompt", "a cat", "--width", "8", "--out", "x.png"], []):
            run = subprocess.run([sys.executable, TOOL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual((run.returncode, run.stdout), (2, ""), words)


if __name__ == "__main__":
    unittest.main()
