# SPDX-License-Identifier: MIT
"""Embeddings of 1,200 captions by the bundled model, and the results of hnne and hdbscan for them: real vectors that
may be distributed with the tests of the analysis.

    python -m tools.reference.captions build/src/cli/goldpan        writes sets/captions.npy (float16) and its values

tools/reference/analyze.py --check compares the values with the packages later, as for every other set.
"""
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from .common import GOLDEN, MINI

HERE = GOLDEN / "analyze"
COUNT = 1200
RUNS = ((2, 1), (5, 5), (15, 10))  # the settings of HDBSCAN: pairs of min_cluster_size and min_samples


def captions():
    rng, found = random.Random(19), {}
    words = [s.split() for s in ("one two three four five", "red green blue yellow orange purple pink brown black white", "small big striped dotted plain",
                                 "circle square triangle star heart ring cross diamond hexagon")]
    places = ("left of", "above", "below", "next to", "behind")
    while len(found) < COUNT:
        thing = " ".join(rng.choice(w) for w in words[rng.randrange(2):])
        found[rng.choice((thing, "a drawing of " + thing, f"{thing} {rng.choice(places)} {rng.choice(words[1])} {rng.choice(words[3])}"))] = None
    return list(found)


def embed(goldpan):
    with tempfile.TemporaryDirectory() as folder:
        texts, out = Path(folder) / "texts", Path(folder) / "out.npy"
        texts.write_text("".join(t + "\n" for t in captions()), "utf-8")
        subprocess.run([goldpan, "embed", "--model", str(MINI), "--texts", str(texts), "--out", str(out), "--precision", "fp32", "-q"], check=True)
        return np.load(out).astype(np.float16)


def hierarchies(x):
    import hnne.hierarchical_projection as projection
    import sklearn.decomposition as decomposition
    from hnne import HNNE

    class Exact(decomposition.PCA):
        def __init__(self, n_components=None, random_state=None):
            super().__init__(n_components=n_components, svd_solver="full", random_state=random_state)

    projection.PCA = Exact
    for metric in ("euclidean", "cosine"):
        h = HNNE(metric=metric)
        layout = h.fit_transform(x.astype(np.float64))
        np.save(HERE / "hnne" / f"captions.{metric}.partitions.npy", h.hierarchy_parameters.partitions.astype(np.int32))
        if metric == "euclidean":
            np.save(HERE / "hnne" / "captions.euclidean.layout.npy", layout)


def densities(x):
    from hdbscan._hdbscan_linkage import label, mst_linkage_core
    from hdbscan._hdbscan_reachability import mutual_reachability
    from hdbscan._hdbscan_tree import compute_stability, condense_tree, get_clusters, outlier_scores
    from scipy.spatial.distance import cdist
    x = x.astype(np.float64)
    lines = [line for line in (HERE / "hdbscan" / "runs.tsv").read_text().splitlines() if not line.startswith("captions\t")]
    for size, samples in RUNS:
        key = HERE / "hdbscan" / f"captions.mcs{size}_ms{samples}"
        spanning = mst_linkage_core(mutual_reachability(cdist(x, x), samples, 1.0))
        c = condense_tree(label(spanning[np.argsort(spanning[:, 2], kind="stable")]), size)
        labels = []
        for leaf, epsilon, single in ((0, 0.0, 0), (1, 0.0, 0), (0, 0.3, 0), (0, 0.0, 1)):
            lines.append(f"captions\t{size}\t{samples}\t{leaf}\t{epsilon}\t{single}\t{len(labels)}")
            labels.append(get_clusters(c, compute_stability(c), "leaf" if leaf else "eom", bool(single), False, epsilon)[0])
        np.save(f"{key}.condensed.npy", np.column_stack([c["parent"], c["child"], c["lambda_val"], c["child_size"]]))
        np.save(f"{key}.labels.npy", np.array(labels, np.int32))
        np.save(f"{key}.outlier_scores.npy", outlier_scores(c))
    (HERE / "hdbscan" / "runs.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    rows = embed(sys.argv[1])
    np.save(HERE / "sets" / "captions.npy", rows)
    hierarchies(rows)
    densities(rows)
