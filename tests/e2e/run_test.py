# SPDX-License-Identifier: MIT
"""goldpan run on folders that leave little or nothing to choose from: run_test.py GOLDPAN [TEST...]"""
import collections
import csv
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.abspath(os.environ.get("GOLDPAN_SOURCE", "."))
SAMPLE = os.path.join(SOURCE, "sample", "drawn-world")
MODEL = os.path.join(SOURCE, "models", "drawn-world-mini")


def by_prompt():
    """Returns the files of the sample by prompt."""
    out = collections.OrderedDict()
    with open(os.path.join(SAMPLE, "answers.csv"), newline="") as file:
        for row in csv.DictReader(file):
            out.setdefault(row["prompt"], []).append(os.path.join(SAMPLE, row["file"]))
    return out


def bare(path):
    """Returns the image without its metadata."""
    with open(path, "rb") as file:
        data = file.read()
    out, at = data[:8], 8
    while at < len(data):
        size, = struct.unpack(">I", data[at:at + 4])
        if data[at + 4:at + 8] not in (b"tEXt", b"iTXt", b"zTXt", b"eXIf"):
            out += data[at:at + 12 + size]
        at += 12 + size
    return out


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="goldpan-test-")
        self.addCleanup(self.folder.cleanup)
        self.images = os.path.join(self.folder.name, "images")
        os.mkdir(self.images)
        self.count = 0
        self.prompts = by_prompt()

    def put(self, path, prompt=True):
        self.count += 1
        to = os.path.join(self.images, f"{self.count:03d}.png")
        if prompt:
            shutil.copy(path, to)
        else:
            with open(to, "wb") as file:
                file.write(bare(path))

    def run_it(self, *words, code=0, command="run"):
        done = subprocess.run([goldpan, command, self.images, "--json", *words], text=True, capture_output=True,
                              env=dict({k: v for k, v in os.environ.items() if not k.startswith(("HF_", "GOLDPAN_"))},
                                       GOLDPAN_MODEL=MODEL))
        self.assertEqual(done.returncode, code, done.stderr)
        self.said = done.stderr
        return json.loads(done.stdout)

    def candidates(self, got, **wanted):
        for name, value in dict(dict(apart=0, own=0, failed=0, missing_paths=0), **wanted).items():
            self.assertEqual(got["candidates"][name], value, name)

    def codes(self, got):
        return [n["code"] for n in got["notes"]]

    def test_one_image_of_each_prompt(self):
        """If every prompt has one image, as from wildcards or PartiPrompts with one seed, `run` picks by category."""
        for files in self.prompts.values():
            self.put(files[0])
        n = self.count
        got = self.run_it()
        self.candidates(got, images=n, with_prompt=n, prompts_with_two=0)
        self.assertEqual(got["strategy"], "category")
        self.assertIn("by-category", self.codes(got))
        self.assertNotIn("one-candidate", self.codes(got))
        self.assertIn(f"{n} images, {n} with a prompt, 0 prompts with at least two candidates", self.said)
        self.assertIn(" by category\n", self.said)
        self.assertTrue(0 < len(got["picks"]) < n)
        self.assertLessEqual(len(got["picks"]), 5 * got["find"]["categories"])
        self.assertTrue(os.path.exists(got["sheet"]))
        # `run` without options has picked the same images as `run --strategy category`
        named = self.run_it("--strategy", "category")
        self.assertEqual([p["path"] for p in named["picks"]], [p["path"] for p in got["picks"]])
        self.assertEqual(len(self.run_it("--top-per-category", "1")["picks"]), got["find"]["categories"])
        # if an option that selects picks is given, `run` does not change the strategy
        for words, picks in ((("--strategy", "prompt"), n), (("--per-prompt", "0"), n), (("--top", "7"), 7),
                             (("--no-analysis",), n)):
            other = self.run_it(*words)
            self.assertEqual((other["strategy"], len(other["picks"])), ("prompt", picks), words)

    def test_no_prompts(self):
        for files in self.prompts.values():
            self.put(files[0], prompt=False)
        got = self.run_it(code=4)
        self.candidates(got, images=self.count, with_prompt=0, prompts_with_two=0)
        self.assertEqual(got["picks"], [])
        self.assertGreater(got["find"]["categories"], 1)
        self.assertIn("no-prompts", self.codes(got))
        self.assertIn("--prompts FILE", self.said)
        self.assertIn("the map, categories and near-duplicates are computed", self.said)
        self.assertNotIn("no row has a number", self.said)
        for command in ("slices", "pick"):  # the exit code is 4 (nothing was selected), and there is no error message
            self.run_it(command=command, code=4)
            self.assertNotIn("error", self.said)
        self.assertIn("no image has a prompt, so no image has a score", self.said)

    def test_mixed(self):
        """Tests a mix of prompts with several candidates, prompts with one candidate, images without a prompt, and
        files that are not candidates."""
        names = list(self.prompts)
        for name in names[:8]:
            for file in self.prompts[name]:
                self.put(file)
        for name in names[8:24]:
            self.put(self.prompts[name][0])
        for name in names[24:30]:
            self.put(self.prompts[name][0], prompt=False)
        with_prompt = sum(len(self.prompts[name]) for name in names[:8]) + 16
        self.put(self.prompts[names[40]][0], prompt=False)
        grids = os.path.join(self.images, "txt2img-grids")
        os.mkdir(grids)
        os.rename(os.path.join(self.images, f"{self.count:03d}.png"), os.path.join(grids, "grid-0001.png"))
        with open(os.path.join(self.images, "broken.png"), "w") as file:
            file.write("not an image")
        got = self.run_it(code=3)
        self.candidates(got, images=self.count, with_prompt=with_prompt, prompts_with_two=8, apart=1, failed=1)
        self.assertEqual((got["strategy"], len(got["picks"])), ("prompt", 24))
        self.assertIn(", 1 grid set apart, 1 failed", self.said)
        shutil.copy(got["sheet"], os.path.join(self.images, "sheet.jpg"))
        self.candidates(self.run_it(code=3), images=self.count, with_prompt=with_prompt, prompts_with_two=8, apart=1,
                        failed=1, own=1)
        self.assertIn(", 1 grid set apart, 1 drawn by goldpan, 1 failed", self.said)

    def test_prompts_of_one_kind_only(self):
        """Tests a folder in which some categories have no scored image."""
        for k, files in enumerate(self.prompts.values()):
            self.put(files[0], prompt=k < 7)
        got = self.run_it()
        self.candidates(got, images=self.count, with_prompt=7, prompts_with_two=0)
        self.assertTrue(0 < len(got["picks"]) <= 7)

    def test_one_image(self):
        self.put(next(iter(self.prompts.values()))[0])
        got = self.run_it()
        self.candidates(got, images=1, with_prompt=1, prompts_with_two=0)
        self.assertEqual((got["strategy"], len(got["picks"])), ("prompt", 1))

    def test_one_image_without_a_prompt(self):
        self.put(next(iter(self.prompts.values()))[0], prompt=False)
        got = self.run_it(code=4)
        self.candidates(got, images=1, with_prompt=0, prompts_with_two=0)
        self.assertIn("--prompts FILE", self.said)

    def test_few_images_of_a_prompt_each(self):
        """If no category has more images than would be picked, `run` picks all images and prints a line about it."""
        for files in list(self.prompts.values())[:3]:
            self.put(files[0])
        got = self.run_it()
        self.assertEqual((got["strategy"], len(got["picks"])), ("prompt", 3))
        self.assertIn("one-candidate", self.codes(got))


if __name__ == "__main__":
    goldpan = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
