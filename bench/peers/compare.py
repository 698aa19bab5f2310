#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares goldpan with Python pipelines, from files to scores, in turn; prints ratios of medians.

    python3 bench/peers/compare.py GOLDPAN --model DIR --images DIR [--limit 64] [--rounds 3] [--avx2] [WHAT...]

WHAT: notebook torch torchvision ort openvino (files to scores), tower tower-ort tower-openvino text (one tower alone);
default: all but text.
Every round runs goldpan in fp32, bf16 (where the processor has it) and int8, then the peers (bench/peers/encode.py;
PyPI: torch, torchvision, transformers, onnxruntime, openvino, Pillow).  --avx2 disables AVX-512 in goldpan and in the
peers that have a setting for it (PyTorch, OpenVINO; not ONNX Runtime)."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NO_AVX512 = {"GOLDPAN_CPU": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2",
             "MKL_ENABLE_INSTRUCTIONS": "AVX2"}

parser = argparse.ArgumentParser()
parser.add_argument("goldpan")
parser.add_argument("what", nargs="*", default=["notebook", "torch", "torchvision", "ort", "openvino", "tower", "tower-ort", "tower-openvino"])
parser.add_argument("--model", required=True)
parser.add_argument("--images", required=True)
parser.add_argument("--limit", type=int, default=64)
parser.add_argument("--texts", help="one a line, for `text`; opening the model is not counted")
parser.add_argument("--notebook-limit", type=int, default=16, help="of the slow one: its speed does not depend on it")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--avx2", action="store_true")
args = parser.parse_args()
environment = dict(os.environ, **(NO_AVX512 if args.avx2 else {}))
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    environment.pop(name, None)
has_bf16 = not args.avx2 and any(w in open("/proc/cpuinfo").read() for w in ("avx512_bf16", "amx_bf16"))


def call(command):
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit("%s: %s" % (command[0], done.stderr.strip()[-800:]))
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(precision):
    with tempfile.TemporaryDirectory() as folder:
        report = call([args.goldpan, "run", pictures, "--prompts", os.path.join(pictures, "prompts.tsv"), "--model", args.model,
                       "--precision", precision, "--threads", str(args.threads), "--catalog", os.path.join(folder, "catalog.db"),
                       "--no-sheet", "--json", "-q"])
    done, score = report["score"]["done"], report["score"]
    return done / (report["add"]["seconds"] + score["seconds"]), done * args.threads / score["image_tower_seconds"]


def texts(precision):
    """Returns texts per second of `goldpan embed`: the time for all texts, minus the time for one text."""
    with tempfile.TemporaryDirectory() as folder:
        lines, took = open(args.texts).read().splitlines(), []
        for some in (lines[:1], lines):
            name = os.path.join(folder, "texts")
            open(name, "w").write("\n".join(some) + "\n")
            start = time.monotonic()
            call([args.goldpan, "embed", "--model", args.model, "--texts", name, "--out", os.path.join(folder, "x.npy"), "--force", "--threads",
                  str(args.threads), "--precision", precision, "--json", "-q"])
            took.append(time.monotonic() - start)
    return (len(lines) - 1) / (took[1] - took[0])


def theirs(what, precision):
    limit = args.notebook_limit if what == "notebook" else args.limit
    return call([sys.executable, os.path.join(HERE, "encode.py"), what, "--model", args.model, "--images", pictures, "--limit",
                 str(limit), "--threads", str(args.threads), "--precision", precision])["per_second"]


lines = open(os.path.join(args.images, "prompts.tsv")).read().splitlines()[:args.limit + 1]
work = tempfile.TemporaryDirectory()
pictures = work.name  # all programs get the same images: the first ones of the folder
for line in lines[1:]:
    name = line.split("\t")[0]
    os.symlink(os.path.abspath(os.path.join(args.images, name)), os.path.join(pictures, name))
with open(os.path.join(pictures, "prompts.tsv"), "w") as table:
    table.write("\n".join(lines) + "\n")
speeds = {}
for _ in range(args.rounds):
    for precision in ["fp32"] + ["bf16"] * has_bf16 + ["int8"]:
        whole, tower = ours(precision)
        speeds.setdefault(("goldpan", precision), []).append(whole)
        speeds.setdefault(("goldpan tower", precision), []).append(tower)
        if "text" in args.what:
            speeds.setdefault(("goldpan text", precision), []).append(texts(precision))
    for what in args.what:
        for precision in ["fp32"] + ["bf16"] * (has_bf16 and what in ("torch", "torchvision", "openvino", "tower", "tower-openvino", "text")):
            speeds.setdefault((what, precision), []).append(theirs(what, precision))
middle = {key: statistics.median(values) for key, values in speeds.items()}
for (what, precision), value in middle.items():
    mine = "goldpan text" if what == "text" else "goldpan tower" if what.startswith("tower") else "goldpan"
    ratios = "" if what.startswith("goldpan") else "".join(
        "   %s %.2f" % (p, middle[mine, p] / value) for p in ("fp32", "bf16", "int8") if (mine, p) in middle)
    print("%-14s %s %8.2f a second%s" % (what, precision, value, "   goldpan over it:" + ratios if ratios else ""), flush=True)
