#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares neighbours, clusters and maps of goldpan with other packages, in turn, on the same vectors; prints ratios.

    python3 bench/peers/analyze.py GOLDPAN [--rows 100000] [--width 512] [--k 15] [--threads 2] [--rounds 2] [WHAT...]

WHAT: faiss (IndexFlatIP), sklearn (brute, cosine), umap, hdbscan (it takes a minute with --rows 20000 --width 64), hnne
(hierarchy and layout).  Needs numpy and faiss-cpu, scikit-learn, umap-learn, hdbscan, hnne (PyPI).
The vectors are a seeded mixture of nested clusters, scaled to length 1, similar to image embeddings."""
import argparse
import os
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("goldpan")
parser.add_argument("what", nargs="*", default=["faiss", "sklearn", "umap"])
for name, value in (("rows", 100000), ("width", 512), ("k", 15), ("threads", 2), ("rounds", 2)):
    parser.add_argument("--" + name, type=int, default=value)
args = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = str(args.threads)

import numpy as np


def vectors(n, d):
    rng = np.random.default_rng(3)
    top = rng.normal(size=(24, d)) * 0.5
    sub = top[rng.integers(0, 24, 600)] + rng.normal(size=(600, d)) * 0.35
    x = sub[rng.integers(0, 600, n)] + rng.normal(size=(n, d)) * 0.25 + rng.normal(size=d) * 0.8
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def faiss(x):
    import faiss as library
    library.omp_set_num_threads(args.threads)
    index = library.IndexFlatIP(x.shape[1])
    index.add(x)
    index.search(x, args.k + 1)


def sklearn(x):
    from sklearn.neighbors import NearestNeighbors
    NearestNeighbors(n_neighbors=args.k + 1, algorithm="brute", metric="cosine", n_jobs=args.threads).fit(x).kneighbors(x)


def umap(x):
    import umap as library
    library.UMAP(n_neighbors=args.k, metric="cosine", n_jobs=args.threads).fit_transform(x)


def hdbscan(x):
    import hdbscan as library
    library.HDBSCAN(min_cluster_size=5, core_dist_n_jobs=args.threads).fit(x)


def hnne(x):
    import hnne as library
    library.HNNE().fit_transform(x)


def seconds(work, *given):
    start = time.time()
    work(*given)
    return time.time() - start


def goldpan(*words):
    subprocess.run([args.goldpan, *words, "--threads", str(args.threads), "-q"], check=True)


with tempfile.TemporaryDirectory() as folder:
    path, x = os.path.join(folder, "x.npy"), vectors(args.rows, args.width)
    np.save(path, x)
    for what in args.what:
        peer = {"faiss": faiss, "sklearn": sklearn, "umap": umap, "hdbscan": hdbscan, "hnne": hnne}[what]
        if what in ("umap", "hdbscan", "hnne"):
            peer(x[:300])  # compile before the measurement starts
        for _ in range(args.rounds):
            if what == "umap":
                ours = seconds(goldpan, "map", "--vectors", path, "-k", str(args.k), "--out", os.path.join(folder, "map.npy"), "--force")
            elif what == "hnne":
                ours = seconds(goldpan, "map", "--method", "hnne", "--vectors", path, "--out", os.path.join(folder, "map.npy"), "--force")
            elif what == "hdbscan":
                ours = seconds(goldpan, "cluster", "--method", "hdbscan", "--metric", "euclidean", "--vectors", path, "--out", os.path.join(folder, "labels.npy"), "--force")
            else:
                ours = seconds(goldpan, "neighbours", "--vectors", path, "-k", str(args.k), "--out", os.path.join(folder, "near"), "--force")
            theirs = seconds(peer, x)
            print("%-8s %8.1f s   goldpan %8.1f s   ratio %.2f" % (what, theirs, ours, theirs / ours), flush=True)
