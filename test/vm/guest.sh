#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Second and last program of the guest: make hugepages, give the devices to vfio-pci, run the
# command that the host left in /run/out, leave its output and exit status there, switch off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
out=/run/out
mkdir -p /dev/shm /dev/hugepages
mount -t tmpfs tmpfs /dev/shm
mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages
ip link set lo up 2>/dev/null

for node in 0 1; do
    echo 128 >/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages
done

# DAD_EDU and DAD_EDU_NARROW: the addresses of the two devices (28 and 24 address bits).
# shellcheck source=/dev/null
. "$out/environment"
for device in $DAD_EDU $DAD_EDU_NARROW; do
    echo vfio-pci >"/sys/bus/pci/devices/$device/driver_override"
    echo "$device" >/sys/bus/pci/drivers_probe
done

# EAL loads plugins from nowhere that others may write to: where the checkout lies is not known.
mkdir /run/pmd
cp "$DAD_BUILD"/drivers/librte_dma_edu.so "$DAD_BUILD"/drivers/librte_dma_dad.so "$DAD_BUILD"/lib/libdad_dma.so.0 /run/pmd/
export DAD_EDU_PMD=/run/pmd/librte_dma_edu.so DAD_PMD=/run/pmd/librte_dma_dad.so

cd "$DAD_TOP" || exit
sh -c "$(cat $out/command)" >$out/output 2>&1 </dev/null
echo $? >$out/status
dmesg >$out/kernel.log
# -no-reboot makes QEMU end at the second, should the first not do
poweroff -f &
sleep 5
echo b >/proc/sysrq-trigger
