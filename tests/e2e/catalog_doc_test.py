# SPDX-License-Identifier: MIT
"""docs/catalog.md against a real catalog: every query and the Python example run and find something, and every column
there is stands in the tables of the page, and no other.
Usage: catalog_doc_test.py <catalog_fill>
"""
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest

FILL = os.path.abspath(sys.argv.pop(1))
PAGE = os.path.join(os.environ.get("GOLDPAN_SOURCE", "."), "docs", "catalog.md")


class CatalogPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="goldpan-test-")
        cls.path = os.path.join(cls.folder.name, "catalog.db")
        subprocess.run([FILL, cls.path], check=True)
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
                self.assertGreater(len(self.db.execute(query).fetchall()), 0)

    def test_python(self):
        examples = self.blocks("python")
        self.assertEqual(len(examples), 1)
        run = subprocess.run([sys.executable, "-c", examples[0]], cwd=self.folder.name, check=True, text=True,
                             stdout=subprocess.PIPE)
        self.assertEqual(len(run.stdout.splitlines()), 5)
        self.assertIn(".png", run.stdout)

    def documented(self):
        """{table: columns} of the page: bold names, then a table whose first cells are columns."""
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
        words = re.search(r"\*\*`v_scores`\*\*.*?in words: (.*?)\.\n", self.page, re.S).group(1)
        self.assertEqual(re.findall(r"\w+", words), [c[0] for c in self.db.execute("SELECT * FROM v_scores").description])

    def test_version(self):
        self.assertEqual(self.db.execute("PRAGMA application_id").fetchone()[0], 0x4750414E)
        said = int(re.search(r"version of this schema: (\d+)", self.page).group(1))
        self.assertEqual(self.db.execute("PRAGMA user_version").fetchone()[0], said)


if __name__ == "__main__":
    unittest.main()
