#!/usr/bin/env python3
"""The example at the top of goldpan.h compiles without a warning, links against the shared library and, with an
empty model cache, prints that there is no model. header_example.py SOURCE BUILD"""
import os
import re
import subprocess
import sys
import tempfile

source, build = map(os.path.abspath, sys.argv[1:])
with open(os.path.join(source, "include", "goldpan.h"), encoding="utf-8") as file:
    comment = re.match(r"/\*.*?\*/", file.read(), flags=re.S).group(0)
lines = [line[len(" *     "):] if line.startswith(" *     ") else "" for line in comment.splitlines()]
program = "\n".join(lines).strip() + "\n"
assert "#include <goldpan.h>" in program and "main(" in program, "no example in the first comment of goldpan.h"

with tempfile.TemporaryDirectory() as folder:
    with open(os.path.join(folder, "example.c"), "w", encoding="utf-8") as file:
        file.write(program)
    subprocess.run(["cc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-I" + os.path.join(source, "include"), "example.c",
                    "-o", "example", "-L" + build, "-lgoldpan", "-Wl,-rpath," + build], cwd=folder, check=True)
    empty = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "GOLDPAN_"))}
    empty.update(HF_HUB_CACHE=os.path.join(folder, "cache"), HF_HUB_OFFLINE="1")
    run = subprocess.run(["./example", folder], cwd=folder, env=empty, capture_output=True, text=True, timeout=1800)
    print(run.returncode, run.stderr.strip())
    assert run.returncode == 1 and "clip-vit-base-patch32" in run.stderr, "not what an absent model should give"
    assert os.path.isfile(os.path.join(folder, "catalog.db")), "no catalog was made"
