# SPDX-License-Identifier: MIT
"""Golden values for the analysis: hierarchies, densities, maps and slices of the small sets in
tests/golden/analyze/sets.

hnne/       partitions and layouts                       hnne 1.0.2 (its PCA exact, not randomised)
hdbscan/    condensed trees, labels, strengths, outliers hdbscan's own compiled steps over exact distances: Prim from row 0,
                                                         ties to the smaller row, a stable sort by weight
umap/       sigmas, rhos, fuzzy graphs, spectral starts  umap-learn, from exact neighbours
slices/     cases.tsv: what sliceguard 0.0.35 reports    checked by a simple implementation of its rules (by_rules),
                                                         with the committed partitions and table

The sets are seeded mixtures and lattices; this script only reads them.  It writes nothing to slices/, also without
--check, because these values were recorded from sliceguard itself.
"""
import warnings

import numpy as np

from .common import GOLDEN, verdict

warnings.filterwarnings("ignore")
HERE = GOLDEN / "analyze"


def rows(name):
    return np.load(HERE / "sets" / f"{name}.npy")


def golden(path):
    return np.load(HERE / path)


# ---- h-NNE --------------------------------------------------------------------------------------------------------

def hierarchies():
    import hnne.hierarchical_projection as projection
    import sklearn.decomposition as decomposition
    from hnne import HNNE

    class Exact(decomposition.PCA):
        def __init__(self, n_components=None, random_state=None):
            super().__init__(n_components=n_components, svd_solver="full", random_state=random_state)

    projection.PCA = Exact
    bad = []
    for file in sorted((HERE / "hnne").glob("*.partitions.npy")):
        name, metric = file.name.split(".")[:2]
        h = HNNE(metric=metric)
        layout = h.fit_transform(rows(name).astype(np.float64))
        if not np.array_equal(h.hierarchy_parameters.partitions, golden(file)):
            bad.append(file.name)
        place = HERE / "hnne" / f"{name}.{metric}.layout.npy"
        if place.exists():
            want = np.load(place)
            flip = np.array([1 if abs(layout[:, j] - want[:, j]).sum() <= abs(layout[:, j] + want[:, j]).sum() else -1 for j in (0, 1)])
            if abs(layout * flip - want).max() > 1e-6:
                bad.append(place.name)
    return bad


# ---- HDBSCAN* -----------------------------------------------------------------------------------------------------

def densities():
    from hdbscan._hdbscan_linkage import label, mst_linkage_core
    from hdbscan._hdbscan_reachability import mutual_reachability
    from hdbscan._hdbscan_tree import compute_stability, condense_tree, get_clusters, outlier_scores
    from scipy.spatial.distance import cdist
    bad, trees = [], {}
    for line in open(HERE / "hdbscan" / "runs.tsv").read().splitlines()[1:]:
        name, size, samples, leaf, epsilon, single, row = line.split("\t")
        key = f"{name}.mcs{size}_ms{samples}"
        if key not in trees:
            x = rows(name).astype(np.float64)
            spanning = mst_linkage_core(mutual_reachability(cdist(x, x), int(samples), 1.0))
            trees[key] = condense_tree(label(spanning[np.argsort(spanning[:, 2], kind="stable")]), int(size))
            c = trees[key]
            made = np.column_stack([c["parent"], c["child"], c["lambda_val"], c["child_size"]])
            if not np.allclose(made, golden(f"hdbscan/{key}.condensed.npy"), rtol=1e-12, atol=0, equal_nan=True):
                bad.append(key + ".condensed")
            place = HERE / "hdbscan" / f"{key}.outlier_scores.npy"
            with np.errstate(all="ignore"):
                if place.exists() and not np.allclose(outlier_scores(c), np.load(place), rtol=0, atol=1e-12, equal_nan=True):
                    bad.append(place.name)
        c = trees[key]
        labels, strength, _ = get_clusters(c, compute_stability(c), "leaf" if int(leaf) else "eom", bool(int(single)), False, float(epsilon))
        if not np.array_equal(labels, golden(f"hdbscan/{key}.labels.npy")[int(row)]):
            bad.append(f"{key}.labels {row}")
        place = HERE / "hdbscan" / f"{key}.probabilities.npy"
        if place.exists() and abs(strength - np.load(place)[int(row)]).max() > 1e-6:
            bad.append(f"{key}.probabilities {row}")
    return bad


# ---- UMAP ---------------------------------------------------------------------------------------------------------

def neighbours(x, k):
    """Returns ids and distances [n, k], the row itself first; of equal distances, the smaller row comes first."""
    x = x.astype(np.float64)
    ids, distances = [], []
    for i in range(len(x)):
        d = np.sqrt(((x - x[i]) ** 2).sum(1))
        d[i] = -1
        order = np.argsort(d, kind="stable")[:k]
        ids.append(order)
        distances.append(np.maximum(d[order], 0))
    return np.array(ids, np.int32), np.array(distances, np.float32)


def maps():
    import umap.umap_ as u
    bad = []
    for file in sorted((HERE / "umap").glob("*.edges.npy")):
        name, k = file.name.split(".")[0], int(file.name.split(".")[1][1:])
        x = rows(name)
        ids, distances = neighbours(x, k)
        sigma, rho = u.smooth_knn_dist(distances, float(k), local_connectivity=1.0)
        if abs(np.stack([sigma, rho], 1) - golden(f"umap/{name}.k{k}.sigmas_rhos.npy")).max() > 1e-5:
            bad.append(f"{name}.k{k}.sigmas_rhos")
        for mix in (1.0, 0.8, 0.25):
            g = u.fuzzy_simplicial_set(x, k, np.random.RandomState(0), "euclidean", knn_indices=ids, knn_dists=distances, set_op_mix_ratio=mix)[0].tocsr()
            dense = np.zeros(g.shape, np.float32)
            edges = np.load(file)
            dense[edges[:, 0], edges[:, 1]] = golden(f"umap/{name}.k{k}.weights_mix{mix}.npy")
            if abs(g.toarray() - dense).max() > 1e-6:
                bad.append(f"{name}.k{k}.weights_mix{mix}")
    return bad


# ---- sliceguard's rules -------------------------------------------------------------------------------------------

def by_rules(partitions, score, mode, min_support, min_drop, n_slices, criterion, reference, outliers):
    if min_support == 0 and np.isnan(min_drop) and n_slices == 0:
        n_slices = 20
    sign, overall, found, means = (1 if mode == "min" else -1), score.mean(), [], []
    for level in range(partitions.shape[1]):
        means.append({})
        for label in sorted(set(partitions[:, level])):
            inside = partitions[:, level] == label
            value = means[level][label] = score[inside].mean()
            against = means[level - 1][partitions[inside][0, level - 1]] if reference == "parent" and level else overall
            drop, support = sign * (value - against), int(inside.sum())
            true_drop, true_support = drop, support
            if outliers:
                d = sign * (score[inside] - overall)
                middle = np.median(d)
                spread = np.median(abs(d - middle))
                ok = (d >= middle - 2 * spread) & (d <= middle + 2 * spread)
                true_support, true_drop = int(ok.sum()), (d[ok].mean() if ok.any() else -np.inf)
            worth = {"drop": drop, "support": support, "drop*support": true_drop * true_support}[criterion]
            if (np.isnan(min_drop) or true_drop >= min_drop) and true_support >= min_support:
                found.append((worth, level, int(label), value, support, int(np.flatnonzero(inside)[0])))
    if n_slices:
        found = sorted(found, key=lambda f: -f[0])[:n_slices]
    return sorted(f[1:] for f in found)


def slices():
    import csv
    with open(HERE / "slices" / "table.csv", encoding="utf-8") as file:
        score = np.array([float(r["score"]) for r in csv.DictReader(file)])
    bad, lines = [], iter(open(HERE / "slices" / "cases.tsv").read().splitlines())
    for line in lines:
        cells = line.split("\t")
        if cells[0] != "case":
            continue
        kind, mode, support, drop, count, criterion, reference, outliers, issues = cells[1:]
        want = [next(lines).split("\t")[1:] for _ in range(int(issues))]
        partitions = golden(f"slices/{kind}.partitions.npy")
        got = by_rules(partitions.reshape(len(score), -1), score, mode, int(support), float(drop), int(count), criterion, reference, outliers == "1")
        same = len(got) == len(want) and all(int(w[0]) == g[0] and int(w[1]) == g[1] and abs(float(w[2]) - g[2]) < 1e-9 and int(w[3]) == g[3]
                                             and int(w[4]) == g[4] for w, g in zip(want, got))
        if not same:
            bad.append(line)
    return bad


def run(args) -> int:
    if not args.check:
        print("analyze: the values are recorded, not made anew; --check compares them with the packages")
        return 0
    bad = hierarchies() + densities() + maps() + slices()
    return verdict("analyze", "hierarchies, densities, graphs, slices", bad)
