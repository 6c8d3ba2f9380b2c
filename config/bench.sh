#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The full sweep: both engines of dma_dad beside DPDK's dma_skeleton and plain memcpy, in one
# process, so that the figures may be compared. The table goes to the terminal, and the same as
# JSON lines to bench.json in the build folder.
# usage: bench.sh BUILD
set -eu
. "$(dirname "$0")/env.sh"
build=$1
testdma=$build/app/dad-testdma
[ -x "$testdma" ] || die "no $testdma: build first"
