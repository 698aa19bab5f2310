#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a folder of very many small images: make.py FOLDER COUNT [--side PIXELS] [--distinct N] [--prompts N]

Makes PNGs in folders of 1,000, each with prompt, seed and steps in AUTOMATIC1111's format, so that no two files are
equal (with --distinct N there are only N different contents).  A file uses one block of the disk: a million files use
4 GB and a million inodes.  The script checks for this space before it writes anything."""
import argparse
import os
import struct
import sys
import zlib

SUBJECTS = "a red fox,an old harbour,three paper boats,a lighthouse,a bowl of cherries,a glass city,two owls,a quiet street"
STYLES = "oil painting,watercolour,photograph,pencil drawing,at night,in the snow,seen from above,in fog"
IN_A_FOLDER = 1000


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def prompt(i, prompts):
    subjects, styles = SUBJECTS.split(","), STYLES.split(",")
    i %= prompts
    return "%s, %s, number %d" % (subjects[i % 8], styles[i // 8 % 8], i)


def picture(i, side, prompts):
    """Returns the PNG file of image i: one colour and four shades of it, which depend on i."""
    colour = bytes((i * 37 % 256, i // 256 * 53 % 256, i // 65536 * 91 % 256))
    rows = b"".join(b"\0" + colour * (side - side // 4) + bytes(c ^ (y * 4 // side * 64) for c in colour) * (side // 4)
                    for y in range(side))
    text = "parameters\0%s\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: %d, Size: %dx%d" % (
        prompt(i, prompts), i, side, side)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"tEXt", text.encode()) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("count", type=int)
    parser.add_argument("--side", type=int, default=4)
    parser.add_argument("--distinct", type=int, default=0, help="contents; 0: all differ")
    parser.add_argument("--prompts", type=int, default=0, help="distinct prompts; 0: a quarter of the pictures")
    args = parser.parse_args()
    prompts = args.prompts or max(1, args.count // 4)
    os.makedirs(args.folder, exist_ok=True)
    disk = os.statvfs(args.folder)
    bytes_each = max(disk.f_frsize, len(picture(0, args.side, prompts)))
    if disk.f_favail < 1.1 * args.count or disk.f_bavail * disk.f_frsize < 1.1 * args.count * bytes_each:
        sys.exit("make.py: too little room on the disk of '%s' for %d files" % (args.folder, args.count))
    for i in range(args.count):
        if i % IN_A_FOLDER == 0:
            inner = os.path.join(args.folder, "%05d" % (i // IN_A_FOLDER))
            os.makedirs(inner, exist_ok=True)
        with open(os.path.join(inner, "%07d.png" % i), "wb") as file:
            file.write(picture(i % args.distinct if args.distinct else i, args.side, prompts))


main()
