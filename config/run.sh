#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The main job, short: bulk copies over the DMA device, and a file sent through it and compared.
# usage: run.sh BUILD
set -eu
. "$(dirname "$0")/env.sh"
build=$1
testdma=$build/app/dad-testdma
[ -x "$testdma" ] || die "no $testdma: build first"

echo "1. Bulk copies by the device, some sizes, a moment each:"
"$testdma" -- --bench --sizes 64,256,1024,4096 --rounds 3 --duration-ms 200

echo
echo "2. A file of 64 MiB through the device, block by block, and what came out compared:"
in=$build/run-in.bin
out=$build/run-out.bin
trap 'rm -f "$in" "$out"' EXIT
head -c 64M /dev/urandom >"$in"
"$testdma" -- --input "$in" --output "$out"
cmp "$in" "$out"
echo "the two files are the same, byte for byte"
