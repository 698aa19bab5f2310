#!/bin/sh
# Runs `make golden-check`: computes golden values with the real reference packages, in a virtual environment of their
# own, and compares them with those of the tests.  It downloads 5.7 GB of packages and takes some minutes the first
# time.  Nothing of goldpan is imported.
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
