#!/bin/sh
# Builds the explorer's page once: web/ -> web/dist, which all build folders share.  Does nothing while web/dist/.key is the
# hash of these sources.  The archive of a release contains web/dist, so it needs neither node nor npm.  Prints nothing on
# success.  Exit code 0: web/dist is up to date; 3: node or npm is missing or too old, or web/ cannot be
# written; 4: npm cannot fetch the packages; 1: the page's sources have an error.
# page.sh --built: only checks whether web/dist is up to date; exit code 0 or 1.
# page.sh --packages: only fetches the npm packages that the page's tests need.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
web=$root/web
[ -f "$web/package.json" ] || { echo "there is no web/package.json" >&2; exit 3; }

key() {  # prints the hash of all files from which the page is built
    cd "$web" && find . \( -name node_modules -o -name dist -o -name 'tests*' -o -name '*.log' -o -name .lock \) -prune -o -type f -print |
        LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1
}
fresh() { [ -f "$web/dist/index.html" ] && [ "$(cat "$web/dist/.key" 2>/dev/null)" = "$1" ]; }

want=$(key)
case ${1:-} in
--packages) ;;
--built) fresh "$want" && exit 0 || exit 1 ;;
*) ! fresh "$want" || exit 0 ;;
esac
command -v npm >/dev/null 2>&1 && command -v node >/dev/null 2>&1 || { echo "node and npm are not installed" >&2; exit 3; }
node -e 'process.exit(+process.versions.node.split(".")[0] >= 18 ? 0 : 1)' || { echo "node $(node --version) is older than 18" >&2; exit 3; }

(: >"$web/.lock") 2>/dev/null || { echo "web/ cannot be written" >&2; exit 3; }
command -v flock >/dev/null 2>&1 || { echo "flock is not installed" >&2; exit 3; }
exec 9>"$web/.lock"
flock 9
want=$(key)
[ "${1:-}" = --packages ] || ! fresh "$want" || exit 0
cd "$web"
log=$web/build.log
lock=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat node_modules/.key 2>/dev/null)" != "$lock" ]; then
    npm ci --no-audit --no-fund --loglevel=error >"$log" 2>&1 9>&- || {
        # EUSAGE: package.json and package-lock.json differ
        ! grep -q EUSAGE "$log" || { tail -n 30 "$log" >&2; exit 1; }
        echo "npm could not fetch the page's packages (web/build.log)" >&2
        exit 4
    }
    echo "$lock" >node_modules/.key
fi
[ "${1:-}" != --packages ] || exit 0
npm run --silent build >"$log" 2>&1 9>&- || { tail -n 30 "$log" >&2; exit 1; }
echo "$want" >dist/.key
rm -f "$log"
