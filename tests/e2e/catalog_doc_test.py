# SPDX-License-Identifier: MIT
"""Tests docs/catalog.md with two catalogs: one with rows in every table (catalog_fill.c), and one that `goldpan run`
makes. Every query and the Python example run and find rows. The page's tables list exactly the columns of the catalog.
Usage: catalog_doc_test.py <catalog_fill> <goldpan>
"""
import csv
import glob
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

FILL = os.path.abspath(sys.argv.pop(1))
GOLDPAN = os.path.abspath(sys.argv.pop(1))
SOURCE = os.environ.get("GOLDPAN_SOURCE", ".")
PAGE = os.path.join(SOURCE, "docs", "catalog.md")
TWO_MODELS = "a.model < b.model"  # this query finds rows only if two models have scored the images
# these queries find nothing, because a small run has no slices, near-duplicates or marks
MAY_BE_EMPTY = ("v_slices", "v_duplicates", "stars > 0", "v_tags")


class CatalogPage(unittest.TestCase):
    models = 2

    @classmethod
    def make(cls):
        subprocess.run([FILL, cls.path], check=True)

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="goldpan-test-")
        cls.path = os.path.join(cls.folder.name, "catalog.db")
        cls.make()
        cls.db = sqlite3.connect(cls.path)
        with open(PAGE, encoding="utf-8") as file:
            cls.page = file.read()

    @classmethod
    def tearDownClass(cls):
        cls.db.close()
        cls.folder.cleanup()

    def blocks(self, language):
        return re.findall(r"^```%s\n(.*?)^```" % language, self.page, re.M | re.S)

    def test_queries(self):
        queries = self.blocks("sql")
        self.assertGreaterEqual(len(queries), 6)
        for query in queries:
            with self.subTest(query=query):
                rows = self.db.execute(query).fetchall()
                if self.models == 2 or not any(word in query for word in (TWO_MODELS,) + MAY_BE_EMPTY):
                    self.assertGreater(len(rows), 0)

    def test_python(self):
        examples = self.blocks("python")
        self.assertEqual(len(examples), 1)
        run = subprocess.run([sys.executable, "-c", examples[0]], cwd=self.folder.name, check=True, text=True,
                             stdout=subprocess.PIPE)
        self.assertEqual(len(run.stdout.splitlines()), 5)
        self.assertIn(".png", run.stdout)

    def documented(self):
        """Returns {table: columns} as docs/catalog.md documents them: a bold table name, then a Markdown table whose
        first cells are column names."""
        found = {}
        for head, rows in re.findall(r"^(\*\*`.*)\n(?:.+\n)*\n\| column \| \|\n\|---\|---\|\n((?:\|.*\n)+)", self.page, re.M):
            columns = [c.strip() for row in rows.splitlines() for c in row.split("|")[1].split(",")]
            for name in re.findall(r"\*\*`(\w+)`\*\*", head):
                found[name] = columns
        return found

    def test_columns(self):
        documented = self.documented()
        tables = [name for name, in self.db.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'")]
        self.assertEqual(sorted(documented), sorted(t for t in tables if t != "v_scores"))
        for table, columns in documented.items():
            real = {row[1] for row in self.db.execute("PRAGMA table_info(%s)" % table)}
            if table.endswith("_embeddings"):  # two tables share one list
                columns = [c for c in columns if c in real]
                shared = {c for t in ("image_embeddings", "prompt_embeddings")
                          for c in (row[1] for row in self.db.execute("PRAGMA table_info(%s)" % t))}
                self.assertEqual(set(documented[table]), shared)
            self.assertEqual(set(columns), real, table)

    def test_v_scores(self):
        words = re.search(r"`v_scores` has these columns: (.*?)\.\n", self.page, re.S).group(1)
        self.assertEqual(re.findall(r"\w+", words), [c[0] for c in self.db.execute("SELECT * FROM v_scores").description])

    def test_version(self):
        self.assertEqual(self.db.execute("PRAGMA application_id").fetchone()[0], 0x4750414E)
        said = int(re.search(r"`PRAGMA user_version` is (\d+), the version", self.page).group(1))
        self.assertEqual(self.db.execute("PRAGMA user_version").fetchone()[0], said)


def bare_png():
    """Returns a grey PNG without metadata."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * 32 for _ in range(32)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)) + chunk(b"IDAT", rows) \
        + chunk(b"IEND", b"")


class CatalogOfARun(CatalogPage):
    """Tests docs/catalog.md with a catalog that the command makes. The catalog's images have a prompt in the file, a
    prompt from a table, or no prompt; one image is a copy, and one file is not an image."""
    models = 1

    @classmethod
    def make(cls):
        pictures = os.path.join(cls.folder.name, "pictures")
        os.mkdir(pictures)
        samples = sorted(glob.glob(os.path.join(SOURCE, "sample", "drawn-world", "food", "*.png")))[:16]
        for i, sample in enumerate(samples):
            shutil.copyfile(sample, os.path.join(pictures, "%d.png" % i))
        shutil.copyfile(samples[0], os.path.join(pictures, "a copy.png"))
        with open(os.path.join(pictures, "bare.png"), "wb") as file:
            file.write(bare_png())
        with open(os.path.join(pictures, "bad.png"), "w", encoding="utf-8") as file:
            file.write("no picture")
        table = os.path.join(cls.folder.name, "prompts.csv")
        with open(table, "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["file", "prompt", "category"])
            for i in range(4):
                rows.writerow(["%d.png" % i, "a red fox", "animals"])
            for i in range(4, 8):
                rows.writerow(["%d.png" % i, "a brown egg " * 60, "food"])
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "GOLDPAN_"))}
        run = subprocess.run(
            [GOLDPAN, "run", pictures, "--model", os.path.join(SOURCE, "models", "drawn-world-mini"), "--prompts", table,
             "--catalog", cls.path, "--no-sheet", "--threads", "1"], env=env, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        assert run.returncode == 3 and "fox" in run.stdout, (run.returncode, run.stderr)


if __name__ == "__main__":
    unittest.main()
