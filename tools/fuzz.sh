#!/usr/bin/env bash
# Searches for new inputs that break a parser: tools/fuzz.sh [TARGET...], each for FUZZ_SECONDS (30).  Inputs that break
# a parser are stored in build-fuzz/found/. Copy inputs that are worth keeping to fuzz/corpus/<target>/.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-30}
dir=build-fuzz
if [ ! -f $dir/build.ninja ]; then
    CC=clang meson setup $dir -Dfuzzing=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
        -Ddefault_library=static -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
fi
ninja -C $dir --quiet
mkdir -p $dir/found
[ $# -gt 0 ] || set -- $(cd $dir/fuzz && ls | sed -n 's/^fuzz_\([a-z0-9_]*\)$/\1/p')
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
bad=0
for target; do
    mkdir -p "$dir/corpus/$target"
    if "$dir/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 -malloc_limit_mb=2500 \
        -artifact_prefix="$dir/found/$target-" "$dir/corpus/$target" "fuzz/corpus/$target" >"$dir/$target.log" 2>&1; then
        printf '%-14s %s\n' "$target" "$(grep -E '^Done|^#[0-9]+.*DONE' "$dir/$target.log" | tr '\n' ' ')"
    else
        printf '%-14s FAILED: %s/%s.log\n' "$target" $dir "$target"
        grep -m3 -E 'ERROR|SUMMARY|runtime error|Test unit written' "$dir/$target.log" || true
        bad=1
    fi
done
exit $bad
