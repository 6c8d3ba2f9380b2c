#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Configure a build folder when that is due, and build it. It is due the first time, for another
# compiler (CC, which begins the folder anew) or other options than the last ones that were given, after
# packages changed (a part may have been left out for want of one), and when the driver was left out.
# Where no compiler and no options are given the folder keeps those it has.
# usage: build.sh BUILD [MESON_OPTION]...
set -eu
. "$(dirname "$0")/env.sh"
build=$1
shift
driver=$build/drivers/librte_dma_dad.so

packages_changed() {
    [ -n "$(find /var/lib/dpkg/status -newer "$build/build.ninja" 2>/dev/null)" ]
}

# differs FILE ASKED: something is asked for, and not what the folder was last configured for.
differs() {
    [ -n "$2" ] && [ "$2" != "$(cat "$build/$1" 2>/dev/null)" ]
}

remember() {
    [ -z "$2" ] || printf '%s' "$2" >"$build/$1"
}

if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" "$@"
elif differs given-CC "${CC:-}"; then
    meson setup --wipe "$build" "$@"
elif differs given-options "$*" || [ ! -f "$driver" ] || packages_changed; then
    meson configure --clearcache "$build"
    meson setup --reconfigure "$build" "$@"
fi
remember given-CC "${CC:-}"
remember given-options "$*"
ninja -C "$build"
[ -f "$driver" ] || die "the driver was not built; the summary above says why under 'not built'"
