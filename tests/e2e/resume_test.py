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
