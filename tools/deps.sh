#!/bin/sh
# Install the Debian packages of one purpose (and of `build`) that are missing, and nothing else.
set -eu
purpose=${1:-build}
list=$(dirname "$0")/packages.txt
want=$(awk -v p="$purpose" '$1 == "build" || $1 == p {print $2 ($3 ? "=" substr($3, 9) : "")}' "$list")
if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "goldpan: this is not a Debian system; please install by your own means:" $(echo "$want" | sed "s/=.*//") >&2
    exit 0
fi
missing=
for w in $want; do
    p=${w%%=*}
    case $w in *=*) command -v "${w#*=}" >/dev/null 2>&1 && continue ;; esac
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then as=
elif command -v sudo >/dev/null 2>&1; then as=sudo
else
    echo "goldpan: these packages are missing, and this is neither root nor is there sudo:$missing" >&2
    echo "goldpan: please have them installed:  apt-get install$missing" >&2
    exit 1
fi
echo "goldpan: installing$missing" >&2
$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/tmp/goldpan-apt.$$ 2>&1 || {
    $as apt-get update -q >>/tmp/goldpan-apt.$$ 2>&1 || true
    $as env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >>/tmp/goldpan-apt.$$ 2>&1 || {
        tail -n 20 /tmp/goldpan-apt.$$ >&2
        echo "goldpan: apt-get could not install:$missing" >&2
        exit 1
    }
}
rm -f /tmp/goldpan-apt.$$
