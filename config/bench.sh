#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The full sweep: both engines of dma_dad beside DPDK's dma_skeleton and the CPU's own functions,
# in one process and interleaved, so that the figures may be compared. One lcore drives the
# devices; the other CPUs are left to their threads. The tables go to the terminal, and the same
# figures to bench.json in the build folder, one JSON object a line.
# usage: bench.sh BUILD
set -eu
. "$(dirname "$0")/env.sh"
build=$1
testdma=$build/app/dad-testdma
[ -x "$testdma" ] || die "no $testdma: the summary of 'meson setup' says why"

hugepages=$(config/hugepages.sh)
echo "$hugepages"
case $hugepages in
*--no-huge*) memory="--no-huge -m 512 --iova-mode=va --file-prefix=dad-bench" ;;
*) memory=--in-memory ;;
esac
cpu=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)

# shellcheck disable=SC2086 # a list of options
"$testdma" -l "$cpu" --no-pci $memory --no-telemetry --log-level lib.eal:warning \
    --vdev dma_dad0,engine=thread --vdev dma_dad1,engine=inline --vdev dma_skeleton0 -- \
    --bench --rounds 9 --json="$build/bench.json"
echo
echo "the same as JSON lines: $build/bench.json"
