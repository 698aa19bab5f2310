#!/bin/sh
# Prints the path of a Python that has pyarrow, datasets and webdataset, for the test sets_peer, or nothing.
#
# Tries $GOLDPAN_SETS_PYTHON, python3, and the Python of .venv-sets.  This script creates .venv-sets, a virtual
# environment (about 400 MB from PyPI).  Without python3-venv or a network, sets_peer is skipped.
set -u
cd "$(dirname "$0")/.."
venv=$PWD/.venv-sets
has() { "$1" -c 'import datasets, pandas, PIL, pyarrow, webdataset' >/dev/null 2>&1; }
for python in ${GOLDPAN_SETS_PYTHON:+"$GOLDPAN_SETS_PYTHON"} python3 "$venv/bin/python"; do
    ! has "$python" || { command -v "$python"; exit 0; }
done
versions=$(grep -E '^(datasets|huggingface_hub|pandas|pillow|pyarrow|webdataset)==' tools/requirements.txt)
# shellcheck disable=SC2086
python3 -m venv "$venv" >/dev/null 2>&1 &&
    timeout 180 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 1 $versions >/dev/null 2>&1 &&
    has "$venv/bin/python" && { echo "$venv/bin/python"; exit 0; }
rm -rf "$venv"
exit 0
