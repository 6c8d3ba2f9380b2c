#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Provide DPDK and cmocka for arm64, with all they need, and print the folder they are unpacked in.
# They are Debian's own packages. The system's package lists, its architectures and what is
# installed stay as they are: apt works on lists and a status of its own. The folder is kept in
# .cache, so that the network is needed once for each version of the libdpdk-dev installed here.
# usage: arm64-sysroot.sh
set -eu
. "$(dirname "$0")/env.sh"
root=$PWD/.cache/arm64/sysroot
packages="libcmocka-dev libnuma-dev"

# The same DPDK as this machine's: its driver-SDK headers serve both.
version=$(dpkg-query -W -f '${Version}' libdpdk-dev 2>/dev/null) || version=none
if [ "$(cat "$root/complete" 2>/dev/null)" = "$version" ]; then
    echo "$root"
    exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod a+rx "$work"
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
: >"$work/status"
apt="apt-get -q -y -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Acquire::Retries=3
    -o Dir::State=$work/state -o Dir::State::Lists=$work/state/lists -o Dir::State::Status=$work/status
    -o Dir::Cache=$work/cache -o Dir::Cache::Archives=$work/cache/archives -o APT::Sandbox::User=$(id -un)
    -o APT::Keep-Downloaded-Packages=true"

# A mirror may have moved on from the version installed here: then its newest.
fetch() {
    # shellcheck disable=SC2086 # lists of options and of packages
    $apt install --download-only --no-install-recommends $packages "$1"
}
{
    # A source of packages without arm64 is no reason to stop.
    # shellcheck disable=SC2086 # a list of options
    $apt update || true
    fetch "libdpdk-dev=$version" || fetch libdpdk-dev
} >"$work/log" 2>&1 ||
    die "arm64 packages could not be fetched ($(grep -m 1 '^[EW]:' "$work/log" || tail -n 1 "$work/log"));" \
        "once is enough, with network"

rm -rf "$root"
mkdir -p "$root"
for package in "$work"/cache/archives/*.deb; do
    dpkg-deb --extract "$package" "$root"
done
# Nobody reads here.
rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
# A link to /lib/... means the one in here.
find "$root" -type l -lname '/*' | while read -r link; do
    ln -sfn "$root$(readlink "$link")" "$link"
done
echo "$version" >"$root/complete"
echo "$root"
