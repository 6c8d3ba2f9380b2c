#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Compile a libFuzzer target with the driver and the DMA library in it.
# usage: build.sh CLANG SOURCE_ROOT TARGET.c OUTPUT SDK_FLAG KERNEL...
set -eu
clang=$1 root=$2 target=$3 output=$4 sdk=$5
shift 5

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
driver=$root/drivers/dma/dad
flags="-g -O1 -std=gnu11 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -D_GNU_SOURCE -DALLOW_EXPERIMENTAL_API
    -DALLOW_INTERNAL_API $(pkg-config --cflags libdpdk) $sdk -I$driver -I$root/drivers/compat
    -I$root/lib/dma -I$root/lib/ring"

compile() { # SOURCE OBJECT FLAG...
    source=$1 object=$2
    shift 2
    # shellcheck disable=SC2086 # a list of options
    "$clang" $flags "$@" -c "$source" -o "$dir/$object"
}

for source in "$driver"/dad_*.c "$root"/lib/dma/*.c; do
    case $source in
    *_test.c | *_bench.c) ;;
    *) compile "$source" "$(basename "$source" .c).o" ;;
    esac
done
for kernel; do
    case $kernel in
    avx2) compile "$driver/exec_avx2.c" exec_avx2.o -mavx2 ;;
    avx512) compile "$driver/exec_avx512.c" exec_avx512.o -mavx512f -mavx512bw -mavx512vl ;;
    *) compile "$driver/exec_$kernel.c" "exec_$kernel.o" ;;
    esac
done
# shellcheck disable=SC2046 # a list of options
"$clang" -fsanitize=fuzzer,address,undefined -g $(printf '%s\n' "$flags" | tr '\n' ' ' | sed 's/-fsanitize=[^ ]*//') \
    "$target" "$dir"/*.o -o "$output" $(pkg-config --libs libdpdk) \
    -L"$(pkg-config --variable=libdir libdpdk)" -lrte_bus_vdev -lrte_bus_pci -lnuma -lpthread
