# SPDX-License-Identifier: MIT
"""Corrects scores by the difficulty of their prompts in the simplest way: for each prompt, a regression without this
prompt.

difficulty.json   tests/golden/analyze/picks: three cases, by scikit-learn's Ridge with an intercept
    score        2 to 5 images a prompt; prompt: the prompt of each
    embeddings   [prompts, d] float32, of any length; the regression scales them to 1 and subtracts their mean
    press        for each penalty of the grid: sum of squares of the errors
    penalty      the penalty with the least press; predictions and corrected belong to it

The cases: more prompts than dimensions, fewer, and embeddings that say nothing about the scores.
"""
import json

import numpy as np

from .common import GOLDEN, verdict
from .picks import apart, below, normal

PATH = GOLDEN / "analyze" / "picks" / "difficulty.json"
SEED = 200000


def without_each(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    from sklearn.linear_model import Ridge
    out = np.empty(len(y))
    for i in range(len(y)):
        others = np.arange(len(y)) != i
        fitted = Ridge(alpha=penalty, fit_intercept=True, solver="svd").fit(x[others], y[others])
        out[i] = fitted.predict(x[i:i + 1])[0]
    return out


def case(number: int, prompts: int, d: int, effect: float) -> dict:
    seed = SEED + 100 * number
    raw = (1 + normal(seed, prompts * d).reshape(prompts, d)).round(5).astype(np.float32)
    x = raw.astype(np.float64)
    x /= np.sqrt((x * x).sum(1, keepdims=True))
    x -= x.mean(0)
    hard = effect * x @ normal(seed + 1, d) + normal(seed + 2, prompts)
    prompt = np.repeat(np.arange(prompts), 2 + below(seed + 3, prompts, 4))
    score = (26 + hard[prompt] + normal(seed + 4, len(prompt))).round(6)
    y = np.array([score[prompt == k].mean() for k in range(prompts)])
    grid = (x * x).sum() / prompts * 10.0 ** np.arange(-2, 6, 0.5)
    guesses = [without_each(x, y, penalty) for penalty in grid]
    press = [float(((y - g) ** 2).sum()) for g in guesses]
    best = int(np.argmin(press))
    alone = sum((y[i] - np.delete(y, i).mean()) ** 2 for i in range(prompts))
    corrected = score - guesses[best][prompt] + score.mean()
    return {"d": d, "embeddings": [float(v) for v in raw.reshape(-1)], "prompt": prompt.tolist(), "score": score.tolist(),
            "press": press, "penalty": float(grid[best]), "explained": float(1 - press[best] / alone),
            "predictions": guesses[best].tolist(), "corrected": corrected.tolist()}


def made() -> dict:
    return {"cases": [case(0, 40, 5, 3.0), case(1, 18, 30, 20.0), case(2, 25, 4, 0.0)]}


def run(args) -> int:
    new = made()
    if args.check:
        bad = list(apart(json.loads(PATH.read_text("ascii")), json.loads(json.dumps(new))))
        return verdict("difficulty", "a ridge regression by scikit-learn without each prompt", bad)
    PATH.write_text("{\"cases\": [\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in new["cases"]) + "\n]}\n", "ascii")
    print(f"difficulty: {PATH.stat().st_size} bytes written")
    return 0
