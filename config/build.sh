#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Configure a build folder when that is due, and build it. It is due the first time, after
# packages changed (a part may have been left out for want of one), and when the driver was left out.
# usage: build.sh BUILD [MESON_OPTION]...
set -eu
. "$(dirname "$0")/env.sh"
build=$1
shift
driver=$build/drivers/librte_dma_dad.so

packages_changed() {
    [ -n "$(find /var/lib/dpkg/status -newer "$build/build.ninja" 2>/dev/null)" ]
}

if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" "$@"
elif [ ! -f "$driver" ] || packages_changed; then
    meson configure --clearcache "$build"
    meson setup --reconfigure "$build" "$@"
fi
ninja -C "$build"
[ -f "$driver" ] || die "the driver was not built; the summary above says why under 'not built'"
