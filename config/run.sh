#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The main job, short: bulk copies over the DMA device, and a file sent through it and compared.
# usage: run.sh BUILD
set -eu
. "$(dirname "$0")/env.sh"
build=$1
testdma=$build/app/dad-testdma
[ -x "$testdma" ] || die "no $testdma: the summary of 'meson setup' says why"

echo "1. What the device moves in bulk, beside DPDK's own software device and the CPU, a moment each:"
"$testdma" --bench --sets core --sizes 64,256,1k,4k,64k --rounds 3

echo
echo "2. A file of 64 MiB through the device, and what came out compared with what went in:"
in=$build/run-in.bin
out=$build/run-out.bin
trap 'rm -f "$in" "$out"' EXIT
head -c 64M /dev/urandom >"$in"
"$testdma" --input "$in" --output "$out"
cmp "$in" "$out"
echo "the two files are the same, byte for byte"
