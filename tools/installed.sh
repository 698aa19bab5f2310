#!/bin/sh
# Runs after `meson install`: installed.sh LIBDIR.  Runs ldconfig as root.  If the linker still does not search LIBDIR,
# prints the variables to set.  Does nothing when a package is made (DESTDIR).
set -eu
[ -z "${DESTDIR:-}" ] || exit 0
PATH=$PATH:/usr/sbin:/sbin
command -v ldconfig >/dev/null 2>&1 || exit 0
[ "$(id -u)" != 0 ] || ldconfig || true
ldconfig -p | grep -qF " => $1/libgoldpan.so.0" || {
    echo "goldpan: the linker does not search $1.  Programs that use the library need:"
    echo "    export PKG_CONFIG_PATH=$1/pkgconfig LD_LIBRARY_PATH=$1"
}
