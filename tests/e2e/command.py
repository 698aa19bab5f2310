# SPDX-License-Identifier: MIT
"""Runs the goldpan command for the tests of its output files.  The test's first argument is the path of the command."""
import os
import subprocess
import sys

GOLDPAN = os.path.abspath(sys.argv.pop(1))
SOURCE = os.path.abspath(os.environ.get("GOLDPAN_SOURCE", "."))
SAMPLE = os.path.join(SOURCE, "sample", "drawn-world")


def environment():
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "GOLDPAN_"))}
    return dict(env, GOLDPAN_DATA=SOURCE, GOLDPAN_MODEL="drawn-world-mini")


def goldpan(*words, code=0, **more):
    run = subprocess.run([GOLDPAN, *words], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=1800, **more)
    assert run.returncode == code, (words, run.returncode, run.stderr)
    return run


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()
