#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Make a PCI bus of files: with one dma_dad at 0000:ff:00.0, on a NUMA node, and with devices of the
# machine, by their addresses. For SYSFS_PCI_DEVICES.
# usage: fake_pci.sh FOLDER NODE [ADDRESS]...
set -eu
folder=$1/0000:ff:00.0
node=$2
mkdir -p "$folder"
for address in "$@"; do
    [ ! -e "/sys/bus/pci/devices/$address" ] || ln -s "/sys/bus/pci/devices/$address" "$1/"
done
cd "$folder"
echo 0x1234 >vendor
echo 0xdad0 >device
echo 0x0000 >subsystem_vendor
echo 0x0000 >subsystem_device
echo 0x088000 >class
echo 0 >max_vfs
echo "$node" >numa_node
ln -s / driver
echo 0x00000000fe000000 0x00000000fe000fff 0x0000000000040200 >resource
for _ in 1 2 3 4 5; do
    echo 0x0000000000000000 0x0000000000000000 0x0000000000000000 >>resource
done
printf 'dad\001' >resource0
truncate -s 4096 resource0
