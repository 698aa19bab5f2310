# SPDX-License-Identifier: MIT
"""Tests how goldpan handles numbers that are not finite: from a model, from an array, from a table.
not_finite_test.py GOLDPAN [TEST...]"""
import json
import math
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.abspath(os.environ.get("GOLDPAN_SOURCE", "."))
SAMPLE = os.path.join(SOURCE, "sample", "drawn-world", "food")
MODEL = os.path.join(SOURCE, "models", "drawn-world-mini")
COUNT = 12
INF, NAN = math.inf, math.nan


def write_npy(path, rows, kind="f4"):
    head = "{'descr': '<%s', 'fortran_order': False, 'shape': (%d, %d), }" % (kind, len(rows), len(rows[0]))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        for row in rows:
            file.write(struct.pack("<%d%s" % (len(row), {"f4": "f", "f8": "d"}[kind]), *row))


def scaled_model(folder, factor):
    """Writes the bundled model with its image projection multiplied by `factor`: all weights are finite, but sums
    may overflow."""
    shutil.copytree(MODEL, folder)
    path = os.path.join(folder, "model.safetensors")
    with open(path, "rb") as file:
        data = file.read()
    size, = struct.unpack("<Q", data[:8])
    tensors, body, out, offset = json.loads(data[8:8 + size]), data[8 + size:], {}, 0
    blocks = []
    for name, about in tensors.items():
        if name == "__metadata__":
            continue
        start, end = about["data_offsets"]
        block, kind = body[start:end], about["dtype"]
        if name == "visual_projection.weight":
            numbers = struct.unpack("<%de" % (len(block) // 2), block)
            block, kind = struct.pack("<%df" % len(numbers), *(x * factor for x in numbers)), "F32"
        out[name] = {"dtype": kind, "shape": about["shape"], "data_offsets": [offset, offset + len(block)]}
        blocks.append(block)
        offset += len(block)
    head = json.dumps(out).encode()
    head += b" " * (-len(head) % 8)
    os.remove(path)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + b"".join(blocks))


class NotFinite(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="goldpan-test-")
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.images = self.at("images")
        os.mkdir(self.images)
        self.names = sorted(os.listdir(SAMPLE))[:COUNT]
        for name in self.names:
            shutil.copy(os.path.join(SAMPLE, name), self.images)
        self.catalog = self.at("catalog.db")

    def at(self, name):
        return os.path.join(self.folder, name)

    def run_it(self, *words, code=0):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "GOLDPAN_"))}
        done = subprocess.run([goldpan, *words], text=True, capture_output=True, env=env, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        self.said = done.stderr
        return done.stdout

    def query(self, text):
        db = sqlite3.connect(self.catalog)
        try:
            return db.execute(text).fetchall()
        finally:
            db.close()

    def stored(self):
        """Returns (number of embeddings, number of scores), and checks that all are finite."""
        for block, in self.query("SELECT vector FROM image_embeddings"):
            self.assertTrue(all(math.isfinite(x) for x in struct.unpack("<%df" % (len(block) // 4), block)))
        scores = self.query("SELECT value FROM scores")
        self.assertTrue(all(isinstance(v, float) and math.isfinite(v) for v, in scores))
        return len(self.query("SELECT 1 FROM image_embeddings")), len(scores)

    def score(self, model, code):
        return json.loads(self.run_it("run", self.images, "--catalog", self.catalog, "--model", model, "--precision", "fp32",
                                      "--engine", "plain", "--no-sheet", "--no-analysis", "--json", code=code))

    def test_model_that_overflows_for_some_images(self):
        """Images whose embedding overflows fail with a message that names the model. The other images are scored. A
        run with another model tries the failed images again."""
        for step in range(24):
            self.catalog = self.at(f"catalog{step}.db")
            model = self.at(f"model{step}")
            scaled_model(model, 3e37 * 1.12 ** step)
            env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "GOLDPAN_"))}
            done = subprocess.run([goldpan, "run", self.images, "--catalog", self.catalog, "--model", model, "--precision",
                                   "fp32", "--engine", "plain", "--no-sheet", "--no-analysis", "--json", "--batch", "4"],
                                  text=True, capture_output=True, env=env)
            if done.returncode:
                break
        self.assertEqual(done.returncode, 3, "no factor gave an overflow for some images only: " + done.stderr)
        got = json.loads(done.stdout)
        failed = got["score"]["failed"]
        self.assertTrue(0 < failed < COUNT)
        self.assertEqual(got["score"]["done"], COUNT - failed)
        self.assertEqual(len(got["failures"]), failed)
        self.assertIn(f"model '{model}' gives image embeddings that are not finite", got["failures"][0]["message"])
        self.assertEqual(self.stored(), (COUNT - failed, COUNT - failed))
        again = self.score(model, 3)  # the failed images are tried again and not stored, and the run does not stop
        self.assertEqual((again["score"]["done"], again["score"]["failed"]), (0, failed))
        other = self.score(MODEL, 0)
        self.assertEqual((other["score"]["done"], other["score"]["failed"], other["failures"]), (COUNT, 0, []))
        self.run_it("embed", "--model", model, "--precision", "fp32", "--engine", "plain", "--images", self.images,
                    "--out", "x.npy", code=3)
        self.assertIn(f"wrote {COUNT - failed} rows", self.said)

    def test_model_that_overflows_always(self):
        """A model without a single finite embedding is damaged, so the run stops at once."""
        model = self.at("model")
        scaled_model(model, 2e38)
        got = self.score(model, 1)
        self.assertIn(f"model '{model}' gives image embeddings that are not finite", got["error"]["message"])
        self.assertEqual(self.stored(), (0, 0))
        self.run_it("embed", "--model", model, "--precision", "fp32", "--engine", "plain", "--images", self.images,
                    "--out", "x.npy", code=1)
        self.assertFalse(os.path.exists(self.at("x.npy")))

    def bring(self, scores, rows=None, code=0, kind="f4"):
        with open(self.at("t.csv"), "w") as file:
            file.write("file,prompt,value\n")
            for i, name in enumerate(self.names):
                file.write(f"{name},prompt {i // 4},{scores.get(i, i)}\n")
        plain = [[float((i * 7 + j * 3) % 11 + 1) for j in range(4)] for i in range(COUNT)]
        write_npy(self.at("x.npy"), [rows.get(i, r) if rows else r for i, r in enumerate(plain)], kind)
        self.run_it("add", self.images, "--catalog", self.catalog, "--table", "t.csv", "--embeddings", "x.npy",
                    "--score-column", "value", code=code)

    def test_scores_from_outside(self):
        self.bring({2: "nan", 5: ""})
        self.assertIn("2 images have no score, because 't.csv' has no number in column 'value' for them\n", self.said)
        self.assertEqual(self.stored(), (COUNT, COUNT - 2))
        for odd in ("inf", "-Infinity", "1e999"):
            self.catalog = self.at(f"{len(odd)}.db")
            self.bring({2: odd}, code=2)
            self.assertIn(f"row 3 of 't.csv': '{odd}' in column 'value' is not a number\n", self.said)

    def test_embeddings_from_outside(self):
        for k, (row, kind) in enumerate((([1, NAN, 1, 1], "f4"), ([INF, 1, 1, 1], "f4"), ([0, 0, 0, 0], "f4"),
                                         ([1, 1e300, 1, 1], "f8"))):
            self.catalog = self.at(f"catalog{k}.db")
            self.bring({}, {3: row}, 3, kind)
            self.assertIn("row 4 of 'x.npy' is zero or not finite (NaN or infinite)", self.said)
            self.assertEqual(self.stored(), (COUNT - 1, COUNT - 1))

    def test_arrays_without_a_catalog(self):
        self.bring({}, {3: [1, NAN, 1, 1]}, 3)
        message = "row 4 of 'x.npy' has a number that is not finite (NaN or infinite)"
        for words in (("neighbours", "--vectors", "x.npy", "-k", "2", "--out", "n"),
                      ("cluster", "--vectors", "x.npy", "--out", "c.npy"),
                      ("map", "--vectors", "x.npy", "--out", "m.npy"),
                      ("slices", "--table", "t.csv", "--metric", "value", "--embedding", "x=x.npy")):
            self.run_it(*words, code=1)
            self.assertIn(message, self.said)
        with open(self.at("v.csv"), "w") as file:
            file.write('v,score,none\n"[1, 2]",1,nan\n"[1, 1e300]",2,\n')
        self.run_it("slices", "--table", "v.csv", "--metric", "score", "--feature", "v", code=2)
        self.assertIn("row 2 of 'v.csv': '[1, 1e300]' in column 'v' is not a vector of float32 numbers, because a number is too large", self.said)
        self.run_it("slices", "--table", "v.csv", "--metric", "none", "--feature", "score", code=2)
        self.assertIn("no row of 'v.csv' has a number in 'none'", self.said)


if __name__ == "__main__":
    goldpan = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
