#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs in examples/ compile without a warning and print the picks that the command prints, with the bundled
sample and model.  examples_test.py GOLDPAN BUILD"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = os.path.abspath(sys.argv.pop(2))
from command import SAMPLE, SOURCE, environment, goldpan  # noqa: E402  (removes its argument from sys.argv)

EXAMPLES = os.path.join(SOURCE, "examples")
FOLDER = os.path.join(SAMPLE, "shapes")
WARNINGS = "-Wall -Wextra -Wshadow -Wconversion -Werror -pedantic-errors".split()


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        goldpan("add", FOLDER, "--catalog", cls.at("command.db"), "-q")
        goldpan("score", "--catalog", cls.at("command.db"), "--model", "drawn-world-mini", "-q")
        run = goldpan("pick", "--catalog", cls.at("command.db"), "-q")
        cls.wanted = sorted(line.split("\t") for line in run.stdout.splitlines())
        assert len(cls.wanted) > 5

    @classmethod
    def at(cls, name):
        return os.path.join(cls.folder, name)

    def build(self, compiler, name, *options):
        program = self.at(os.path.basename(name) + ".out")
        subprocess.run([compiler, *options, *WARNINGS, "-I" + os.path.join(SOURCE, "include"), os.path.join(EXAMPLES, name),
                        "-o", program, "-L" + BUILD, "-lgoldpan", "-Wl,-rpath," + BUILD], check=True)
        return [program]

    def check(self, program, catalog):
        """The program prints the picks of the command, also on a second run without new images, and one line if the
        model does not exist."""
        env = {**environment(), "GOLDPAN_LIBRARY": os.path.join(BUILD, "libgoldpan.so")}
        def run(model):
            return subprocess.run([*program, FOLDER, model, self.at(catalog)], env=env, capture_output=True, text=True, timeout=600)
        for _ in range(2):
            done = run("drawn-world-mini")
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = sorted((line.split("\t") for line in done.stdout.splitlines()), key=lambda row: row[1])
            self.assertEqual([row[1:] for row in rows], [[path, prompt] for path, _, prompt in self.wanted])
            for row, (_, score, _) in zip(rows, self.wanted):
                self.assertAlmostEqual(float(row[0]), float(score), delta=0.01)
        failed = run(self.at("no-model"))
        self.assertEqual(failed.returncode, 1)
        self.assertIn("no-model", failed.stderr.strip().splitlines()[-1])
        self.assertEqual(failed.stdout, "")

    def test_c(self):
        self.check(self.build("cc", "picks.c", "-std=c11"), "c.db")
        self.build("cc", "picks.c", "-std=c17")

    def test_cpp(self):
        self.check(self.build("c++", "picks.cpp", "-std=c++11"), "cpp.db")

    def test_python(self):
        """The Python example gets its defaults from the library.  binding_test.py checks its layouts."""
        self.check([sys.executable, os.path.join(EXAMPLES, "picks.py")], "python.db")


if __name__ == "__main__":
    unittest.main()
