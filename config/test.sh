#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Run all tests of a build, then print the closing lines of every test program, which meson keeps
# in its log: counts a reader can check, skipped tests included.
# usage: test.sh BUILD [MESON_TEST_OPTION]...
set -eu
. "$(dirname "$0")/env.sh"
build=$1
shift

result=0
meson test -C "$build" --no-rebuild --print-errorlogs "$@" || result=$?
echo
awk '/^test: / { sub(/^test: +/, ""); name = $0 }
     /^\[ +(PASSED|FAILED|SKIPPED) +\] [0-9]+ test/ || /^(=+ )?[0-9]+ (passed|failed|skipped|error|deselected).* in [0-9.]+s/ {
         if (name != shown) print name
         shown = name
         print
     }' "$build/meson-logs/testlog.txt"
exit $result
