#!/usr/bin/env bash
# Tests goldpan on a fresh system: fresh.sh [--demo-only] [--archive] [--keep] RELEASE
#
# Makes a root file system of a Debian release (bookworm, trixie, sid ...) or an Ubuntu release (noble ...) with
# debootstrap, and adds only git and make.  Copies a clean clone of the committed files into it.  Then runs there, by
# chroot in its own namespaces: `make demo`, `make install`, a program that finds the library by pkg-config, and
# `make test`.  --archive uses the archive of `make dist` instead of a clone, and checks that Node.js was not installed.
# The last line is the result.  Needs root, debootstrap, the network and 4 GB of disk.
#
# FRESH_DIR: the working folder (default: /var/tmp/goldpan-fresh).
# FRESH_MIRROR: the address of the packages (default: this machine's own mirror of that distribution, else the
#     distribution's server).
# FRESH_KEYRING: the file of the distribution's keys, if debootstrap does not know them (for Ubuntu: in the package
#     ubuntu-keyring).
set -euo pipefail
demo_only= archive= keep=
while [ $# -gt 1 ]; do
    case $1 in
    --demo-only) demo_only=1 ;; --archive) archive=1 ;; --keep) keep=1 ;;
    *) echo "fresh.sh: no option $1" >&2; exit 2 ;;
    esac
    shift
done
[ $# = 1 ] && [ "${1#-}" = "$1" ] || { echo "usage: tools/fresh.sh [--demo-only] [--archive] [--keep] RELEASE" >&2; exit 2; }
release=$1
source=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "fresh.sh: only root can make a root file system" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "fresh.sh: debootstrap is not installed" >&2; exit 1; }

dir=${FRESH_DIR:-/var/tmp/goldpan-fresh}
root=$dir/$release
log=$dir/$release.log
mkdir -p "$dir/debs"

of_here() { # prints the address of a distribution in this machine's package sources, if any
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v origin="$1" '$1 == origin && $2 !~ /security/ {sub("/$", "", $2); print $2; exit}'
}
case $release in
oldstable | stable | testing | unstable | bookworm | trixie | forky | duke | sid)
    kind=Debian components=main mirror=${FRESH_MIRROR:-$(of_here Debian)} mirror=${mirror:-http://deb.debian.org/debian} script= ;;
*)
    kind=Ubuntu components=main,universe mirror=${FRESH_MIRROR:-$(of_here Ubuntu)} mirror=${mirror:-http://archive.ubuntu.com/ubuntu}
    script=/usr/share/debootstrap/scripts/$release
    [ -e "$script" ] && script= || script=/usr/share/debootstrap/scripts/jammy ;; # a release that debootstrap does not know yet: use its script for jammy
esac
keyring=${FRESH_KEYRING:-}
[ -n "$keyring" ] || [ "$kind" = Debian ] || keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg

result=() failed=
step() {  # TITLE COMMAND...: runs the command and writes its output to the log
    local title=$1 start=$SECONDS
    shift
    [ -z "$failed" ] || return 0
    echo "== $release: $title"
    echo "== $title" >>"$log"
    if "$@" >>"$log" 2>&1; then
        result+=("$title ok ($((SECONDS - start)) s)")
    else
        result+=("$title FAILED ($((SECONDS - start)) s)") failed=1
        tail -n 30 "$log"
    fi
}
# runs a shell command in the new root file system; when the command ends, its processes and mounts end too
inside() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8 \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        ${GOLDPAN_SLOW:+GOLDPAN_SLOW="$GOLDPAN_SLOW"} \
        unshare --mount --pid --fork --kill-child sh -c '
            root=$1
            shift
            mount --bind "$root" "$root" && mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" &&
                mount --rbind /dev "$root/dev" && mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" &&
                exec chroot "$root" "$@"' sh "$root" sh -c "$1"
}
base() {
    rm -rf --one-file-system "$root"
    debootstrap --variant=minbase --include=git,make,ca-certificates --components=$components --cache-dir="$dir/debs" \
        ${keyring:+--keyring="$keyring"} "$release" "$root" "$mirror" $script
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    # copies the certificates of a proxy, which npm would not trust otherwise
    if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
        cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
        inside update-ca-certificates
    fi
}
copy() {
    mkdir -p "$root/src"
    if [ -n "$archive" ]; then
        tar -xf "$("$source/tools/dist.py" --out "$dir")" -C "$root/src"
        mv "$root"/src/goldpan-* "$root/src/goldpan"
    else
        git clone --quiet --no-local "$source" "$root/src/goldpan"
    fi
}
installs() {
    inside 'cd /src/goldpan && make install && goldpan --version &&
        printf "#include <goldpan.h>\n#include <stdio.h>\nint main(void) { return puts(gp_version()) < 0; }\n" >/src/try.c &&
        cc /src/try.c -o /src/try $(pkg-config --cflags --libs goldpan) && /src/try'
}
no_node() {
    ! inside 'command -v node || command -v npm'
}
: >"$log"
step "base system" base
step "copy" copy
step "make demo" inside 'cd /src/goldpan && make demo'
[ -z "$archive" ] || step "no Node.js" no_node
step "make install" installs
[ -n "$demo_only" ] || step "make test" inside 'cd /src/goldpan && make test'
sums=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1 || true)
grep -E '^skipped |^FAILED |^BROKEN ' "$log" || true
[ -n "$keep" ] || rm -rf --one-file-system "$root"
echo "fresh $release: $(IFS=';'; echo "${result[*]}" | sed 's/;/; /g')${sums:+: $sums} (log: $log)"
[ -z "$failed" ]
