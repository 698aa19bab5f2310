#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The archive of tools/dist.py contains the page, and a build from the archive uses this page without node and npm."""
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = "sh python3 awk cat cut dirname env find grep sed sha256sum sort xargs".split()


def skip(reason):
    print("skipped: " + reason)
    sys.exit(77)


def page(root, out, **env):
    return subprocess.run([sys.executable, os.path.join(root, "tools/embed.py"), "--web", os.path.join(root, "web"), "--out", out,
                           "--mode", "enabled"], capture_output=True, text=True, env={**os.environ, **env})


if not os.path.exists(os.path.join(ROOT, ".git")) or not shutil.which("git"):
    skip("not a git checkout")
if subprocess.run(["sh", os.path.join(ROOT, "tools/page.sh"), "--built"]).returncode:
    skip("the page is not built here")
with tempfile.TemporaryDirectory() as folder:
    made = subprocess.run([os.path.join(ROOT, "tools/dist.py"), "--dirty", "--preset", "0", "--out", folder], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    with tarfile.open(made.stdout.strip()) as archive:
        names = archive.getnames()
        top = names[0].split("/")[0]
        assert top + "/web/dist/index.html" in names and top + "/meson.build" in names
        assert not [n for n in names if "/node_modules/" in n or "/build/" in n or "/.git/" in n]
        archive.extractall(folder)
    bare = os.path.join(folder, "bin")
    os.mkdir(bare)
    for tool in TOOLS:
        os.symlink(shutil.which(tool), os.path.join(bare, tool))
    root, out = os.path.join(folder, top), os.path.join(folder, "page.c")
    run = page(root, out, PATH=bare)
    assert run.returncode == 0, run.stderr
    with open(out, encoding="ascii") as file:
        assert '"index.html"' in file.read()
    with open(os.path.join(root, "web/index.html"), "a", encoding="utf-8") as file:
        file.write("<!-- changed -->\n")
    run = page(root, out, PATH=bare)  # the sources have changed since the page was built
    assert run.returncode == 1 and "node and npm are not installed" in run.stderr, (run.returncode, run.stderr)
