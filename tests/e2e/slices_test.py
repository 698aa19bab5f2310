# SPDX-License-Identifier: MIT
"""goldpan slices --table: slices_test.py GOLDPAN [TEST...]

Runs the golden cases of sliceguard 0.0.35 through the command line: each kind of feature and each set of parameters.
sliceguard's UMAP has already reduced the arrays, so the command is run without --reduce."""
import csv
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden", "analyze", "slices")
TABLE = os.path.join(GOLDEN, "table.csv")
GRADE = "grade:ordinal=low|middle|high"
FEATURES = {
    "category": ["category"],
    "two_categories": ["category", "style"],
    "three_categories": ["category:nominal", "style", "grade:category"],
    "number": ["size"],
    "two_numbers": ["size:numerical", "size2:number"],
    "number_unscaled": ["size:unscaled"],
    "ordinal": [GRADE, "size"],
    "category_number": ["category", "size"],
    "embedding": [],
    "two_embeddings": [],
    "mixed": ["category", "size"],
    "mixed_weighted": ["category", GRADE, "size"],
}
EMBEDDINGS = {
    "embedding": ["emb={0}/embedding.reduced0.npy"],
    "two_embeddings": ["emb={0}/two_embeddings.reduced0.npy", "{0}/two_embeddings.reduced1.npy"],
    "mixed": ["emb={0}/mixed.reduced0.npy"],
    "mixed_weighted": ["emb={0}/mixed_weighted.reduced0.npy:weight=0.5"],
}


def slices(*words, cwd=None):
    return subprocess.run([goldpan, "slices", *words], capture_output=True, text=True, cwd=cwd)


def found(*words):
    done = slices(*words, "--json")
    assert done.returncode in (0, 4), done.stderr
    return json.loads(done.stdout)["slices"]


def cases():
    """Returns (kind, parameters, issues) of each golden case."""
    out = []
    with open(os.path.join(GOLDEN, "cases.tsv")) as file:
        lines = file.read().splitlines()
    for line in lines:
        cells = line.split("\t")
        if cells[0] == "case":
            out.append((cells[1], cells[2:9], []))
        elif cells[0] == "issue":
            out[-1][2].append((int(cells[1]), int(cells[2]), float(cells[3]), int(cells[4]), int(cells[5])))
    return out


def parameters(values):
    mode, support, drop, n_slices, criterion, reference, outliers = values
    words = ["--mode", {"min": "high", "max": "low"}[mode], "--reference", reference]
    for name, value in (("min-support", support), ("min-lift", drop), ("n-slices", n_slices), ("criterion", criterion)):
        if value not in ("-", "0", "", "nan"):
            words += ["--" + name, value]
    return words + ["--remove-outliers"] * (outliers == "1")


class Golden(unittest.TestCase):
    def kind(self, name):
        words = ["--table", TABLE, "--metric", "score", "--profile", "final"]
        for text in FEATURES[name]:
            words += ["--feature", text]
        for text in EMBEDDINGS.get(name, []):
            words += ["--embedding", text.format(GOLDEN)]
        number = 0
        for kind, values, issues in cases():
            if kind != name:
                continue
            number += 1
            got = [(s["level"], s["cluster"], s["value"], s["support"], s["rows"][0])
                   for s in found(*words, *parameters(values))]
            if name == "two_categories":  # sliceguard numbers equally frequent pairs differently from version to version
                issues = sorted((lv, 0, m, n, r) for lv, _, m, n, r in issues)
                got = sorted((lv, 0, m, n, r) for lv, _, m, n, r in got)
            self.assertEqual([g[:2] + g[3:] for g in got], [i[:2] + i[3:] for i in issues], values)
            for g, i in zip(got, issues):
                self.assertAlmostEqual(g[2], i[2], delta=1e-9)
        self.assertEqual(number, 24)


for kind in FEATURES:
    setattr(Golden, "test_" + kind, lambda self, kind=kind: self.kind(kind))


class Words(unittest.TestCase):
    """Tests which values --feature and --embedding accept and reject."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        ages, ratios = ("teens", "twenties", "thirties"), ("0:1", "1,2")
        with open(os.path.join(self.folder.name, "t.csv"), "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(("age", "score", "n", "ratio:w/h", "x:y"))
            out.writerows((ages[i % 3], i % 5, i % 7, ratios[i % 2], i % 4) for i in range(60))

    def write(self, name, text):
        with open(os.path.join(self.folder.name, name), "w") as file:
            file.write(text)

    def run_table(self, *words):
        return slices("--table", "t.csv", "--metric", "score", *words, cwd=self.folder.name)

    def accepts(self, *words):
        done = self.run_table(*words)
        self.assertIn(done.returncode, (0, 4), done.stderr)
        return done

    def refuses(self, message, *words):
        done = self.run_table(*words)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.splitlines()[0], "goldpan: error: " + message)

    def test_accepts(self):
        self.accepts("--feature", "age:ordinal=teens|twenties|thirties", "--profile", "final")
        self.accepts("--feature", "age:ordinal=teens|twenties|thirties", "--profile", "article")
        self.accepts("--feature", "age:ordinal=teens|twenties|thirties", "--feature", "n:number,unscaled")
        self.accepts("--feature", "n:nominal", "--resamples", "200", "--distance", "cosine")
        self.accepts("--feature", "x:y", "--feature", "x:y:category")  # the name of the column contains colons
        self.accepts("--feature", "ratio:w/h:ordinal=0:1|1,2")  # and in values

    def test_groups(self):
        """Scores that differ only between groups: significant if rows are independent, not significant with --group."""
        with open(os.path.join(self.folder.name, "g.csv"), "w") as file:
            file.write("kind,prompt,score\n")
            for i in range(60):
                file.write(f"{'ab'[i // 30]},p{i // 10},{(i // 10 * 7) % 6 + 3 * (i // 30) + i % 3 / 10}\n")
        words = ("--table", os.path.join(self.folder.name, "g.csv"), "--metric", "score", "--feature", "kind")
        self.assertEqual(len(found(*words)), 1)
        self.assertEqual(found(*words, "--group", "prompt"), [])
        done = slices(*words, "--group", "colour")
        self.assertIn("has no column 'colour'", done.stderr)

    def test_refuses(self):
        self.refuses("row 3: 'thirties' is not one of the ordered values of column 'age': teens|twenties",
                     "--feature", "age:ordinal=teens|twenties")
        self.refuses("an ordinal feature needs its order, from low to high: 'age:ordinal=LOW|...|HIGH'", "--feature", "age:ordinal")
        self.refuses("the order of 'age' has 'teens' twice", "--feature", "age:ordinal=teens|twenties|teens")
        self.refuses("the order of 'age' has an empty value: write ordinal=LOW|...|HIGH",
                     "--feature", "age:ordinal=teens||twenties")
        self.refuses("a kind must be number, category, vector or ordinal=LOW|...|HIGH, not 'odd' (in 'age:odd')",
                     "--feature", "age:odd")
        self.refuses("'n:nominal,unscaled' names two kinds: `unscaled` is only for number, "
                     "`weight` only for vector, an order only for ordinal", "--feature", "n:nominal,unscaled")
        self.refuses("the weight in 'n:weight=0' must be a number above 0, not '0'", "--feature", "n:weight=0")
        self.refuses("'t.csv' has no column 'colour'; its columns are age, score, n, ratio:w/h, x:y",
                     "--feature", "colour:ordinal=red|green")
        self.refuses("--resamples 50 is too small for --alpha 0.01: it must be at least 100",
                     "--feature", "n", "--resamples", "50")
        self.write("gaps.csv", "age,score\nteens,1\n,2\n")
        done = slices("--table", "gaps.csv", "--metric", "score", "--feature", "age:ordinal=teens|twenties",
                      cwd=self.folder.name)
        self.assertIn("row 2 has no value in column 'age', which needs one of its ordered values teens|twenties", done.stderr)

    def test_embedding_names(self):
        """The name of a file may contain colons and equals signs; only the last part of the option's value can be a
        weight."""
        with open(os.path.join(GOLDEN, "embedding.reduced0.npy"), "rb") as file:
            data = file.read()
        os.makedirs(os.path.join(self.folder.name, "lr=0.1"))
        for name in ("a:b.npy", "lr=0.1/x.npy", "odd:weight=3"):
            with open(os.path.join(self.folder.name, name), "wb") as file:
                file.write(data)
        run = lambda text: slices("--table", TABLE, "--metric", "score", "--profile", "final", "--embedding", text,
                                  cwd=self.folder.name)
        wanted = run("a:b.npy")
        self.assertEqual(wanted.returncode, 0, wanted.stderr)
        for text in ("e=a:b.npy", "a:b.npy:weight=2", "e=a:b.npy:weight=0.5", "e=lr=0.1/x.npy", "./lr=0.1/x.npy:weight=2",
                     "e=odd:weight=3:weight=1"):
            self.assertEqual(run(text).stdout, wanted.stdout, text)
        self.assertIn("the weight in 'a:b.npy:weight=two' must be a number above 0, not 'two'",
                      run("a:b.npy:weight=two").stderr)
        self.assertIn("cannot open 'nothing.npy'", run("e=nothing.npy:weight=2").stderr)


if __name__ == "__main__":
    goldpan = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
