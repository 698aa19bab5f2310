#!/bin/sh
# Prints the path of a Python that has huggingface_hub, for the test hub_peer, or nothing.
#
# Tries $GOLDPAN_HF_PYTHON, python3, the Python of `make golden-check`, that of .venv-sets (tools/sets_python.sh), and
# that of .venv-hub.  This script creates .venv-hub, a virtual environment (about 30 MB from PyPI).  Without
# python3-venv or a network, hub_peer is skipped.
set -u
cd "$(dirname "$0")/.."
venv=$PWD/.venv-hub
has() { "$1" -c 'import huggingface_hub' >/dev/null 2>&1; }
for python in ${GOLDPAN_HF_PYTHON:+"$GOLDPAN_HF_PYTHON"} python3 "$PWD/.venv-golden/bin/python" "$PWD/.venv-sets/bin/python" "$venv/bin/python"; do
    ! has "$python" || { command -v "$python"; exit 0; }
done
version=$(grep '^huggingface_hub==' tools/requirements.txt)
python3 -m venv "$venv" >/dev/null 2>&1 &&
    timeout 120 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 1 "$version" >/dev/null 2>&1 &&
    has "$venv/bin/python" && { echo "$venv/bin/python"; exit 0; }
rm -rf "$venv"
exit 0
