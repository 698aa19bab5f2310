#!/usr/bin/env python3
"""Measures goldpan's results on samples that were not used for tuning; prints the tables of docs/method.md.

    judgement.py GOLDPAN MODEL [--seeds 1001,1002,...] [--prompts 200] [--tables 200] [--work DIR] [--vectors X.npy]

Draws a sample of the drawn world for each seed (8 kinds of things, four candidates a prompt; tools/drawn_world) and
measures on each:
- categories: adjusted Rand index with the kinds, share of the largest category
- false slices: the number of tables of scores in which a slice is reported although clusters have no effect on the
  scores; prompts have an effect of 0 ... 80 % of the variance; the tables are divided among the seeds
- power: the number of tables in which a planted slice is found; the slice is the 32 images (+2 standard deviations) or
  the 64 images (+1) that are nearest to a random image; prompts have no effect
- bias: the images of one kind get 8 extra points: the kind's share of the best tenth, divided by its share of all
  images; and the share of faithful images in the best tenth without extra points.  Both are measured with the raw
  score, with scores corrected by category, and with scores corrected by difficulty
- picks: the number of prompts whose best image is faithful; the share of faithful images among the picks of the
  strategy category-slices
--vectors: real vectors [n, d]; prints the sizes of goldpan's categories for them.
The samples stay in DIR (default: a temporary folder) and are used again.  Needs NumPy, Pillow and pycairo.
"""
import argparse
import collections
import csv
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

import numpy as np

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EFFECTS = (0, 0.2, 0.4, 0.6, 0.8)
SCALES = {"raw": (), "corrected": ("--by", "corrected"), "difficulty": ("--by", "difficulty")}


def adjusted_rand(a, b):
    """The adjusted Rand index (Hubert and Arabie 1985)."""
    pairs = lambda counts: sum(n * (n - 1) / 2 for n in counts.values())
    both, x, y = pairs(collections.Counter(zip(a, b))), pairs(collections.Counter(a)), pairs(collections.Counter(b))
    chance = x * y / (len(a) * (len(a) - 1) / 2)
    return (both - chance) / ((x + y) / 2 - chance)


def kind_of(path):
    return path.split("/")[-2]


class Sample:
    """A synthetic sample and its catalog."""

    def __init__(self, goldpan, model, seed, prompts, work):
        self.goldpan, self.seed, self.work = goldpan, seed, work
        self.folder, self.base = os.path.join(work, "s%d" % seed), os.path.join(work, "s%d.db" % seed)
        if not os.path.exists(os.path.join(self.folder, "answers.csv")):
            draw = os.path.join(SOURCE, "tools", "drawn_world", "sample.py")
            subprocess.run([sys.executable, draw, self.folder, str(seed), str(prompts), "256"], check=True, stdout=subprocess.DEVNULL)
        if os.path.exists(self.base):
            os.remove(self.base)
        self.run("run", self.folder, "--model", model, "--catalog", self.base, "--no-sheet", "--precision", "fp32")
        with open(os.path.join(self.folder, "answers.csv"), encoding="utf-8") as file:
            self.right = {row["file"]: row["flaw"] == "" for row in csv.DictReader(file)}
        catalog = sqlite3.connect(self.base)
        self.rows = catalog.execute("SELECT path, category, image, score FROM v_standings ORDER BY path").fetchall()
        self.scores = catalog.execute("SELECT value, image, prompt FROM scores ORDER BY prompt, image").fetchall()
        vectors = dict(catalog.execute("SELECT image, vector FROM image_embeddings").fetchall())
        self.vectors = np.array([np.frombuffer(vectors[i], "<f4") for _, i, _ in self.scores])
        catalog.close()
        self.kinds = {image: kind_of(path) for path, _, image, _ in self.rows}

    def run(self, *args):
        done = subprocess.run([self.goldpan, *map(str, args)], capture_output=True, text=True)
        if done.returncode not in (0, 4):
            raise SystemExit("goldpan %s: %s" % (args[0], done.stderr))
        return done.stdout

    def found_in(self, scores):
        """Returns the significant slices over all images for these scores, and the catalog that contains them."""
        path = os.path.join(self.work, "copy-%d.db" % os.getpid())
        shutil.copy(self.base, path)
        catalog = sqlite3.connect(path)
        catalog.executemany("UPDATE scores SET value = ? WHERE image = ? AND prompt = ?", scores)
        catalog.commit()
        catalog.close()
        out = json.loads(self.run("slices", "--catalog", path, "--no-map", "--no-duplicates", "--json"))
        return [s for s in out["slices"] if s["category"] is None], path

    def categories(self):
        share = max(collections.Counter(c for _, c, _, _ in self.rows).values()) / len(self.rows)
        return adjusted_rand([kind_of(p) for p, _, _, _ in self.rows], [c for _, c, _, _ in self.rows]), share

    def is_false(self, effect, table):
        rng, of = random.Random(table * 1000 + self.seed), {}
        scores = [(25 + of.setdefault(p, rng.gauss(0, effect**0.5)) + rng.gauss(0, (1 - effect) ** 0.5), i, p) for _, i, p in self.scores]
        return bool(self.found_in(scores)[0])

    def power(self, images, shift, tables):
        """Returns the number of tables in which a slice of images is reported, and the share of its images that were
        planted."""
        found, shares = 0, []
        for table in range(tables):
            rng = random.Random(table * 7919 + self.seed)
            near = ((self.vectors - self.vectors[rng.randrange(len(self.vectors))]) ** 2).sum(axis=1).argsort()[:images]
            planted = {self.scores[k][1] for k in near}
            slices, _ = self.found_in([(25 + rng.gauss(0, 1) + shift * (i in planted), i, p) for _, i, p in self.scores])
            paths = {path: image for path, _, image, _ in self.rows}
            shown = {paths[path] for s in slices if s["space"] == "images" for path in s["images"]}
            found += len(shown & planted) > 0
            shares += [len(shown & planted) / len(shown)] if shown else []
        return found, statistics.mean(shares) if shares else float("nan")

    def best(self, path, *by):
        best = json.loads(self.run("pick", "--catalog", path, "--per-prompt", "0", "--top", len(self.rows) // 10, "--json", *by))["picks"]
        return [pick["path"] for pick in best]

    def bias(self):
        """Returns, for each scale: each kind's share of the best tenth when its images get extra points, divided by its
        share of all images; and the share of faithful images in the best tenth when no image gets extra points."""
        shares = {name: [] for name in SCALES}
        count = collections.Counter(self.kinds.values())
        for favourite in sorted(count):
            _, path = self.found_in([(v + 8 * (self.kinds[i] == favourite), i, p) for v, i, p in self.scores])
            for name, by in SCALES.items():
                best = self.best(path, *by)
                shares[name].append(sum(kind_of(p) == favourite for p in best) / len(best) / (count[favourite] / len(self.rows)))
        right = {name: self.faithful(self.best(self.base, *by)) for name, by in SCALES.items()}
        return shares, right

    def faithful(self, paths):
        return sum(self.right["/".join(p.split("/")[-2:])] for p in paths) / max(len(paths), 1)

    def picks(self):
        path = os.path.join(self.work, "copy-%d.db" % os.getpid())
        shutil.copy(self.base, path)
        out = {}
        for name, args in (("each prompt", ()), ("category-slices", ("--strategy", "category-slices"))):
            out[name] = self.faithful([p["path"] for p in json.loads(self.run("pick", "--catalog", path, "--json", *args))["picks"]])
        return out


def real_vectors(goldpan, path, work):
    """Returns the shares of the categories on real vectors.  Each vector belongs to a small image; `add
    --embeddings` imports the vectors."""
    from PIL import Image
    x = np.load(path).astype("<f4")
    folder, catalog = os.path.join(work, "real"), os.path.join(work, "real.db")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    table, array = os.path.join(work, "real.csv"), os.path.join(work, "real.npy")
    np.save(array, x / np.linalg.norm(x, axis=1, keepdims=True))
    with open(table, "w", encoding="utf-8") as file:
        file.write("file,prompt,score\n")
        for i in range(len(x)):
            name = "%05d.png" % i
            Image.new("RGB", (8, 8), (i % 251, i // 251 % 251, i // 63001)).save(os.path.join(folder, name))
            file.write("%s,row %d,%d\n" % (name, i, 25 + i % 7))
    if os.path.exists(catalog):
        os.remove(catalog)
    run = lambda *args: subprocess.run([goldpan, *args], capture_output=True, text=True, check=False)
    run("add", folder, "--table", table, "--embeddings", array, "--score-column", "score", "--catalog", catalog)
    run("slices", "--catalog", catalog, "--no-map", "--no-duplicates")
    categories = json.loads(run("categories", "--catalog", catalog, "--json").stdout)
    sizes = [c["support"] for c in categories["categories"]]
    print("\n%s: %d categories, largest %.0f %%, smallest %d rows, cohesion %.2f"
          % (os.path.basename(path), len(sizes), 100 * max(sizes) / sum(sizes), min(sizes), categories["cohesion"]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("goldpan")
    parser.add_argument("model")
    parser.add_argument("--seeds", default=",".join(str(s) for s in range(1001, 1011)))
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--tables", type=int, default=200)
    parser.add_argument("--work")
    parser.add_argument("--vectors", action="append", default=[])
    args = parser.parse_args()
    goldpan, model = os.path.abspath(args.goldpan), os.path.abspath(args.model)
    work = args.work or tempfile.mkdtemp(prefix="goldpan-judgement-")
    os.makedirs(work, exist_ok=True)
    seeds = [int(s) for s in args.seeds.split(",")]
    each = max(1, args.tables // len(seeds))
    planted = max(1, each * 2 // 5)
    false, found, right = collections.Counter(), collections.Counter(), collections.defaultdict(list)
    print("| seed | ARI | largest | %s | %s | of each prompt | category-slices |\n%s"
          % (" | ".join("liked kind, " + name for name in SCALES), " | ".join("best tenth, " + name for name in SCALES), "|---" * 11 + "|"))
    for seed in seeds:
        s = Sample(goldpan, model, seed, args.prompts, work)
        index, share = s.categories()
        shares, best = s.bias()
        picks = s.picks()
        liked = ["%.1f (%.1f)" % (statistics.mean(shares[name]), max(shares[name])) for name in SCALES]
        right_of = ["%.1f %%" % (100 * part) for part in (*best.values(), picks["each prompt"], picks["category-slices"])]
        print("| %d | %.2f | %.0f %% | %s |" % (seed, index, 100 * share, " | ".join(liked + right_of)), flush=True)
        for effect in EFFECTS:
            false[effect] += sum(s.is_false(effect, t) for t in range(each))
        for images, shift in ((32, 2), (64, 1)):
            n, share = s.power(images, shift, planted)
            found[images] += n
            right[images].append(share)
    print("\n| effect of the prompts | data sets with a false slice, of %d |\n|---|---|" % (each * len(seeds)))
    for effect in EFFECTS:
        print("| %.0f %% | %d |" % (100 * effect, false[effect]))
    print("\n| planted | found, of %d | share of planted images among the images of the found slices |\n|---|---|---|" % (planted * len(seeds)))
    for images, shift in ((32, 2), (64, 1)):
        print("| %d images at +%d standard deviations | %d | %.0f %% |" % (images, shift, found[images], 100 * statistics.mean(right[images])))
    for path in args.vectors:
        real_vectors(goldpan, path, work)
    if not args.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
