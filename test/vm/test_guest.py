# SPDX-License-Identifier: BSD-3-Clause
"""The guest itself: what it must have for the other tests to mean anything, and how it ends."""
import subprocess
from pathlib import Path

RUN = Path(__file__).resolve().parent / "run.sh"


def boot(command, limit=60):
    return subprocess.run([RUN, "-t", str(limit), command], capture_output=True, text=True,
                          timeout=limit + 60, check=False, stdin=subprocess.DEVNULL)


def test_has_two_nodes_with_hugepages_an_iommu_and_two_devices_and_returns_the_status():
    guest = boot("""
        cat /sys/devices/system/node/node?/hugepages/hugepages-2048kB/free_hugepages
        for device in $DAD_EDU $DAD_EDU_NARROW; do
            cd /sys/bus/pci/devices/$device
            echo $(cat vendor device numa_node) $(basename $(readlink driver)) $(ls iommu_group/devices | wc -l)
        done
        touch /root/written-to-the-overlay
        exit 7""")
    assert guest.returncode == 7, guest.stderr
    assert guest.stdout.splitlines() == ["128", "128", "0x1234 0x11e8 -1 vfio-pci 1", "0x1234 0x11e8 1 vfio-pci 1"]
    assert not Path("/root/written-to-the-overlay").exists()


def test_a_guest_that_hangs_is_ended_and_one_that_dies_is_reported():
    hung = boot("echo before; sleep 100", limit=15)
    assert hung.returncode == 124 and "before" in hung.stdout and "not done after 15 s" in hung.stderr
    dead = boot("echo b >/proc/sysrq-trigger; sleep 10")
    assert dead.returncode == 125 and "the guest died" in dead.stderr
