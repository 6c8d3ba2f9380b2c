#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Build everything for arm64 and run there what qemu's user mode can run: the unit tests of the
# libraries and of the driver, and a file through the driver. Memory order is not put to the test:
# qemu runs the code on this machine's CPU. Without hugepages: their pages are not shared out twice.
# usage: arm64.sh BUILD [MESON_OPTION]...
set -eu
. "$(dirname "$0")/env.sh"
build=$1
shift

# Tests that qemu-user 7.2 cannot run, and why. All others of these suites are run, each with the
# first of its settings: the rest differ in hugepages and kinds of addresses, which qemu has not.
suites="ring dma drivers"
cannot="
ring_mp_test: starts itself again by /proc/self/exe, which is qemu there
ring_recover_test: tells the living from the dead by /proc, of which qemu makes up a part
coherent_export_test: starts itself again by /proc/self/exe, too
mp_test: so does this one
state_mp_test: and this
model_mp_test: and this
memory_gone_mp_test: and this
pmd_test: and one test of this
inside_test: a child that a process with threads forks, which this qemu does not survive
errors_test: expects any memory of the process to be good, for which qemu lacks process_vm_readv()
"

reason() {
    echo "$cannot" | sed -n "s/^$1: //p"
}

sysroot=$(config/arm64-sysroot.sh)
paths=.cache/arm64/sysroot.ini
printf "[constants]\nsysroot = '%s'\n" "$sysroot" >$paths
# A build folder goes with the packages it was made with.
[ -z "$(find "$sysroot/complete" -newer "$build/build.ninja" 2>/dev/null)" ] || rm -rf "$build"
config/build.sh "$build" --cross-file $paths --cross-file config/arm64.ini "$@"

export DAD_NO_HUGE=1
list=$build/meson-logs/arm64-tests.txt
for suite in $suites; do
    meson test -C "$build" --no-rebuild --list --suite "$suite" 2>/dev/null
done | sed -n 's/^[^ ]*:[^ ]* \/ //p' >"$list"
set --
not_run=
seen=" "
while read -r name; do
    case $seen in
    *" ${name%% *} "*) continue ;;
    esac
    seen="$seen${name%% *} "
    why=$(reason "${name%% *}")
    case $why in
    "") set -- "$@" "$name" ;;
    *) not_run="$not_run${name%% *}: $why
" ;;
    esac
done <"$list"
[ $# -gt 0 ] || die "arm64: no tests were built"

result=0
config/test.sh "$build" -t 3 "$@" || result=$?

# The program and the plugin, as a user has them.
in=$build/arm64-in.bin
out=$build/arm64-out.bin
trap 'rm -f "$in" "$out"' EXIT
head -c 4M /dev/urandom >"$in"
if qemu-aarch64 -L "$sysroot" "$build/app/dad-testdma" --input "$in" --output "$out" && cmp "$in" "$out"; then
    echo "dad-testdma: a file went through the driver and is the same"
else
    echo "dad-testdma: FAILED"
    result=1
fi

echo
echo "arm64 under qemu: $# tests run; not run:"
printf '%s' "$not_run" | sort -u
echo "system tests: they drive other programs of DPDK, which are not installed for arm64"
exit $result
