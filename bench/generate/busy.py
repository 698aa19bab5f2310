#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures how busy goldpan keeps a generator: the share of the time in which the test generator (tools/generator.py)
draws.

    python3 bench/generate/busy.py GOLDPAN [--images 1000] [--seconds 0.05] [--protocol comfyui]

Each image takes --seconds plus the time to draw it.  The measurement begins with the first image and
ends with the last.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
from generator import protocols, server  # noqa: E402

GRAPH = {
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "drawn-world.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "x", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "3": {"class_type": "KSampler", "inputs": {
        "model": ["4", 0], "seed": 0, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal",
        "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0], "denoise": 1.0}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "g"}}}


class Busy:
    """Returns the start of the first job, the end of the last job, and the sum of the times of all jobs."""

    def __init__(self):
        self.begin = self.end = None
        self.sum, self.jobs = 0.0, 0

    def watch(self, job):
        def watched():
            begin = time.monotonic()
            job()
            self.end = time.monotonic()
            self.begin = self.begin or begin
            self.sum += self.end - begin
            self.jobs += 1
        return watched


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goldpan")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--protocol", default="comfyui", choices=("comfyui", "sdcpp"))
    args = parser.parse_args()
    busy, put = Busy(), protocols.Jobs.put
    protocols.Jobs.put = lambda self, job: put(self, busy.watch(job))
    running = server.Server(server.Options(latency=args.seconds), 0)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        graph, prompts = os.path.join(home, "graph.json"), os.path.join(home, "prompts.txt")
        with open(graph, "w") as file:
            json.dump(GRAPH, file)
        with open(prompts, "w") as file:
            file.writelines("a red cat on a beach, number %d\n" % i for i in range(args.images))
        more = ["--workflow", graph] if args.protocol == "comfyui" else []
        subprocess.run([args.goldpan, "generate", prompts, "-n", "1", "-b", "http://127.0.0.1:%d" % running.world.port, "--protocol", args.protocol,
                        "-W", "64", "-H", "64", "-o", os.path.join(home, "out"), *more], check=True)
    span = busy.end - busy.begin
    print("%s: %d images of %g s in %.1f s: the generator draws %.1f %% of the time" % (
        args.protocol, busy.jobs, args.seconds, span, 100 * busy.sum / span))


if __name__ == "__main__":
    main()
