# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
# Sourced by the scripts beside it: the surroundings all of them expect. The distribution's tools
# come first in PATH, so that meson and python3 are those the packages belong to whatever else is
# installed; messages are English; the working directory is the top of the checkout.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
LC_ALL=C.UTF-8
export PATH LC_ALL
cd "$(dirname "$0")/.." || exit 1

die() {
    echo "$*" >&2
    exit 1
}
