#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Boot a guest on this machine's own file system (read-only, with an overlay of memory), run a
# command in it as root, print its output and exit with its status.
#   two NUMA nodes with two CPUs, 1 GiB and 256 MiB of hugepages each; VT-d; two "edu" devices bound
#   to vfio-pci: DAD_EDU with 28 address bits, on no node; DAD_EDU_NARROW with 24, on node 1
# usage: run.sh [-j] [-n] [-t SECONDS] [-k FILE] COMMAND
#   -j  the guest's time jumps over what it waits for; one CPU only, on node 0
#   -n  without an IOMMU; the devices are bound to nothing
#   -t  kill the guest when the command has run for so long (default 90); booting has 120 s beside
#   -k  copy the guest's kernel log there
# exit status: that of COMMAND; 124 time is up; 125 the guest died; 126 cannot start it
set -euo pipefail
# shellcheck source=config/env.sh
. "$(dirname "$0")/../../config/env.sh"
cd ..  # env.sh went to the folder above this one
limit=90
boot_limit=120
kernel_log=
cpus="-accel tcg,thread=multi -smp 4 -numa node,nodeid=0,memdev=m0,cpus=0-1 -numa node,nodeid=1,memdev=m1,cpus=2-3"
# aw-bits: with the 39 of the default EAL could not have virtual addresses for IOVAs
iommu="-device intel-iommu,intremap=on,caching-mode=on,aw-bits=48"
while getopts jnt:k: option; do
    case $option in
    # The clock counts instructions, 4 ns each, and is put forward to the next timer when there are none. QEMU 7.2 does
    # not get a second CPU started that way.
    j) cpus="-accel tcg,thread=single -icount shift=2,sleep=off -smp 1
        -numa node,nodeid=0,memdev=m0,cpus=0 -numa node,nodeid=1,memdev=m1" ;;
    n) iommu= ;;
    t) limit=$OPTARG ;;
    k) kernel_log=$OPTARG ;;
    *) exit 126 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || { echo "usage: run.sh [-j] [-n] [-t SECONDS] [-k FILE] COMMAND" >&2; exit 126; }

build=${DAD_BUILD:-$PWD/build}
for folder in "$PWD" "$build"; do
    case $(readlink -f "$folder")/ in
    /tmp/* | /run/* | /dev/*)
        echo "vm: the guest cannot see $folder: it has a /tmp, /run and /dev of its own; move the checkout" >&2
        exit 126
        ;;
    esac
done
test/vm/prepare.sh || exit 126
cache=$PWD/.cache/vm
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
printf '%s' "$1" >"$out/command"
cat >"$out/environment" <<END
export DAD_TOP='$PWD' DAD_BUILD='$build'
export DAD_EDU=0000:00:03.0 DAD_EDU_NARROW=0000:41:00.0
END

# shellcheck disable=SC2054,SC2206 # options with commas, and these two are several words
qemu=(qemu-system-x86_64 -machine q35,kernel-irqchip=split -cpu max -m 2G
    -object memory-backend-ram,id=m0,size=1G -object memory-backend-ram,id=m1,size=1G
    $cpus $iommu
    -device edu,bus=pcie.0,addr=3
    -device pxb-pcie,id=far,bus_nr=64,numa_node=1 -device pcie-root-port,id=slot1,bus=far,chassis=1
    -device edu,bus=slot1,addr=0,dma_mask=0xffffff
    -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap
    -device virtio-9p-pci,bus=pcie.0,fsdev=host,mount_tag=host
    -fsdev "local,id=out,path=$out,security_model=none"
    -device virtio-9p-pci,bus=pcie.0,fsdev=out,mount_tag=out
    -kernel "$cache/vmlinuz" -initrd "$cache/initramfs.gz"
    -append "console=ttyS0 quiet panic=-1 intel_iommu=on iommu=pt mitigations=off dad.top=$PWD"
    -net none -vga none -display none -monitor none -serial "file:$out/console" -no-reboot)

# A loaded machine boots slowly; that is not the command's fault, whose time begins with its output.
result=0
booted=
"${qemu[@]}" >"$out/qemu.log" 2>&1 </dev/null &
guest=$!
trap 'kill -9 $guest 2>/dev/null || true; rm -rf "$out"' EXIT
end=$((SECONDS + boot_limit))
while kill -0 $guest 2>/dev/null; do
    if [ -z "$booted" ] && [ -e "$out/output" ]; then
        booted=yes
        end=$((SECONDS + limit))
    fi
    if [ $SECONDS -ge $end ]; then
        result=124
        kill $guest
        break
    fi
    sleep 0.2
done
status=0
wait $guest || status=$?
trap 'rm -rf "$out"' EXIT
[ $result -eq 124 ] || result=$status
[ ! -f "$out/output" ] || cat "$out/output"
[ -z "$kernel_log" ] || cp "$out/kernel.log" "$kernel_log" 2>/dev/null || true
if [ -s "$out/status" ]; then
    exit "$(cat "$out/status")"
fi
{
    if [ $result -eq 124 ] && [ -z "$booted" ]; then
        echo "vm: not booted after $boot_limit s; the end of the console:"
    elif [ $result -eq 124 ]; then
        echo "vm: not done after $limit s; the end of the console:"
    else
        echo "vm: the guest died (QEMU's exit status $result); the end of the console:"
        result=125
    fi
    tail -n 20 "$out/console" "$out/qemu.log" 2>/dev/null
} >&2
exit $result
