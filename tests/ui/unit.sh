#!/bin/sh
# Checks the page's types (warnings are errors) and runs its unit tests.
set -eu
cd "$1/web"
said=$(sh ../tools/page.sh --packages 2>&1) || {
    [ $? = 3 ] && { echo "skipped: $said"; exit 77; }
    echo "$said" >&2
    exit 1
}
npm run --silent check
npm run --silent test
