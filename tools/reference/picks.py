# SPDX-License-Identifier: MIT
"""Golden values for picking: corrections of scores by group, and greedy selections with the optimum by brute force.

picks.json   tests/golden/analyze/picks: one object
    within       60 scores in 5 groups, with ties: z by the sample deviation (numpy), mid-rank percentile (scipy)
    shrinkage    three sets of groups: random effects by DerSimonian and Laird (statsmodels' combine_effects)
    choices      two sets of unit vectors: greedy MMR, facility location, facility location with demand and bonus, at
                 most one row of a duplicate group; each step compares all rows, and the optimum of the small case is
                 found by trying all sets

Numbers come from splitmix64 of a seed; approximately normal numbers are sums of twelve uniform numbers, so that they do
not depend on the math library.
"""
import itertools
import json
import math
import warnings

import numpy as np

from .common import GOLDEN, different, verdict

HERE = GOLDEN / "analyze" / "picks"
SEED = 100000


# ---- numbers ------------------------------------------------------------------------------------------------------

def splitmix(seed: int, n: int) -> np.ndarray:
    u64 = np.uint64
    with np.errstate(over="ignore"):
        z = u64(seed) + np.arange(1, n + 1, dtype=u64) * u64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> u64(30))) * u64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> u64(27))) * u64(0x94D049BB133111EB)
        return z ^ (z >> u64(31))


def normal(seed: int, n: int) -> np.ndarray:
    u, s = (splitmix(seed, 12 * n) >> np.uint64(11)).astype(np.float64) / 2.0**53, np.zeros(n)
    for j in range(12):
        s += u[j::12]
    return s - 6.0


def below(seed: int, n: int, k: int) -> np.ndarray:
    return (splitmix(seed, n) % np.uint64(k)).astype(np.int64)


def unit_mixture(seed: int, n: int, d: int, k: int, spread: float) -> np.ndarray:
    """Returns float32 [n, d]: rows around k centres, of length 1."""
    centre = normal(seed, k * d).reshape(k, d)
    x = (centre[below(seed + 1, n, k)] + spread * normal(seed + 2, n * d).reshape(n, d)).astype(np.float32).astype(np.float64)
    return (x / np.sqrt((x * x).sum(1, keepdims=True))).astype(np.float32)


# ---- corrections --------------------------------------------------------------------------------------------------

def within() -> dict:
    from scipy.stats import rankdata
    g = below(SEED + 640, 60, 5)
    s = np.round(26 + 2 * normal(SEED + 641, 60), 4)
    s[:4] = s[0]
    z, percentile = np.zeros(60), np.zeros(60)
    for c in range(5):
        m = g == c
        z[m] = (s[m] - s[m].mean()) / s[m].std(ddof=1)
        percentile[m] = 100 * (rankdata(s[m], method="average") - 0.5) / m.sum()
    return {"group": g.tolist(), "score": s.tolist(), "z": z.tolist(), "percentile": percentile.tolist(),
            "deviation": [float(s[g == c].std(ddof=1)) for c in range(5)]}


def shrinkage() -> list:
    from statsmodels.stats.meta_analysis import combine_effects
    out = []
    for case, (k, tau, least, most) in enumerate(((8, 1.5, 3, 40), (12, 0.0, 2, 9), (30, 0.6, 2, 60))):
        seed = SEED + 560 + 10 * case
        n = least + below(seed, k, most - least + 1)
        group = np.repeat(np.arange(k), n)
        score = (26 + tau * normal(seed + 1, k))[group] + 2.0 * normal(seed + 2, len(group))
        mean = np.array([score[group == g].mean() for g in range(k)])
        pooled = ((score - mean[group]) ** 2).sum() / (len(group) - k)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            r = combine_effects(mean, pooled / n, method_re="dl")
        t2, v = max(0.0, float(r.tau2)), pooled / n
        weight, centre = t2 / (t2 + v), float((mean / (t2 + v)).sum() / (1 / (t2 + v)).sum())
        if r.tau2 > 0:
            assert abs(centre - r.mean_effect_re) < 1e-9
        out.append({"group": group.tolist(), "score": score.tolist(), "between": t2, "centre": centre, "weight": weight.tolist(),
                    "shrunken": (centre + weight * (mean - centre)).tolist()})
    return out


# ---- choices ------------------------------------------------------------------------------------------------------

def greedy(n: int, k: int, value, allowed=lambda i, chosen: True) -> tuple:
    """Selects k rows, comparing all rows at each step.  Values that are equal to twelve places count as equal: the
    smaller row wins.  Returns rows and their values."""
    chosen, values = [], []
    for _ in range(k):
        v = np.array([-np.inf if i in chosen or not allowed(i, chosen) else value(i, chosen) for i in range(n)])
        if v.max() == -np.inf:
            break
        i = int(np.argmax(np.round(v, 12)))
        chosen.append(i), values.append(float(v[i]))
    return chosen, values


def location(n: int, k: int, of) -> dict:
    """Returns the greedy selection for the set function `of`, and the best set if all sets can be tried."""
    chosen, gains = greedy(n, k, lambda i, c: of(c + [i]) - of(c))
    r = {"picks": chosen, "gains": gains, "value": of(chosen)}
    if n <= 12:
        best = max((list(s) for s in itertools.combinations(range(n), k)), key=of)
        r |= {"optimum": best, "optimum_value": of(best)}
        assert r["value"] >= (1 - 1 / math.e) * r["optimum_value"]
    return r


def choice(n: int, k: int) -> dict:
    x = unit_mixture(SEED + 610 + n, n, 6, 5, 0.3)
    sim = np.round(x.astype(np.float64) @ x.astype(np.float64).T, 6)
    np.fill_diagonal(sim, 1.0)
    worth = np.round(25 + 3 * normal(SEED + 611 + n, n), 4)
    r01 = (worth - worth.min()) / (worth.max() - worth.min())
    groups, cover = below(SEED + 612 + n, n, n // 2), np.maximum(sim, 0)
    mmr = lambda b: lambda i, c: b * r01[i] - (1 - b) * (max(sim[i, j] for j in c) if c else 0.0)
    weight = np.round(r01 + 0.1, 6)
    total = lambda s: float(cover[s].max(0).sum()) if s else 0.0
    weighted = lambda s: float((weight * cover[s].max(0)).sum() + 2.0 * r01[s].sum()) if s else 0.0
    other = lambda i, c: groups[i] not in groups[c]
    return {"n": n, "k": k, "vectors": [float(v) for v in x.reshape(-1)], "likeness": cover.reshape(-1).tolist(), "worth": worth.tolist(), "groups": groups.tolist(),
            "mmr": [{"balance": b, "picks": p, "values": v} for b in (1.0, 0.7, 0.5, 0.2) for p, v in [greedy(n, k, mmr(b))]],
            "mmr_one_of_group": {"balance": 0.7, "picks": greedy(n, k, mmr(0.7), other)[0]},
            "facility": location(n, k, total), "weighted": {"demand": weight.tolist(), "bonus": (2.0 * r01).tolist()} | location(n, k, weighted)}


def made() -> dict:
    return {"within": within(), "shrinkage": shrinkage(), "choices": [choice(12, 4), choice(30, 8)]}


def apart(old, new, name: str = ""):
    """Like common.different, but numbers may differ by rounding errors, because numpy may add in another order on
    another machine."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for k in old:
            yield from apart(old[k], new[k], f"{name} {k}".strip())
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (a, b) in enumerate(zip(old, new)):
            yield from apart(a, b, f"{name}[{i}]")
    elif not (isinstance(old, float) and isinstance(new, float) and abs(old - new) <= 1e-9 * max(1.0, abs(old))):
        yield from different(old, new, name)


def run(args) -> int:
    path, new = HERE / "picks.json", made()
    if args.check:
        bad = list(apart(json.loads(path.read_text("ascii")), json.loads(json.dumps(new))))
        return verdict("picks", "corrections by scipy and statsmodels, greedy choices by trying all rows", bad)
    HERE.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in new.items()) + "\n}\n", "ascii")
    print(f"picks: {path.stat().st_size} bytes written")
    return 0
