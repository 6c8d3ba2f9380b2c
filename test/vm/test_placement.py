# SPDX-License-Identifier: BSD-3-Clause
"""Memory and workers lie where the device is, on a machine with two NUMA nodes; and where they go if they cannot."""
import re

from guest import Guest

# Devices of both buses on both nodes. dma_dad1's worker has its CPU said; lcore 0 is on node 0, as is CPU 1
SHOW = """
    printf 'set qdepth 1\\nset batch 1\\nstart\\nshow numa\\nsleep 0.3\\nstop\\nquit\\n' >/tmp/commands
    timeout 60 $DAD_BUILD/app/dad-testdma -l 0 --in-memory --vdev dma_dad0,numa=0,idle=sleep --vdev dma_dad1,numa=1,lcores=1,idle=sleep \
        -a 0000:ff:00.0,engine=thread,idle=sleep -a $DAD_EDU_NARROW,mask=24,map=window -d $DAD_EDU_PMD \
        -- --cmdline-file /tmp/commands || exit 1
"""
DEVICES = {"0000:41:00.0 (dma_edu)": 1, "0000:ff:00.0 (dma_dad_pci, thread)": 1,
           "dma_dad0 (dma_dad, thread)": 0, "dma_dad1 (dma_dad, thread)": 1}
WORKERS = {"0000:ff:00.0 (dma_dad_pci, thread)": {"CPU 2 on node 1", "CPU 3 on node 1"},
           "dma_dad0 (dma_dad, thread)": {"CPU 1 on node 0"}, "dma_dad1 (dma_dad, thread)": {"CPU 1 on node 0"}}


def shown(text):
    """What `show numa` printed: for each device its node and lines, the word before the colon as key."""
    devices = {}
    for line in text.splitlines():
        if m := re.fullmatch(r"(\S+ \(.*\)): on node (\d)", line):
            devices[m[1]] = device = {"node": int(m[2])}
        elif m := re.fullmatch(r"  (descriptor rings|buffers|workers): (.*)", line):
            device[m[1]] = m[2]
    return devices


def test_memory_and_workers_follow_the_device_and_go_elsewhere_where_there_is_no_memory():
    guest = Guest(f"""
        test/fake_pci.sh /tmp/bus 1 $DAD_EDU_NARROW
        export SYSFS_PCI_DEVICES=/tmp/bus
        {SHOW}
        echo 0 >/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages
        echo === no hugepages on node 1
        {SHOW}
        $DAD_BUILD/app/dad-testdma -l 0 --in-memory --no-pci --vdev dma_dad0,numa=2 -- --start --count 1 && exit 2
        exit 0""", limit=150).check()
    with_pages, without = guest.stdout.split("=== no hugepages on node 1")

    devices = shown(with_pages)
    assert {name: d["node"] for name, d in devices.items()} == DEVICES
    for name, d in devices.items():
        asked = f"node {d['node']} asked for, found on node {d['node']}"
        assert (d["descriptor rings"], d["buffers"]) == (asked, asked), name
        assert d["workers"] in WORKERS.get(name, {"none of its own"}), name

    devices = shown(without)
    assert {name: d["node"] for name, d in devices.items()} == DEVICES
    for name, d in devices.items():
        asked = f"node {d['node']} asked for, found on node 0"
        assert (d["descriptor rings"], d["buffers"]) == (asked, asked), name
        assert d["workers"] in WORKERS.get(name, {"none of its own"}), name
    assert "no memory left on node 1: taken from another" in without
    assert guest.stdout.count("errors 0") >= 10 and not re.search(r"errors [1-9]", guest.stdout)
    assert "numa=2: valid are 0 to 1" in without
