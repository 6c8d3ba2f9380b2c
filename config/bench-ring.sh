#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The ring against rte_ring in all its modes, in one process and interleaved: one producer and one
# consumer, then four and eight of each on all CPUs of the process, whether or not there are so
# many. The tables go to the terminal, and the same figures to ringbench.json in the build folder,
# one JSON object a line.
# usage: bench-ring.sh BUILD
set -eu
. "$(dirname "$0")/env.sh"
build=$1
ringperf=$build/app/dad-ringperf
[ -x "$ringperf" ] || die "no $ringperf: the summary of 'meson setup' says why"

echo
config/hugepages.sh
"$ringperf" --rings dad,dad-zc,dad-spsc,rte-mpmc,rte-rts,rte-hts,rte-spsc \
    --shape 1x1,4x4,8x8 --oversubscribe --elem 8,16,32,64 --bulk 1,8,32,64 \
    --rounds 5 --duration 40 --latency 10 --json="$build/ringbench.json"
echo
echo "the same as JSON lines: $build/ringbench.json"
