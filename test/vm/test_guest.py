# SPDX-License-Identifier: BSD-3-Clause
"""The guest itself: what it must have for the other tests to mean anything, and how it ends."""
from pathlib import Path

from guest import Guest


def test_has_two_nodes_with_hugepages_an_iommu_and_two_devices_and_returns_the_status():
    guest = Guest("""
        cat /sys/devices/system/node/node?/hugepages/hugepages-2048kB/free_hugepages
        for device in $DAD_EDU $DAD_EDU_NARROW; do
            cd /sys/bus/pci/devices/$device
            echo $(cat vendor device numa_node) $(basename $(readlink driver)) $(ls iommu_group/devices | wc -l)
        done
        touch /root/written-to-the-overlay
        exit 7""")
    assert guest.returncode == 7, guest.stderr
    assert guest.stdout.splitlines() == ["128", "128", "0x1234 0x11e8 -1 vfio-pci 1", "0x1234 0x11e8 1 vfio-pci 1"]
    assert "DMAR: IOMMU enabled" in guest.kernel_log
    assert not Path("/root/written-to-the-overlay").exists()


def test_a_guest_that_hangs_is_ended():
    guest = Guest("echo before; sleep 100", limit=5)
    assert guest.returncode == 124 and "before" in guest.stdout and "not done after 5 s" in guest.stderr


def test_a_guest_that_dies_is_reported():
    guest = Guest("echo b >/proc/sysrq-trigger; sleep 10")
    assert guest.returncode == 125 and "the guest died" in guest.stderr
