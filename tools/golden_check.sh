#!/bin/sh
# What `make golden-check` runs: the real reference packages, in a virtual environment of their own, against the values
# that the tests use.  5.7 GB of packages, some minutes the first time; nothing of goldpan is imported.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-golden
[ -x $venv/bin/python ] || python3 -m venv $venv
if ! cmp -s tools/requirements.txt $venv/requirements.txt; then
    echo "goldpan: installing the reference packages into $venv (5.7 GB, some minutes)"
    $venv/bin/python -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt
    cp tools/requirements.txt $venv/requirements.txt
fi
exec $venv/bin/python tools/reference.py all --check
