#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Provide DPDK's driver-SDK headers and print the folder they are in.
# usage: driver-sdk.sh VERSION [TREE]
#   TREE     a DPDK source tree, or a folder that holds the headers; its version must be VERSION
# Without TREE the headers come from the Debian source package of the installed libdpdk-dev and
# are kept in .cache/driver-sdk/VERSION, so that the network is needed once only.
set -eu
version=$1
tree=${2:-}
root=$(cd "$(dirname "$0")/.." && pwd)
sdk=$root/.cache/driver-sdk/$version

headers="lib/dmadev/rte_dmadev_pmd.h
lib/eal/include/dev_driver.h
lib/eal/include/bus_driver.h
drivers/bus/vdev/bus_vdev_driver.h
drivers/bus/pci/bus_pci_driver.h"

die() {
    echo "$*" >&2
    exit 1
}

# Copy the headers out of a source tree; bus_driver.h is new in 22.11 and needed from 26.07 on.
collect() {
    mkdir -p "$2"
    for h in $headers; do
        [ -f "$1/$h" ] && cp "$1/$h" "$2/"
    done
    if [ ! -f "$2/rte_dmadev_pmd.h" ] || [ ! -f "$2/bus_vdev_driver.h" ]; then
        die "no driver headers in $1"
    fi
}

if [ -n "$tree" ]; then
    if [ -f "$tree/rte_dmadev_pmd.h" ]; then
        (cd "$tree" && pwd)
        exit
    fi
    [ -f "$tree/VERSION" ] || die "dpdk_sdk=$tree: neither a DPDK source tree (no VERSION) nor a folder with rte_dmadev_pmd.h"
    have=$(cat "$tree/VERSION")
    [ "${have%.*}" = "${version%.*}" ] || die "dpdk_sdk=$tree is DPDK $have, the installed libdpdk is $version"
    collect "$tree" "$sdk-tree"
    echo "$sdk-tree"
    exit
fi

if [ -f "$sdk/complete" ]; then
    echo "$sdk"
    exit
fi

package=$(dpkg-query -W -f '${Version}' libdpdk-dev 2>/dev/null) ||
    die "libdpdk $version is not Debian's: give its source tree with -Ddpdk_sdk="
# Those of an older version compile as well, and silently leave out what is newer.
upstream=${package#*:}
upstream=${upstream%%[!0-9.]*}
case $version in
"$upstream" | "$upstream.0") ;; # a first release has two numbers there, and three here
*) die "libdpdk $version is not Debian's, which is $upstream: give its source tree with -Ddpdk_sdk=" ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The system's own lists stay untouched: copies of them, with deb-src in place of deb.
mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial" "$work/src"
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ -f "$list" ] || continue
    sed -e 's/^Types:.*/Types: deb-src/' -e 's/^deb /deb-src /' "$list" >"$work/parts/$(basename "$list" | sed 's/^sources\.list$/main.list/')"
done
chmod -R a+rX "$work"
apt="apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$work/parts
    -o Dir::State::Lists=$work/lists -o Dir::Cache=$work/cache -o APT::Sandbox::User=$(id -un)"
{
    # lists may be had of some places only, or be enough as they are
    # shellcheck disable=SC2086 # a list of options
    { $apt update || true; } && (cd "$work" && $apt source --download-only "dpdk=$package")
} >"$work/log" 2>&1 || die "the source package dpdk=$package could not be fetched ($(grep -m 1 '^[EW]:' "$work/log"));" \
    "once is enough, with network and libdpdk-dev up to date; or give a source tree with -Ddpdk_sdk="

tar -xf "$work"/dpdk_*.orig.tar.* -C "$work/src" --strip-components=1
rm -rf "$sdk"
collect "$work/src" "$sdk"
touch "$sdk/complete"
echo "$sdk"
