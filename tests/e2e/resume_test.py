# SPDX-License-Identifier: MIT
"""Kills `goldpan run` several times and then lets it finish: the catalog equals that of a run without interruption.
Usage: resume_test.py GOLDPAN"""
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

GOLDPAN = None
SOURCE = Path(os.environ.get("GOLDPAN_SOURCE", "."))
ROWS = """select path, prompt, hex(cast(score as blob)), score, rank, picked from v_images order by path"""


class ResumeTest(unittest.TestCase):
    def setUp(self):
        self.home = Path(tempfile.mkdtemp(prefix="goldpan-resume-"))
        shutil.copytree(SOURCE / "sample" / "drawn-world", self.home / "pictures")

    def tearDown(self):
        shutil.rmtree(self.home)

    def command(self, catalog, *more):
        return [GOLDPAN, "run", str(self.home / "pictures"), "--model", str(SOURCE / "models" / "drawn-world-mini"), "--catalog",
                str(self.home / catalog), "--no-sheet", "--batch", "4", *more]

    def rows(self, catalog):
        db = sqlite3.connect(self.home / catalog)
        self.assertEqual(db.execute("pragma integrity_check").fetchone()[0], "ok")
        self.assertEqual(db.execute("pragma foreign_key_check").fetchall(), [])
        rows = db.execute(ROWS).fetchall()
        vectors = db.execute("select p.path, e.vector from image_embeddings e join paths p on p.image = e.image order by 1").fetchall()
        counts = [db.execute(f"select count(*) from {t}").fetchone()[0] for t in ("images", "paths", "prompts", "image_embeddings", "prompt_embeddings", "scores", "picks")]
        db.close()
        return rows, vectors, counts

    SEVERAL = ("--scorer", "clip,pickscore,clip-iqa:sharpness", "--no-analysis")

    def scores(self, catalog):
        db = sqlite3.connect(self.home / catalog)
        rows = db.execute("select c.key, p.path, hex(cast(s.value as blob)) from scores s join scorers c on c.id = s.scorer"
                          " join paths p on p.image = s.image order by 1, 2").fetchall()
        db.close()
        return rows

    def embedded(self, catalog):
        """Returns the number of candidates with an embedding, and the number of scores that they lack."""
        db = sqlite3.connect(self.home / catalog)
        try:
            images = db.execute("select count(*) from image_embeddings v join images i on i.id = v.image and i.apart is null").fetchone()[0]
            scorers, scores = db.execute("select (select count(*) from scorers), (select count(*) from scores)").fetchone()
        except sqlite3.OperationalError:  # killed before the catalog had its tables
            return 0, 0
        finally:
            db.close()
        return images, images * scorers - scores

    def test_kill_amid_three_scorers(self):
        """The scores of a batch are written with its embeddings: after a kill no embedded image lacks a score."""
        start = time.monotonic()
        subprocess.run(self.command("whole3.db", *self.SEVERAL), check=True, capture_output=True)
        took = time.monotonic() - start
        rng, amid = random.Random(6), 0
        while amid < 2:  # as below: if a run ends before it can be killed, start again and kill earlier
            child = subprocess.Popen(self.command("parts3.db", *self.SEVERAL), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                child.wait(timeout=took * rng.uniform(0.2, 0.6))
                self.assertEqual(child.returncode, 0)
                for part in self.home.glob("parts3.db*"):
                    part.unlink()
                took, amid = took * 0.7, 0
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                embedded, missing = self.embedded("parts3.db")
                self.assertEqual(missing, 0)
                amid += embedded > 0
        subprocess.run(self.command("parts3.db", *self.SEVERAL), check=True, capture_output=True)
        self.assertEqual(self.scores("parts3.db"), self.scores("whole3.db"))
        self.assertEqual(len(self.scores("whole3.db")) % 3, 0)

    def test_kill_and_go_on(self):
        start = time.monotonic()
        subprocess.run(self.command("whole.db"), check=True, capture_output=True)
        took = time.monotonic() - start
        rng, kills = random.Random(5), 0
        # if a run ends before it can be killed, start again with a new catalog and kill earlier
        while kills < 4:
            child = subprocess.Popen(self.command("parts.db"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                child.wait(timeout=took * rng.uniform(0.05, 0.5))
                self.assertEqual(child.returncode, 0)
                for part in self.home.glob("parts.db*"):
                    part.unlink()
                took, kills = took * 0.7, 0
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                kills += 1
        subprocess.run(self.command("parts.db"), check=True, capture_output=True)
        self.assertEqual(self.rows("parts.db"), self.rows("whole.db"))
        again = subprocess.run(self.command("parts.db", "--json"), check=True, capture_output=True, text=True).stdout
        self.assertIn('"score":{"done":0,', again)

    def test_threads_do_not_matter(self):
        for threads in ("1", "3"):
            subprocess.run(self.command(f"t{threads}.db", "--threads", threads), check=True, capture_output=True)
        self.assertEqual(self.rows("t1.db"), self.rows("t3.db"))


if __name__ == "__main__":
    GOLDPAN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
