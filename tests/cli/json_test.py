# SPDX-License-Identifier: MIT
"""Tests --json for every command and every outcome: json_test.py GOLDPAN

Runs each command of `goldpan help` in each situation below, without and with --json.  With --json, standard output is
exactly one JSON object, and the exit code is the same as without --json.  A command without situations here fails the
test."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
SAMPLE = os.path.join(SOURCE, "sample", "drawn-world")
GOLDPAN = os.path.abspath(sys.argv.pop(1))
MODEL = ["--model", "drawn-world-mini", "--precision", "fp32"]
WRONG = ["--no-such-option"]

# For {n}, each call of goldpan gets a new number, so that no call finds the output of an earlier call.
SITUATIONS = {
    "generate": [["prompts.txt", "-n", "1", "-o", "made{n}", "-b", "cp spare.png {out}", "--protocol", "command"],
                 ["missing.txt"], WRONG],
    "regenerate": [["nowhere"], WRONG],
    "run": [["images", *MODEL], ["images", *MODEL, "--min-score", "1000"], ["broken", *MODEL], ["nowhere", *MODEL],
            ["images", "--model", "not/here"], WRONG],
    "add": [["images"], ["broken"], ["nowhere"], ["images", "--prompts", "missing.csv"], WRONG],
    "score": [["images", *MODEL], ["nowhere", *MODEL], ["images", "--model", "not/here"], WRONG],
    "slices": [["images"], ["nowhere"], ["--table", "table.csv", "--metric", "score", "--feature", "kind"],
               ["--table", "table.csv", "--metric", "score", "--feature", "kind", "--show"],
               ["--table", "missing.csv", "--metric", "score", "--feature", "kind"], WRONG],
    "categories": [["images"], ["nowhere"], WRONG],
    "words": [["images"], ["nowhere"], ["images", "--min-support", "9999"], ["images", "--scorer", "nobody"], WRONG],
    "duplicates": [["images"], ["nowhere"], WRONG],
    "pick": [["images"], ["images", "--min-score", "1000"], ["images", "--explain"], ["images", "--top", "0"],
             ["images", "--why", "images/0.png", "--why", "missing.png"], ["nowhere"], WRONG],
    "explore": [["nowhere", "--no-open"], WRONG],
    "export": [["out{n}", "--catalog", "images"], ["out{n}", "--catalog", "images", "--stars", "5"],
               ["out{n}", "--catalog", "images", "--list", "prompts.txt"], ["out{n}", "--catalog", "images", "--list", "nowhere"],
               ["--site", "site{n}", "--catalog", "images"], ["out{n}", "--catalog", "nowhere"], [], WRONG],
    "sheet": [["sheet{n}.jpg", "--catalog", "images"], ["sheet{n}.jpg", "--catalog", "nowhere"],
              ["sheet.txt", "--catalog", "images"], [], WRONG],
    "tour": [["images", "--out", "tour{n}.webp"], ["nowhere", "--out", "tour{n}.webp"], ["images"], WRONG],
    "status": [["images"], ["images", "--failures"], ["nowhere"], WRONG],
    "check": [["images"], ["nowhere"], WRONG],
    "rescue": [["nowhere"], WRONG],
    "show": [["images/0.png", "--catalog", "images"], ["images/0.png", "missing.png", "--catalog", "images"],
             ["missing.png", "--catalog", "images"], ["x.png", "--catalog", "nowhere"], [], WRONG],
    "mark": [["images/0.png", "--stars", "2", "--tag", "castle", "--catalog", "images"],
             ["images/0.png", "missing.png", "--tag", "castle", "--catalog", "images"],
             ["images/0.png", "--tag", "a,b", "--catalog", "images"], ["images/0.png"], [], WRONG],
    "ratings read": [["images"], ["nowhere"], WRONG],
    "ratings write": [["images", "--dry-run"], ["images/0.png"], ["nowhere"], [], WRONG],
    "undo": [["--list", "--catalog", "images"], ["--catalog", "images", "--dry-run"], ["99", "--catalog", "images"], WRONG],
    "unpack": [["missing.tar"], ["prompts.txt"], [], WRONG],
    "watch": [["images", *MODEL, "--poll", "0"], ["images", "--model", "not/here"], WRONG],
    "model list": [[], WRONG],
    "model get": [["not/here"], ["no name"], [], WRONG],
    "model info": [["drawn-world-mini"], ["not/here"], WRONG],
    "bench": [["images", *MODEL, "--seconds", "0.1", "--sample", "2"], ["empty", *MODEL], ["nowhere", *MODEL], WRONG],
    "embed": [["--images", "images", "--out", "e{n}.npy", *MODEL], ["--images", "broken", "--out", "e{n}.npy", *MODEL],
              ["--texts", "missing.txt", "--out", "e{n}.npy", *MODEL], [], WRONG],
    "tokens": [["a cat", "--model", "drawn-world-mini"], ["a cat", "--model", "not/here"], [], WRONG],
    "neighbours": [["--vectors", "x.npy", "-k", "2", "--out", "n{n}"], ["--vectors", "missing.npy", "--out", "n{n}"],
                   [], WRONG],
    "cluster": [["--vectors", "x.npy", "--out", "c{n}.npy"], ["--vectors", "x.npy", "--clusters", "4", "--out", "c{n}.npy"],
                ["--vectors", "x.npy", "--method", "hdbscan", "--out", "c{n}.npy"],
                ["--vectors", "missing.npy", "--out", "c{n}.npy"], [], WRONG],
    "map": [["--vectors", "x.npy", "--out", "m{n}.npy"], ["--vectors", "missing.npy", "--out", "m{n}.npy"], [], WRONG],
}


def environment(home):
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH") or k.endswith("SAN_OPTIONS")}
    env.update(HOME=home, LC_ALL="C", TERM="dumb", GOLDPAN_DATA=SOURCE, HF_HUB_OFFLINE="1")
    return env


def write_vectors(path):
    import struct
    rows = [[float((3 * i + 7 * k + i * k) % 11) + 1 for k in range(3)] for i in range(12)]
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 3), }".ljust(117) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        for row in rows:
            file.write(struct.pack("<3f", *row))


def pictures(count):
    files = sorted(os.path.join(folder, f) for folder, _, names in os.walk(SAMPLE) for f in names if f.endswith(".png"))
    return files[:: max(1, len(files) // count)][:count]


class JsonTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="goldpan-json-")
        cls.folder = os.path.realpath(cls.holder.name)
        cls.env = environment(cls.folder + "/home")
        cls.count = 0
        for name in ("home", "images", "broken", "empty"):
            os.mkdir(os.path.join(cls.folder, name))
        for i, path in enumerate(pictures(40)):
            shutil.copy(path, os.path.join(cls.folder, "images", "%d.png" % i))
        # the file name is not UTF-8, and contains a line break and a quote
        os.rename(cls.folder + "/images/1.png", os.fsencode(cls.folder) + b"/images/odd \xff \n\".png")
        shutil.copy(cls.folder + "/images/0.png", cls.folder + "/spare.png")
        shutil.copy(cls.folder + "/images/0.png", cls.folder + "/broken/good.png")
        for name, text in (("broken/bad.png", "not an image"), ("prompts.txt", "a red cat\n"),
                           ("table.csv", "kind,score\n" + "".join("%s,%d\n" % ("ab"[i % 2], i) for i in range(30)))):
            with open(os.path.join(cls.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        write_vectors(cls.folder + "/x.npy")
        done = cls.run_goldpan(["run", "images", *MODEL])
        assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    @classmethod
    def run_goldpan(cls, words):
        cls.count += 1
        words = [w.replace("{n}", str(cls.count)) for w in words]
        return subprocess.run([GOLDPAN, *words], cwd=cls.folder, env=cls.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=1800)

    def one_object(self, done, words):
        text = done.stdout.decode("utf-8")
        self.assertEqual(text.count("\n"), 1, (words, text, done.stderr))
        found = json.loads(text)
        self.assertIsInstance(found, dict, words)
        if "error" in found:
            self.assertEqual(set(found["error"]), {"status", "message", "exit"}, words)
            self.assertEqual(found["error"]["exit"], done.returncode, words)
            self.assertTrue(found["error"]["message"], words)
        return found

    def commands(self):
        lines = self.run_goldpan(["help"]).stdout.decode().split("Commands:\n")[1].split("\n\n")[0].split("\n")
        return [line[2:15].strip() for line in lines]

    def test_every_command_has_situations(self):
        self.assertEqual(sorted(self.commands()), sorted(SITUATIONS))

    def test_every_situation(self):
        for command, situations in SITUATIONS.items():
            for words in situations:
                words = command.split() + words
                with self.subTest(words=" ".join(words)):
                    plain, with_json = self.run_goldpan(words), self.run_goldpan(words + ["--json"])
                    self.one_object(with_json, words)
                    self.assertEqual(plain.returncode, with_json.returncode, (words, plain.stderr, with_json.stderr))

    def test_no_command(self):
        for words in (["frobnicate"], ["model"], ["model", "gt"], ["help", "frobnicate"]):
            plain, with_json = self.run_goldpan(words), self.run_goldpan(words + ["--json"])
            self.assertEqual(self.one_object(with_json, words)["error"]["status"], "usage")
            self.assertEqual((plain.returncode, with_json.returncode), (2, 2))

    def test_interrupted(self):
        codes = []
        for more in ([], ["--json"]):
            env = dict(self.env, GOLDPAN_PRETEND_TTY="1", TERM="xterm")
            p = subprocess.Popen([GOLDPAN, "bench", *MODEL, "--seconds", "600", *more], cwd=self.folder, env=env,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            # when the first progress line appears, goldpan has already set its signal handlers
            while p.stderr.read(1) not in (b"\r", b""):
                pass
            p.send_signal(signal.SIGINT)
            p.stdout_text, p.stderr_text = p.communicate(timeout=1800)
            codes.append(p.returncode)
        done = subprocess.CompletedProcess([], p.returncode, p.stdout_text, p.stderr_text)
        self.assertEqual(self.one_object(done, ["bench"])["error"]["status"], "stopped")
        self.assertEqual(codes, [130, 130])

    def test_explore(self):
        for more in ([], ["--json"]):
            p = subprocess.Popen([GOLDPAN, "explore", "images", "--no-open", "--port", "0", *more], cwd=self.folder,
                                 env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            line = p.stdout.readline()
            p.send_signal(signal.SIGINT)
            rest, _ = p.communicate(timeout=1800)
            self.assertEqual((p.returncode, rest), (0, b""))
        self.assertIn("url", json.loads(line))

    def test_paths_alone(self):
        """pick -0 prints whole paths, each ended by a zero byte, even with odd characters in the name."""
        paths = self.run_goldpan(["pick", "images", "-0", "-k", "0"]).stdout.split(b"\0")
        self.assertEqual(paths.pop(), b"")
        self.assertEqual(len(paths), 40)
        for path in paths:
            self.assertTrue(os.path.exists(path), path)


if __name__ == "__main__":
    unittest.main()
