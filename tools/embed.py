#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the explorer's page as a C table (src/report/page.h): embed.py --web DIR --out FILE.c [--depfile FILE] [--mode auto|enabled|disabled]

Builds the page with tools/page.sh.  --mode auto: uses a page that states the reason if Node.js or the npm packages are
missing; enabled: fails then; disabled: does not build the page.  An error in the page's sources always fails.
Files are packed with gzip where that is smaller by a tenth.  The same page gives the same bytes."""
import argparse
import gzip
import html
import os
import subprocess
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".jpg": "image/jpeg",
         ".json": "application/json", ".woff2": "font/woff2", ".wasm": "application/wasm", ".txt": "text/plain; charset=utf-8",
         ".webmanifest": "application/manifest+json"}
NO_NODE, NO_PACKAGES = 3, 4  # exit codes of tools/page.sh
ABSENT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>goldpan: the page was not built</title></head>
<body><h1>The page was not built</h1>
<p>The reason: %s.</p>
<p>The explorer's page needs Node.js (18 or newer) and npm, which must be able to fetch packages. Install them, then build
again: <code>make</code>. On Debian: <code>apt-get install nodejs npm</code>.</p>
<p>The server itself works: its data is at <a href="data/catalog.json">data/catalog.json</a>.</p></body></html>
"""


def sources(web):
    """Returns the files that the page is built from, and their folders, so that Ninja notices a new file."""
    found = []
    for folder, inner, names in os.walk(web):
        inner[:] = sorted(d for d in inner if d not in ("node_modules", "dist") and not d.startswith("tests"))
        if folder != web:
            found.append(folder)
        found += [os.path.join(folder, n) for n in sorted(names) if not n.startswith(".") and not n.endswith(".log")]
    return found


def built(web, mode):
    """Returns ({name: bytes} of the page, ""), or (None, why there is no page)."""
    if mode == "disabled":
        return None, "the option -Dpage=disabled"
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.sh")
    run = subprocess.run(["sh", script], stderr=subprocess.PIPE, text=True)
    if run.returncode:
        print("goldpan: the explorer's page was not built: %s" % run.stderr.strip(), file=sys.stderr)
        if mode == "enabled" or run.returncode not in (NO_NODE, NO_PACKAGES):
            sys.exit(1)
        return None, run.stderr.strip()
    dist, files = os.path.join(web, "dist"), {}
    for folder, _, names in os.walk(dist):
        for name in names:
            path = os.path.join(folder, name)
            if not name.startswith("."):
                with open(path, "rb") as file:
                    files[os.path.relpath(path, dist).replace(os.sep, "/")] = file.read()
    return files, ""


def table(files):
    lines = ["/* SPDX-License-Identifier: MIT", " * Made by tools/embed.py from web/dist; not for editing. */", '#include "report/page.h"', ""]
    rows = []
    for number, (name, data) in enumerate(sorted(files.items())):
        kind = TYPES.get(os.path.splitext(name)[1], "application/octet-stream")
        packed = gzip.compress(data, 9, mtime=0)
        small = len(packed) * 10 < len(data) * 9
        data = packed if small else data
        lines.append("static const unsigned char file_%d[] = {" % number)
        lines += ["    " + ",".join("%d" % b for b in data[i:i + 32]) + "," for i in range(0, len(data), 32)] or ["    0"]
        lines.append("};")
        rows.append('    {"%s", "%s", file_%d, %d, %s},' % (name, kind, number, len(data), "true" if small else "false"))
    lines += ["", "const gp_page_file gp_page_files[] = {"] + rows + ["};", "const size_t gp_page_file_count = %d;" % len(rows), ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--web", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--depfile")
    parser.add_argument("--mode", default="auto", choices=["auto", "enabled", "disabled"])
    options = parser.parse_args()
    files, reason = built(options.web, options.mode)
    text = table(files or {"index.html": (ABSENT % html.escape(reason)).encode()})
    with open(options.out, "w", encoding="ascii") as file:
        file.write(text)
    if options.depfile:
        here = os.path.dirname(os.path.abspath(__file__))
        needs = sources(options.web) + [os.path.join(here, "page.sh")]
        if files is None and options.mode == "auto":
            needs.append(os.path.join(options.web, "dist", ".key"))  # does not exist: the next build tries again
        with open(options.depfile, "w", encoding="utf-8") as file:
            file.write("%s: %s\n" % (options.out, " ".join(n.replace(" ", "\\ ") for n in needs)))


if __name__ == "__main__":
    main()
