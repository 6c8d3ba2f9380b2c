#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Install the Debian packages of some sections of packages.txt: only those that are missing, so
# that a second run needs neither network nor root.
# usage: setup.sh [run|test|vm|lint|arm64|ci]...
#   "run" is always included; "ci" includes all
set -eu
. "$(dirname "$0")/env.sh"

case " $* " in
*" ci "*) sections="run test vm lint arm64 ci" ;;
*) sections="run $*" ;;
esac

# The packages of the named sections, without comments.
wanted() {
    awk -v sections=" $sections " '
        { sub(/#.*/, "") }
        /^\[/ { gsub(/[][ ]/, ""); take = index(sections, " " $0 " "); next }
        take && NF { print $1 }' config/packages.txt
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v dpkg-query >/dev/null; then
    echo "not a Debian system: whatever is missing is yours to install; config/packages.txt lists it"
    exit 0
fi
missing=
for package in $(wanted); do
    installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

apt_install="apt-get install -y --no-install-recommends"
[ "$(id -u)" = 0 ] || die "packages are missing; as root: $apt_install$missing"

echo "installing:$missing"
mkdir -p .cache
log=.cache/setup.log
export DEBIAN_FRONTEND=noninteractive
# A machine just started may be updating itself: wait for the lock. Lists that could not be
# updated may still do.
options="-q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3"
{
    # shellcheck disable=SC2086 # lists of options and of packages
    apt-get $options update || true
    # shellcheck disable=SC2086
    $apt_install $options $missing
} >$log 2>&1 </dev/null ||
    die "packages could not be installed: $(grep -m 1 '^[EW]:' $log || tail -n 1 $log) (all of it in $log)"
