#!/bin/sh
# Fetches the arm64 libraries for a build on another machine: sysroot.sh DIR stores them in DIR/sysroot, and writes
# DIR/sysroot.txt for meson.  The packages are those of tools/packages.txt, for arm64, from this machine's own package
# sources.  apt resolves them in a separate folder, so nothing is installed, no architecture is added to the system, and
# root is not needed.  This takes about 40 MB and 15 s, once; DIR is made again when the list of packages changes.
set -eu
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
for command in apt-get dpkg-deb aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v $command >/dev/null 2>&1 && continue
    echo "goldpan: arm64 cannot be tested: there is no $command (tools/deps.sh test)" >&2
    exit 1
done
# oneDNN is left out; meson.build gives the reason
packages=$(echo $("$here/../deps.sh" --names build | tr ' ' '\n' | grep -E '^(lib|zlib).*-dev$' | grep -vx libdnnl-dev))
[ "$(cat "$dir/sysroot/packages" 2>/dev/null)" != "$packages" ] || exit 0

rm -rf "$dir"
mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial" "$dir/new"
dir=$(cd "$dir" && pwd)
: >"$dir/apt/status" # nothing is installed, so everything is fetched
fetch() {
    apt-get -q -y -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Install-Recommends=false \
        -o Dir::State="$dir/apt" -o Dir::State::lists="$dir/apt/lists" -o Dir::State::status="$dir/apt/status" \
        -o Dir::Cache="$dir/apt" -o Dir::Cache::archives="$dir/apt/archives" -o Debug::NoLocking=true \
        -o APT::Sandbox::User=root -o Acquire::Retries=3 -o Acquire::Languages=none \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@" >>"$dir/apt/log" 2>&1
}
echo "goldpan: fetching libraries for arm64" >&2
fetch update || true  # a source without arm64 packages does not matter if other sources have them
if ! fetch install --download-only $packages; then
    tail -n 20 "$dir/apt/log" >&2
    echo "goldpan: arm64 cannot be tested: this machine's package sources do not give its libraries" >&2
    exit 1
fi
for package in "$dir"/apt/archives/*.deb; do dpkg-deb -x "$package" "$dir/new"; done
find "$dir/new" -type l -lname '/*' | while read -r link; do # linkers follow links from the root of this machine
    ln -sfr "$dir/new$(readlink "$link")" "$link"
done
[ -e "$dir/new/lib" ] || ln -s usr/lib "$dir/new/lib" # where programs look for the loader; base-files has it on a system
rm -rf "$dir/apt"
echo "$packages" >"$dir/new/packages"
printf "[constants]\nsysroot = '%s'\n" "$dir/sysroot" >"$dir/sysroot.txt"
mv "$dir/new" "$dir/sysroot" # last: what is there is whole
