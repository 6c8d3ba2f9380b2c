#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What mapping and allocating for DMA costs beside EAL's own calls: on one lcore with buffers of
# several sizes, then on an lcore for each CPU at a time; and the allocator of IOVAs alone. The
# tables go to the terminal, and the same figures to mapbench.json in the build folder, one JSON
# object a line.
# usage: bench-map.sh BUILD
set -eu
. "$(dirname "$0")/env.sh"
build=$1
testdma=$build/app/dad-testdma
[ -x "$testdma" ] || die "no $testdma: the summary of 'meson setup' says why"
part=$build/mapbench-part.json
trap 'rm -f "$part"' EXIT

echo
config/hugepages.sh
"$testdma" --mapbench --sizes 64,256,1k,4k --json="$part"
cat "$part" >"$build/mapbench.json"
cpus=$(nproc)
if [ "$cpus" -gt 1 ]; then
    echo
    "$testdma" --mapbench --threads "$((cpus < 8 ? cpus : 8))" --sizes 4k --json="$part"
    cat "$part" >>"$build/mapbench.json"
fi
echo
"$build/lib/iova_bench" "$build/mapbench.json"
echo
echo "the same as JSON lines: $build/mapbench.json"
