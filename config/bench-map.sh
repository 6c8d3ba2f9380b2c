#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What mapping and allocating for DMA costs beside EAL's own calls: on one lcore with buffers of
# several sizes; what bouncing costs when its copies come from the core's own caches, and not from
# memory that others use, too; coherent memory beside memzones when there are fewer of these or
# more, as EAL looks through them all; and all once more on an lcore for each CPU at a time. The
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

measure()
{
    echo
    "$testdma" --mapbench "$@" --json="$part"
    cat "$part" >>"$build/mapbench.json"
}

echo
config/hugepages.sh
: >"$build/mapbench.json"
measure --sizes 64,256,1k,4k
measure --kinds single --rungs bounce --buffers 64 --batch 32 --sizes 64,256,1k,4k
for alive in 4 64 1024; do
    measure --kinds coherent --batch "$alive" --sizes 4k
done
cpus=$(nproc)
if [ "$cpus" -gt 1 ]; then
    measure --threads "$((cpus < 8 ? cpus : 8))" --sizes 4k
fi
echo
echo "the same as JSON lines: $build/mapbench.json"
