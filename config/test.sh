#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Run all tests of a build, then print the closing lines of every test program, and why one was
# skipped: meson keeps that in its log only.
# usage: test.sh BUILD [MESON_TEST_OPTION]...
set -eu
. "$(dirname "$0")/env.sh"
build=$1
shift

result=0
meson test -C "$build" --no-rebuild --print-errorlogs "$@" || result=$?
echo
awk 'function show(line) {
         if (name != shown) print name
         shown = name
         print line
     }
     /^test: / { sub(/^test: +/, ""); name = $0; skipped = 0 }
     /^result: +exit status 77$/ { skipped = 1 }
     skipped && /^-+ (stdout|stderr) -+$/ { getline; show($0) }
     /^SKIPPED \[[0-9]+\] / { show($0) }
     /^\[ +(PASSED|FAILED|SKIPPED) +\] [0-9]+ test/ { show($0) }
     /^(=+ )?[0-9]+ (passed|failed|skipped|error|deselected).* in [0-9.]+s/ { show($0) }
    ' "$build/meson-logs/testlog.txt"
exit $result
