#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the golden values of goldpan's tests with the Python packages whose results goldpan reproduces.

    python tools/reference.py SET            make a set again, under tests/golden
    python tools/reference.py SET --check    make it again and compare it with the committed files: prints one line;
                                             exit code 1 if different
    python tools/reference.py all [--check]  every set

    images   pixels and values of the drawn pictures               Pillow, transformers' Pillow-backed processor
    tokens   ids of difficult texts, Unicode tables                     transformers, tokenizers, open_clip
    towers   small models, each with one or two special properties  [NAME ...]       transformers
    recipe   the published shapes at full size  [--all] [NAME ...]  transformers
    mini     the bundled model on the bundled sample                transformers
    score    CLIP scores of pairs                                   torchmetrics
    picks    corrected scores, greedy choices and their optimum     scipy, statsmodels
    difficulty  scores corrected by the difficulty of prompts       scikit-learn
    analyze  hierarchies, densities, maps, slices                   hnne, hdbscan, umap-learn

Only public packages are used (tools/requirements.txt has the exact versions); no part of goldpan is used, so the values
do not depend on its code.  Everything is deterministic: one thread, no random numbers but splitmix64 of a name.  After
a change of the bundled weights or the sample: `python tools/reference.py mini`.
"""
import argparse
import importlib
import subprocess
import sys
import time
from importlib.metadata import version

SETS = {"images": "pixels and values of the drawn pictures", "tokens": "ids of nasty texts, Unicode tables",
        "towers": "small models with a trap or two each", "recipe": "published shapes at full size",
        "mini": "the bundled model on the bundled sample", "score": "CLIP scores by torchmetrics",
        "picks": "corrected scores, greedy choices",
        "difficulty": "scores corrected by the difficulty of prompts", "analyze": "hierarchies, densities, maps, slices"}


def every_set(args) -> int:
    """Makes each set in its own process, so that no set depends on what another set has loaded."""
    start = time.monotonic()
    more = ["--check"] if args.check else []
    failed = [name for name in SETS if subprocess.run([sys.executable, __file__, name, *more]).returncode]
    packages = ", ".join(f"{p} {version(p)}" for p in ("transformers", "tokenizers", "torch", "torchmetrics", "pillow"))
    what = "equal to the reference" if args.check else "made"
    print(f"golden values: {len(SETS) - len(failed)} of {len(SETS)} sets {what} in {time.monotonic() - start:.0f} s ({packages})"
          + (f"; NOT {what}: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = ap.add_subparsers(dest="set", required=True)
    for name, what in (SETS | {"all": "every set"}).items():
        p = sub.add_parser(name, help=what)
        p.add_argument("--check", action="store_true", help="compare instead of writing")
        if name in ("towers", "recipe"):
            p.add_argument("names", nargs="*", metavar="NAME", help="only these models")
        if name == "recipe":
            p.add_argument("--all", action="store_true", help="all five models, as far as memory allows")
    args = ap.parse_args()
    return every_set(args) if args.set == "all" else importlib.import_module(f"reference.{args.set}").run(args)


if __name__ == "__main__":
    sys.exit(main())
