#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares goldpan watch with goldpan run on 1,000 images of the sample that are written at once, and measures the time
from writing an image until its score is printed.

bench/watch.py GOLDPAN (docs/performance.md, "Watching")"""
import glob
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

GOLDPAN = os.path.abspath(sys.argv[1])
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENV = dict(os.environ, GOLDPAN_DATA=SOURCE, GOLDPAN_MODEL="drawn-world-mini")
# the shapes have no black image, which would get no score
SAMPLE = sorted(glob.glob(os.path.join(SOURCE, "sample", "drawn-world", "shapes", "*.png")))
COUNT, LATER = 1000, 10


def vary(number):
    """Returns the bytes of an image of the sample with another text chunk, so that goldpan takes it as a new image."""
    with open(SAMPLE[number % len(SAMPLE)], "rb") as file:
        data = file.read()
    chunk = b"tEXtcopy\0%d" % number
    return data[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]


def write(folder, numbers):
    for number in numbers:
        with open(os.path.join(folder, "%05d.png" % number), "wb") as file:
            file.write(vary(number))


def cpu():
    times = os.times()
    return times.children_user + times.children_system


def main():
    folder = tempfile.mkdtemp()
    still, live = os.path.join(folder, "still"), os.path.join(folder, "live")
    os.mkdir(still)
    os.mkdir(live)
    write(still, range(COUNT))
    spent, begun = cpu(), time.monotonic()
    subprocess.run([GOLDPAN, "run", still, "--no-analysis", "--no-sheet", "-q"], env=ENV, stdout=subprocess.DEVNULL, check=True)
    run, run_cpu = time.monotonic() - begun, cpu() - spent
    spent = cpu()
    watch = subprocess.Popen([GOLDPAN, "watch", live, "--json"], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "watching for" not in watch.stderr.readline():
        pass
    begun = time.monotonic()
    write(live, range(COUNT))
    for _ in range(COUNT):
        watch.stdout.readline()
    watched = time.monotonic() - begun
    delays = []
    for number in range(COUNT, COUNT + LATER):
        begun = time.monotonic()
        write(live, [number])
        watch.stdout.readline()
        delays.append(time.monotonic() - begun)
    watch.terminate()
    watch.communicate()
    delays.sort()
    print("run    %.2f s, CPU %.2f s" % (run, run_cpu))
    print("watch  %.2f s, CPU %.2f s (with the %d later images)" % (watched, cpu() - spent, LATER))
    print("from writing an image to its score: median %.2f s, longest %.2f s" % (delays[len(delays) // 2], delays[-1]))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
