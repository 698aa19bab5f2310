#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures how many images adaptive generation saves, with the drawn world of the test generator and the bundled
model.

    python3 bench/generate/adaptive.py GOLDPAN [--prompts 120] [--most 12] [--seed 1] [GAIN...]

Runs with a fixed number of images per prompt show how the mean best score grows with this number.  Each adaptive run
with a --min-gain is one point.  For each point the output shows how many images per prompt a fixed number needs for the
same mean best score (interpolated linearly), and the share of images that is saved."""
import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("goldpan")
parser.add_argument("gains", nargs="*", type=float, default=[0.2, 0.1, 0.05, 0.03])
for name, value in (("prompts", 120), ("most", 12), ("seed", 1)):
    parser.add_argument("--" + name, type=int, default=value)
args = parser.parse_args()
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
tool = os.path.join(root, "tools", "generator.py")


def captions(n):
    """Returns n prompts: the prompts of the sample, then new prompts that combine the words of two prompts of the
    sample."""
    with open(os.path.join(root, "sample", "drawn-world", "answers.csv"), encoding="utf-8") as file:
        lines = sorted({line.split(",")[1] for line in file.read().splitlines()[1:]})
    colors = "red orange yellow green blue purple pink brown white black gray".split()
    chance, out = random.Random(args.seed), list(lines)
    while len(out) < n:
        words = chance.choice(lines).split()
        other = " ".join(chance.choice(colors) if w in colors else w for w in words)
        if other not in out:
            out.append(other)
    return out[:n]


def run(url, folder, *more):
    done = subprocess.run([args.goldpan, "generate", os.path.join(home, "prompts.txt"), "-b", url, "--protocol", "a1111", "-o", folder,
                           "-n", str(args.most), "-W", "128", "-H", "128", "--seed", str(args.seed), "--score", "--model",
                           os.path.join(root, "models", "drawn-world-mini"), "--json", "-q", *more], check=True, capture_output=True, text=True)
    rows = sqlite3.connect(os.path.join(folder, ".goldpan", "catalog.db")).execute(
        "SELECT g.prompt, g.number, s.value FROM generations g JOIN scores s ON s.image = g.image").fetchall()
    scores = {}
    for prompt, number, value in rows:
        scores.setdefault(prompt, {})[number] = value
    return json.loads(done.stdout), scores


def mean(values):
    values = list(values)
    return sum(values) / len(values)


with tempfile.TemporaryDirectory() as home:
    with open(os.path.join(home, "prompts.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(captions(args.prompts)) + "\n")
    server = subprocess.Popen([sys.executable, tool, "serve"], stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().strip()
    try:
        _, fixed = run(url, os.path.join(home, "fixed"))
        curve = [mean(max(s[i] for i in range(k)) for s in fixed.values()) for k in range(1, args.most + 1)]
        print("fixed N, mean best:", " ".join("%d: %.2f" % (k + 1, b) for k, b in enumerate(curve)))
        for gain in args.gains:
            said, scores = run(url, os.path.join(home, "gain-%g" % gain), "--adaptive", "--min-gain", str(gain))
            best, used = mean(max(s.values()) for s in scores.values()), sum(map(len, scores.values())) / len(scores)
            k = next((k for k, b in enumerate(curve) if b >= best), None)
            if k is None:
                print("min-gain %-5g %.2f pictures a prompt: mean best %.2f, more than %d of each give" % (gain, used, best, args.most))
                continue
            needed = k + 1 if k == 0 else k + (best - curve[k - 1]) / (curve[k] - curve[k - 1])
            print("min-gain %-5g %.2f pictures a prompt in %d rounds: mean best %.2f, for which a fixed N takes %.2f: %.0f %% fewer" % (
                gain, used, said["rounds"], best, needed, 100 * (1 - used / needed)))
    finally:
        server.kill()
