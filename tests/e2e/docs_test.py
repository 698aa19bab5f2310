# SPDX-License-Identifier: MIT
"""Every command of README.md and docs/*.md works as printed: docs_test.py GOLDPAN

Runs the lines of the ```sh blocks that begin with goldpan, in order, by a shell whose ~/outputs is a part of the sample.
Models of the hub are replaced by the bundled model, DIR by ~/outputs.  Commands that need the network or a generator are
skipped by name; the tests generate, model_get and hub run them against their own servers."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAMPLE = os.path.join(SOURCE, "sample", "drawn-world")
GOLDPAN = os.path.abspath(sys.argv.pop(1))
ELSEWHERE = re.compile(r"goldpan (generate|regenerate|model get|explore|watch|--version|help COMMAND)\b|--catalog generated")
# these commands may end with exit code 4, because the sample may have no result for them
NOTHING = re.compile(r"goldpan (slices|duplicates|words)\b")


def commands(path):
    """Returns (line number, shell command) for each command in the ```sh blocks."""
    inside = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("```"):
                inside = not inside and line.strip() in ("```sh", "```bash")
            elif inside and re.match(r"(goldpan|cd) ", line):
                yield number, line.strip()


class Docs(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="goldpan-docs-")
        self.home = os.path.realpath(self.holder.name)
        outputs = os.path.join(self.home, "outputs")
        for kind in sorted(os.listdir(SAMPLE)):
            if os.path.isdir(os.path.join(SAMPLE, kind)):
                shutil.copytree(os.path.join(SAMPLE, kind), os.path.join(outputs, kind))
        one = sorted(glob.glob(outputs + "/*/*.png"))[0]
        shutil.copy(one, os.path.join(outputs, "picture.png"))
        shutil.copy(one, os.path.join(outputs, "0042.png"))
        jpegs = os.path.join(self.home, "jpegs")
        os.mkdir(jpegs)
        shutil.copy(os.path.join(SOURCE, "docs", "sheet.jpg"), jpegs)
        with open(os.path.join(outputs, "prompts.txt"), "w", encoding="utf-8") as file:
            file.write("a red cat\na blue house\n")
        with open(os.path.join(outputs, "runs.csv"), "w", encoding="utf-8") as file:
            ages = ("teens", "twenties", "thirties")
            file.write("sampler,score,age\n" + "".join(
                "%s,%d,%s\n" % ("Euler" if i % 3 else "DDIM", 20 + i % 7, ages[i // 2 % 3]) for i in range(256)))
        bin_folder = os.path.join(self.home, "bin")
        os.mkdir(bin_folder)
        os.symlink(GOLDPAN, os.path.join(bin_folder, "goldpan"))
        self.env = {k: v for k, v in os.environ.items() if k == "LD_LIBRARY_PATH" or k.endswith("SAN_OPTIONS")}
        self.env.update(HOME=self.home, LC_ALL="C", PATH=bin_folder + ":" + os.environ["PATH"], GOLDPAN_DATA=SOURCE,
                        GOLDPAN_MODEL="drawn-world-mini", HF_HUB_OFFLINE="1")
        self.folder = outputs
        self.shell("goldpan run ~/outputs -q")
        self.shell("goldpan embed --images ~/outputs --out x.npy -q")

    def tearDown(self):
        self.holder.cleanup()

    def shell(self, line):
        return subprocess.run(["sh", "-c", line], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", timeout=1200)

    def run_page(self, path):
        ran = 0
        for number, line in commands(path):
            where = re.match(r"cd (\S+)", line)
            if where:
                self.folder = os.path.normpath(os.path.join(self.folder, where.group(1).replace("~", self.home)))
                continue
            if ELSEWHERE.search(line):
                continue
            words = re.sub(r"\b(openai|laion)/[\w.-]+", "drawn-world-mini", line).replace("clip=x.npy", "clip=x256.npy")
            words = re.sub(r"\bDIR\b", "~/outputs", words).replace("x256.npy", "x.npy")
            if "--category-column Category" in words:
                words = words.replace("Category", "seed")
            if "runs.csv" in words:
                words = words.replace(" --embedding clip=x.npy", "")
            with self.subTest(page=os.path.basename(path), line=number, command=line):
                done = self.shell(words)
                allowed = (0, 4) if NOTHING.match(words) else (0,)
                self.assertIn(done.returncode, allowed, done.stderr[-600:])
                ran += 1
        return ran

    def test_readme(self):
        self.folder = self.home
        self.assertGreater(self.run_page(os.path.join(SOURCE, "README.md")), 12)

    def test_docs(self):
        ran = sum(self.run_page(path) for path in sorted(glob.glob(os.path.join(SOURCE, "docs", "*.md"))))
        self.assertGreater(ran, 20)


if __name__ == "__main__":
    unittest.main()
