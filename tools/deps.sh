#!/bin/sh
# Installs the missing Debian or Ubuntu packages of one purpose (and of `build`), and no others.
#
#     deps.sh [PURPOSE]         installs; on a terminal asks before using sudo, unless YES=1
#     deps.sh --names PURPOSE   prints the purpose's package names on this system, installed or not
#
# Package names differ between releases; tools/packages.txt lists the alternatives in order of preference.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
only_names=
[ "${1:-}" != --names ] || { only_names=1; shift; }
purpose=${1:-build}
purposes=$purpose
if [ -z "$only_names" ]; then
    purposes="build $purpose"
    "$here/page.sh" --built || purposes="$purposes page"
fi

wanted() { # prints the lines of these purposes, each once, without the purpose
    awk -v purposes=" $purposes " '/^[a-z]/ && index(purposes, " " $1 " ") {$1 = ""; if (!seen[$0]++) print}' "$here/packages.txt"
}
if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "goldpan: this is not a Debian system; please install these packages yourself:" \
        $(wanted | awk '{print $1}' | sed 's/CLANG/NN/') >&2
    exit 0
fi

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }
available() { apt-cache policy "$1" 2>/dev/null | grep -q '^ *Candidate: *[^( ]'; }
clang_major() { # prints the major version of the installed clang, else of the clang that apt would install
    { clang --version 2>/dev/null | sed -n 's/.*clang version \([0-9]*\).*/\1/p'
      apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p'
      echo none; } | head -n 1
}
names_of() { # prints the alternative names of a line
    echo "$1" | tr ' ' '\n' | grep -vE '^(\||optional|command:.*|)$' | sed "s/CLANG/$clang/"
}
there() { # is one of the packages (or the command) of this line installed?
    command=$(echo "$1" | sed -n 's/.*command:\([^ ]*\).*/\1/p')
    [ -z "$command" ] || ! command -v "$command" >/dev/null 2>&1 || return 0
    for name in $(names_of "$1"); do ! installed "$name" || return 0; done
    return 1
}
look() { # sets `missing`, `absent` (in no package source) and `left` (optional, in no package source)
    missing= absent= left=
    clang=$(clang_major)
    while read -r line; do
        [ -n "$only_names" ] || ! there "$line" || continue
        chosen=
        for name in $(names_of "$line"); do
            ! { { [ -n "$only_names" ] && installed "$name"; } || available "$name"; } || { chosen=$name; break; }
        done
        case "$chosen $line" in
        " "*optional*) left="$left $(names_of "$line" | head -n 1)" ;;
        " "*) absent="$absent $(names_of "$line" | head -n 1)" ;;
        *) missing="$missing $chosen" ;;
        esac
    done <<END
$(wanted)
END
}

look
if [ -n "$only_names" ]; then
    echo $missing $absent
    exit 0
fi
[ -n "$missing$absent$left" ] || exit 0
lists() { ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; }
wants=$missing$absent
lists || wants=$wants$left  # without package lists, apt does not know which packages a source has
if [ -z "$wants" ]; then
    echo "goldpan: left out, since no package source here has them:$left" >&2
    exit 0
fi
by_hand() { echo "goldpan: to install them yourself, run:  ${1}apt-get install --no-install-recommends$wants" >&2; }
if [ "$(id -u)" = 0 ]; then as=
elif command -v sudo >/dev/null 2>&1; then as=sudo
else
    echo "goldpan: these packages are missing, but you are not root and there is no sudo:$wants" >&2
    by_hand ''
    exit 1
fi
ask() {  # asks before the first use of sudo; the list of packages has been printed before
    [ -n "$as" ] && [ "${YES:-0}" = 0 ] && [ -t 0 ] && [ -t 2 ] || return 0
    printf 'goldpan: install them with sudo apt-get? [Y/n] ' >&2
    read -r answer || answer=n
    case $answer in '' | [yY]*) YES=1 ;; *)
        echo "goldpan: nothing was installed" >&2
        by_hand 'sudo '
        echo "goldpan: YES=1 installs them without this question" >&2
        exit 1 ;;
    esac
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { $as env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >>"$log" 2>&1; }
if [ -n "$absent" ] || ! lists; then # the package lists are missing or old
    echo "goldpan: reading the package lists, to install$wants" >&2
    ask
    apt update || true
    look
fi
if [ -n "$absent" ]; then
    echo "goldpan: no package source here has:$absent" >&2
    exit 1
fi
[ -z "$left" ] || echo "goldpan: left out, since no package source here has them:$left" >&2
[ -n "$missing" ] || exit 0
echo "goldpan: about to install$missing" >&2
ask
apt install -y --no-install-recommends $missing || {
    apt update || true  # the package server may no longer have the versions in the old package lists
    apt install -y --no-install-recommends $missing || {
        tail -n 20 "$log" >&2
        echo "goldpan: apt-get could not install:$missing" >&2
        exit 1
    }
}
