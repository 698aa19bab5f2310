#!/usr/bin/env bash
# What `make test` runs: all tests on the release build, then the unit, golden and fuzz tests under ASan and UBSan, the
# tests of threads under TSan, a compile by clang, and the kernels again with instructions taken away.  Every part runs
# even if one before it failed; tools/summary.py counts and decides.
set -euo pipefail
cd "$(dirname "$0")/.."
export CCACHE_DISABLE=1
broken=()
logs=()

configure() { # DIR OPTION...
    local dir=$1
    shift
    [ -f "$dir/build.ninja" ] && return 0
    meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log"; return 1; }
    rm -f "$dir.log"
}

build() { # DIR
    ninja -C "$1" --quiet || { broken+=("$1 does not build"); return 1; }
}

run() { # TITLE DIR LOG MESON_TEST_ARGUMENT...
    local title=$1 dir=$2 log=$3 start=$SECONDS
    shift 3
    meson test -C "$dir" --no-rebuild --print-errorlogs --logbase "$log" "$@" >"$dir/$log.out" 2>&1 || true
    # quiet about what is well: meson's list of passes stays in the file
    grep -vE '^ *[0-9]+/[0-9]+ .* (OK|SKIP) +[0-9.]+s|^ninja: |^(Ok|Expected Fail|Unexpected Pass|Skipped|Timeout|Fail): +[0-9]+ *$|^Full log written|^$' \
        "$dir/$log.out" || true
    echo "== $title: $((SECONDS - start)) s"
    logs+=("$title=$dir/meson-logs/$log.json")
}

echo "== building"
configure build --prefix="${PREFIX:-/usr/local}" -Dbuildtype=release -Ddebug=true -Dwerror=true
if build build; then
    run release build testlog
    GOLDPAN_CPU=plain run plain-cpu build testlog-plain --suite kernel --suite kernels
fi

configure build-asan -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Ddefault_library=static
if build build-asan; then
    run asan+ubsan build-asan testlog --suite unit --suite fuzz --no-suite slow --timeout-multiplier 4
fi

# Without oneDNN: its threads (OpenMP) are not built with TSan, which then reports races where there are none.
configure build-tsan -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false -Ddefault_library=static -Donednn=disabled
if build build-tsan; then
    run tsan build-tsan testlog --suite threads --timeout-multiplier 4
fi

if command -v clang >/dev/null; then
    CC=clang configure build-clang -Dbuildtype=debug -Doptimization=1 -Dwerror=true
    if build build-clang; then echo "== clang: no warnings"; fi
else
    broken+=("clang is not installed")
fi

python3 tools/summary.py "${broken[@]/#/--broken=}" "${logs[@]}"
