#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the archive of a release: dist.py [--out DIR] [--dirty] [--preset N]

Writes DIR/goldpan-VERSION.tar.xz and prints its path.  The archive holds the files that git tracks and the built page of
the explorer (web/dist), so only people who change the page need Node.js.  The same commit and page give the same bytes.
--dirty includes uncommitted changes."""
import argparse
import io
import os
import re
import subprocess
import sys
import tarfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def git(*words):
    run = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True)
    if run.returncode:
        sys.exit("goldpan: the archive is made from a git checkout: %s" % run.stderr.strip())
    return run.stdout


def version():
    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
        return re.search(r"version: '([^']+)'", file.read()).group(1)


def page():
    """Returns the paths of the built page, relative to the root."""
    run = subprocess.run(["sh", os.path.join(ROOT, "tools", "page.sh")], stderr=subprocess.PIPE, text=True)
    if run.returncode:
        sys.exit("goldpan: the explorer's page cannot be built: %s" % run.stderr.strip())
    found = []
    for folder, _, names in os.walk(os.path.join(ROOT, "web", "dist")):
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=ROOT)
    parser.add_argument("--dirty", action="store_true")
    parser.add_argument("--preset", type=int, default=9, help="of xz: 0 is quick")
    options = parser.parse_args()
    if not options.dirty and git("status", "--porcelain", "--untracked-files=no"):
        sys.exit("goldpan: some files are changed and not committed; commit them first (git status)")
    tracked = [name for name in git("ls-files", "-z").split("\0") if name and os.path.lexists(os.path.join(ROOT, name))]
    name = "goldpan-" + version()
    when = int(git("log", "-1", "--format=%ct"))
    path = os.path.join(options.out, name + ".tar.xz")
    with tarfile.open(path + ".part", "w:xz", preset=options.preset) as archive:
        for one in sorted(tracked + page()):
            entry = archive.gettarinfo(os.path.join(ROOT, one), name + "/" + one)
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mtime = when
            entry.mode = 0o755 if entry.mode & 0o100 else 0o644
            if entry.isfile():
                with open(os.path.join(ROOT, one), "rb") as file:
                    entry.type, entry.linkname = tarfile.REGTYPE, ""
                    data = file.read()
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
            else:
                archive.addfile(entry)
    os.replace(path + ".part", path)
    print(path)


if __name__ == "__main__":
    main()
