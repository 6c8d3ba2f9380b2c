#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# See to free 2 MiB hugepages and a hugetlbfs mount, and say in one line what there is. As root it
# reserves what is missing and never takes a page away; without the rights for it, in a container
# or on a small machine, programs run on --no-huge. That is no error, so this never fails.
# usage: hugepages.sh [PAGES]
set -eu
. "$(dirname "$0")/env.sh"

# 1 GiB, but no more than a quarter of what memory is available.
want=${1:-512}
most=$(awk '/^MemAvailable:/ { print int($2 / 2048 / 4) }' /proc/meminfo)
[ "$want" -le "$most" ] || want=$most
# Programs use hugepages from here on: see app/common/eal_defaults.c.
enough=96
pool=/sys/kernel/mm/hugepages/hugepages-2048kB

free_pages() {
    if [ -r $pool/free_hugepages ]; then
        echo $(($(cat $pool/free_hugepages) - $(cat $pool/resv_hugepages)))
    else
        echo 0
    fi
}

reserve() {
    lacking=$((want - $(free_pages)))
    [ "$lacking" -le 0 ] || echo $(($(cat $pool/nr_hugepages) + lacking)) >$pool/nr_hugepages
}

# Programs that take no --in-memory, dpdk-test among them, look for a mount.
mount_hugetlbfs() {
    grep -q ' hugetlbfs ' /proc/mounts ||
        { mkdir -p /dev/hugepages && mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages; }
}

why="only root can reserve more"
if [ "$(id -u)" = 0 ]; then
    why="no more could be reserved"
    (reserve) 2>/dev/null || true
    mount_hugetlbfs 2>/dev/null || true
fi

count=$(free_pages)
if [ "$count" -ge "$enough" ]; then
    echo "hugepages: $count of 2 MiB free"
else
    echo "hugepages: $count of 2 MiB free and $why: programs run on --no-huge"
fi
