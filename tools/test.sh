#!/usr/bin/env bash
# What `make test` runs: all tests on the release build, the kernels again with instruction sets removed, the unit,
# golden, fuzz and server tests under ASan and UBSan, the tests of threads under TSan, a compile by clang, and, for
# arm64 under qemu, the tests that are fast enough there.  Every part runs even if one before it failed;
# tools/summary.py counts and decides.
#
# GOLDPAN_WERROR=true makes warnings errors.  .ci/run sets it; by default it is off, since other compilers may warn more.
# GOLDPAN_TEST_PARTS (default: all): only these parts: release asan tsan clang arm64.
# GOLDPAN_LIMIT (default: none): seconds after which the running tests are stopped and no others start.  .ci/run sets
# it, so that a test that hangs is named.
# GOLDPAN_SLOW (default 20): factor of all time-outs, so that they only end tests that hang, even on a loaded machine.
set -euo pipefail
cd "$(dirname "$0")/.."
werror=${GOLDPAN_WERROR:-false}
export GOLDPAN_SLOW=${GOLDPAN_SLOW:-20}
GOLDPAN_SETS_PYTHON=$(tools/sets_python.sh)
export GOLDPAN_SETS_PYTHON
GOLDPAN_HF_PYTHON=$(tools/hub_python.sh)
export GOLDPAN_HF_PYTHON
all_parts="release asan tsan clang arm64"
parts=${GOLDPAN_TEST_PARTS:-$all_parts}
for part in $parts; do
    [[ " $all_parts " = *" $part "* ]] || { echo "GOLDPAN_TEST_PARTS: no part '$part'; parts are: $all_parts" >&2; exit 2; }
done
# mold links the test programs in a fraction of the time of GNU ld.  Compilers before gcc 12.1 cannot use it.
if command -v mold >/dev/null && echo 'int main(void) { return 0; }' | ${CC:-cc} -fuse-ld=mold -x c -o /dev/null - 2>/dev/null; then
    export CC_LD=${CC_LD:-mold}
fi
broken=()
skipped=()
logs=()

wanted() { # PART
    [[ " $parts " = *" $1 "* ]]
}

prepare() {  # arguments DIR OPTION...: configures the build folder DIR if necessary, and builds goldpan there
    local dir=$1 start=$SECONDS output
    shift
    if [ ! -f "$dir/build.ninja" ] && ! output=$(meson setup "$dir" "$@" 2>&1); then
        echo "$output"
        broken+=("$dir cannot be configured")
        return 1
    fi
    if ! ninja -C "$dir" --quiet; then
        broken+=("$dir does not build")
        return 1
    fi
    echo "== $dir: built in $((SECONDS - start)) s"
}

run() { # TITLE DIR LOG MESON_TEST_ARGUMENT...
    local title=$1 dir=$2 log=$3 start=$SECONDS status=0
    shift 3
    rm -f "$dir/meson-logs/$log.json"
    local left=0  # no limit
    if [ -n "${GOLDPAN_LIMIT:-}" ]; then
        left=$((GOLDPAN_LIMIT - SECONDS))
        [ "$left" -gt 0 ] || { broken+=("$title: not run, since GOLDPAN_LIMIT ($GOLDPAN_LIMIT s) is over"); return; }
    fi
    timeout --kill-after=60 "$left" meson test -C "$dir" --no-rebuild --print-errorlogs \
        --timeout-multiplier "$GOLDPAN_SLOW" --logbase "$log" "$@" >"$dir/$log.out" 2>&1 || status=$?
    [ "$status" != 124 ] && [ "$status" != 137 ] || broken+=("$title: stopped, since GOLDPAN_LIMIT ($GOLDPAN_LIMIT s) is over")
    # the terminal does not show the lines of passed tests; they are only in the file
    grep -vE '^ *[0-9]+/[0-9]+ .* (OK|SKIP) +[0-9.]+s|^ninja: |^(Ok|Expected Fail|Unexpected Pass|Skipped|Timeout|Fail): +[0-9]+ *$|^Full log written|^$' \
        "$dir/$log.out" || true
    echo "== $title: tested in $((SECONDS - start)) s"
    logs+=("$title=$dir/meson-logs/$log.json")
}

if wanted release && prepare build --prefix="${PREFIX:-/usr/local}" -Dwerror=$werror; then
    run release build testlog
    GOLDPAN_CPU=plain run plain-cpu build testlog-plain --suite kernel --suite kernels
fi

if wanted asan && prepare build-asan -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false; then
    run asan+ubsan build-asan testlog --suite unit --suite kernels --suite fuzz --suite server --no-suite slow
fi

# Without oneDNN: its threads (OpenMP) are not built with TSan, so TSan would report races that do not exist.
if wanted tsan && prepare build-tsan -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false -Donednn=disabled; then
    run tsan build-tsan testlog --suite threads
fi

if wanted clang; then
    CC=clang prepare build-clang -Dbuildtype=debug -Doptimization=1 -Dwerror=$werror || true
fi

# On an arm64 machine the parts above have already tested arm64.
if wanted arm64 && [ "$(uname -m)" != aarch64 ]; then
    if tools/cross/sysroot.sh build-arm64; then
        if prepare build-arm64 --cross-file build-arm64/sysroot.txt --cross-file tools/cross/aarch64.txt \
            -Ddebug=false -Dwerror=$werror -Dpage=disabled; then
            run arm64 build-arm64 testlog --suite emulated --suite kernels --suite fuzz
        fi
    elif grep -qsx 'ID=debian' /etc/os-release; then
        broken+=("arm64: no libraries or no compiler for it")
    else
        skipped+=("arm64: not a Debian system")
    fi
fi

python3 tools/summary.py "${broken[@]/#/--broken=}" "${skipped[@]/#/--skipped=}" "${logs[@]}"
