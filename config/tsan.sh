#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Look for data races: a build with ThreadSanitizer, and the tests in which threads meet. What the
# checker has to be told about DPDK, which is built without it, is in app/common/race_check.c.
# usage: tsan.sh BUILD [MESON_OPTION]...
set -eu
. "$(dirname "$0")/env.sh"
build=$1
shift

config/build.sh "$build" -Db_sanitize=thread "$@"

# It wants memory at some addresses for itself, which a kernel that scatters more than usual may
# have put something else at.
set --
if setarch -R true 2>/dev/null; then
    set -- setarch -R
fi
"$@" config/test.sh "$build" --suite threads
