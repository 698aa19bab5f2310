#!/bin/sh
# The page's types (warnings are errors) and its unit tests.
set -eu
cd "$1/web"
sh ../tools/page.sh
npm run --silent check
npm run --silent test
