# SPDX-License-Identifier: MIT
"""A command with {requests} is started once and gets a line of JSON for each image; also programs that fail.
Usage: program_test.py GOLDPAN"""
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import generate_test

GOLDPAN = None
# A program as a user might write it.  Its first argument selects a fault.
PROGRAM = r'''
import json, os, struct, sys, time, zlib
kind, log = sys.argv[1], sys.argv[3]
open(log, "a").write("started\n")
def png(seed):
    part = lambda k, d: struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
    rows = (b"\0" + bytes((seed * 40 % 256, 9, i % 256) * 32)  for i in range(32))
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)) + part(b"IDAT", zlib.compress(b"".join(rows)))
            + part(b"IEND", b""))
def say(**value):
    print(json.dumps(value), flush=True)
for n, line in enumerate(sys.stdin, 1):
    asked = json.loads(line)
    open(log, "a").write(line)
    if kind == "dies" and n == 2: os._exit(7)
    if kind == "killed" and n == 2: os.kill(os.getpid(), 9)
    if kind == "hangs" and n == 2: time.sleep(1000)
    if kind == "babbles" and n == 2: print("Loading pipeline components...", flush=True)
    if kind == "endless" and n == 2:
        while True: sys.stdout.write("x" * 65536)
    if kind == "passing" and n == 2: say(error="out of memory"); continue
    if kind == "permanent": say(error="no model 'x'", again=False); continue
    if kind == "refuses" and asked["seed"] == 2: say(error="held back", refused=True); continue
    if kind == "forgets" and n == 2: say(); continue
    for i in range(3): say(part=i / 3)
    if kind == "slow": time.sleep(0.3)
    open(asked["out"], "wb").write(png(asked["seed"]))
    if kind == "plain": print("{", end=""); sys.stdout.flush(); time.sleep(0.05); print("}", flush=True); continue
    say(settings={"seed": asked["seed"], "steps": 12, "model": "mine, 2", "loras": [1]})
open(log, "a").write("ended\n")
'''


class ProgramTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Path(tempfile.mkdtemp(prefix="goldpan-program-"))
        (cls.home / "program.py").write_text(PROGRAM)
        (cls.home / "prompts.txt").write_text("a red fox\nit's \"two\" \\ caf\u00e9s {seed}\n")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.home)

    def command(self, kind, *more):
        self.log, self.out = self.home / (kind + ".log"), self.home / kind
        words = "%s %s %s {requests} %s" % (shlex.quote(sys.executable), self.home / "program.py", kind, self.log)
        return [GOLDPAN, "generate", self.home / "prompts.txt", "-n", "2", "-b", words, "-o", self.out, "--json", *more]

    def generate(self, kind, *more, code=0):
        run = subprocess.run(self.command(kind, *more), capture_output=True, text=True, timeout=600)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return json.loads(run.stdout)

    def lines(self):
        return self.log.read_text().splitlines()

    def rows(self, sql):
        return generate_test.rows(self.out, sql)

    def test_it_is_started_once(self):
        said = self.generate("good", "-W", "32", "--negative", "blurry", "--cfg", "3.5", "--steps", "9", "--sampler", "Euler a", "--scheduler",
                             "Karras", "--checkpoint", "m", "--refiner", "r", "--refiner-at", "0.8")
        self.assertEqual((said["got"], said["failed"]), (4, 0))
        lines = self.lines()
        self.assertEqual((lines[0], lines[-1], len(lines)), ("started", "ended", 6))
        asked = json.loads(lines[1])
        out = asked.pop("out")
        self.assertTrue(out.startswith(str(self.out)), out)
        self.assertEqual(asked, {"prompt": "a red fox", "negative": "blurry", "seed": 1, "width": 32, "steps": 9, "cfg": 3.5, "sampler": "Euler a",
                                 "scheduler": "Karras", "model": "m", "refiner": "r", "refiner_at": 0.8})
        self.assertEqual({json.loads(line)["prompt"] for line in lines[1:5]}, {"a red fox", "it's \"two\" \\ caf\u00e9s {seed}"})
        settings = json.loads(self.rows("SELECT settings FROM v_images ORDER BY path LIMIT 1")[0][0])
        self.assertEqual((settings["steps"], settings["model"]), (12, "mine, 2"))
        again = self.generate("good", "-W", "32", "--negative", "blurry", "--cfg", "3.5", "--steps", "9", "--sampler", "Euler a", "--scheduler",
                              "Karras", "--checkpoint", "m", "--refiner", "r", "--refiner-at", "0.8")
        self.assertEqual((again["got"], again["had"], len(self.lines())), (0, 4, 6))

    def test_an_answer_without_settings(self):
        self.assertEqual(self.generate("plain", "--steps", "9")["got"], 4)
        self.assertEqual(json.loads(self.rows("SELECT settings FROM v_images ORDER BY path LIMIT 1")[0][0])["steps"], 9)

    def test_each_job_has_its_own(self):
        self.assertEqual(self.generate("slow", "--jobs", "2")["got"], 4)
        self.assertEqual(self.lines().count("started"), 2)

    def test_what_goes_wrong_once_is_tried_again(self):
        for kind, starts in (("dies", 4), ("killed", 4), ("babbles", 4), ("endless", 4), ("passing", 1), ("forgets", 1)):
            with self.subTest(kind):
                said = self.generate(kind)
                self.assertEqual((said["got"], said["failed"]), (4, 0))
                # The program fails at its second request, so each start of the program generates one image.
                self.assertEqual(self.lines().count("started"), starts)

    def test_why_it_failed(self):
        for kind, words in (("dies", "ended with exit code 7 before it answered"), ("killed", "was killed by signal 9"), ("endless", "a line that is too long"),
                            ("babbles", "answered with a line that is not a JSON object: 'Loading pipeline components...'"), ("passing", "out of memory"),
                            ("forgets", "wrote no image"), ("hangs", "did not answer within 1 seconds")):
            with self.subTest(kind):
                shutil.rmtree(self.home / kind, ignore_errors=True)
                self.generate(kind, "--tries", "1", *(("--timeout", "1") if kind == "hangs" else ()), code=3)
                self.assertIn(words, self.rows("SELECT message FROM v_generations WHERE state = 'failed' LIMIT 1")[0][0])

    def test_what_no_other_try_helps(self):
        said = self.generate("permanent", code=3)
        asked = [line for line in self.lines() if line.startswith("{")]
        self.assertEqual((said["got"], len(asked)), (0, len(set(asked))), "nothing is asked twice")
        said = self.generate("refuses")
        self.assertEqual((said["got"], said["refused"], said["failed"]), (2, 2, 0))

    def test_an_interrupt_ends_it(self):
        shutil.rmtree(self.home / "hangs", ignore_errors=True)
        command = self.command("hangs")
        self.log.unlink(missing_ok=True)
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not self.log.exists() or sum(line.startswith("{") for line in self.lines()) < 2:
            self.assertIsNone(child.poll())
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=600)
        self.assertEqual(child.returncode, 130)
        left = subprocess.run(["pgrep", "-f", str(self.log)], capture_output=True, text=True).stdout
        self.assertEqual(left, "")

    def test_a_command_without_a_place_for_what_is_asked(self):
        """A value for which the command has no placeholder must give a note. An earlier goldpan ignored the value,
        but stored it with the image."""
        (self.home / "draw.py").write_text("import sys; sys.argv[1:1] = ['good', '', '/dev/null']\n" + PROGRAM.split("for n, line")[0]
                                           + "open(sys.argv[5], 'wb').write(png(1))\n")
        self.out = self.home / "places"
        words = "%s %s/draw.py {prompt} {out} {cfg}" % (shlex.quote(sys.executable), self.home)

        def run(words, *more, n=2):
            return subprocess.run([GOLDPAN, "generate", self.home / "prompts.txt", "-n", str(n), "-o", self.out, "--steps", "30", "--cfg", "6.125", "--json",
                                   "--refiner", "r", "-b", words, *more], capture_output=True, text=True)
        failed = run(words)
        self.assertEqual(failed.returncode, 2)
        self.assertIn("the command has no {seed}", failed.stderr)
        self.assertIn("add {seed}, or give --no-seed", failed.stderr)
        self.assertIn("{seed} in the command cannot be combined with --no-seed", run(words + " {seed}", "--no-seed").stderr)
        self.assertFalse(self.out.exists())
        one = run(words, "--seed", "7", n=1)  # with one image per prompt, goldpan prints a note and stores no seed
        self.assertEqual(one.returncode, 0, one.stderr)
        self.assertIn("the command has no {seed}, so the seed has no effect and is not recorded", [n["message"] for n in json.loads(one.stdout)["notes"]])
        self.assertEqual(self.rows("SELECT count(seed), sum(instr(settings, 'seed')) FROM v_generations"), [(0, 0)])
        shutil.rmtree(self.out)
        done = run(words, "--no-seed")
        self.assertEqual(done.returncode, 0, done.stderr)
        notes = [n["message"] for n in json.loads(done.stdout)["notes"]]
        self.assertEqual(notes, ["--steps has no effect: the command has no {steps}", "--refiner has no effect: the command has no {refiner}",
                                 "2 images were already in the catalog, byte for byte: the generator returned the same image for different requests"])
        self.assertEqual(self.rows("SELECT DISTINCT settings FROM v_images"), [('{"cfg_scale":6.125}',)])
        self.assertEqual(self.rows("SELECT count(*), count(seed) FROM v_generations"), [(4, 0)])

    def test_a_program_that_chooses_its_own_seeds(self):
        """The program gets requests without a seed, and reports the seed that it used."""
        (self.home / "own.py").write_text(PROGRAM.split("for n, line")[0] + """
for n, line in enumerate(sys.stdin, 1):
    asked = json.loads(line)
    open(asked["out"], "wb").write(png(90 + n))
    say(settings={"seed": 90 + n} if "seed" not in asked else {"wrong": 1})
""")
        self.out = self.home / "own"
        run = subprocess.run([GOLDPAN, "generate", self.home / "prompts.txt", "-n", "2", "-o", self.out, "--no-seed", "-b",
                              "%s %s/own.py good {requests} /dev/null" % (shlex.quote(sys.executable), self.home)], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.rows("SELECT json_extract(settings, '$.seed') FROM v_images ORDER BY 1"), [(91,), (92,), (93,), (94,)])
        self.assertEqual(self.rows("SELECT count(*), count(seed) FROM v_generations"), [(4, 0)])

    def test_words_that_do_not_fit(self):
        for words, said in (("draw {requests} {prompt}", "leave out {prompt}"), ("draw {requests} -o {out}", "leave out {out}")):
            run = subprocess.run([GOLDPAN, "generate", self.home / "prompts.txt", "-b", words, "-o", self.home / "none"], capture_output=True, text=True)
            self.assertEqual(run.returncode, 2)
            self.assertIn(said, run.stderr)
        run = subprocess.run([GOLDPAN, "generate", self.home / "prompts.txt", "-b", "no-such-program {requests}", "-o", self.home / "none-2", "--json"],
                             capture_output=True, text=True)
        self.assertIn("cannot run 'no-such-program'", json.loads(run.stdout)["why"])


if __name__ == "__main__":
    GOLDPAN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
