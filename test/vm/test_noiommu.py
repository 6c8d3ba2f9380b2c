# SPDX-License-Identifier: BSD-3-Clause
"""A machine without IOMMU, where vfio gives a device to a program all the same: told apart, and refused."""
import os
import subprocess

import pytest

from guest import RUN, Guest, run_testdma

# The kernel has loaded its own vfio, without the mode: another one takes its place
SWAP = """
    modules=.cache/vm/modules/kernel/drivers/vfio
    rmmod vfio_pci vfio_pci_core vfio_iommu_type1 vfio_virqfd vfio
    insmod .cache/vm/noiommu/vfio.ko enable_unsafe_noiommu_mode=1
    for module in vfio_virqfd vfio_iommu_type1 pci/vfio-pci-core pci/vfio-pci; do insmod $modules/$module.ko; done
    echo $DAD_EDU >/sys/bus/pci/drivers_probe
    cat /sys/bus/pci/devices/$DAD_EDU/iommu_group/name
"""


@pytest.mark.skipif("DAD_VM_WHOLE" not in os.environ, reason="with DAD_VM_WHOLE only: builds a module of the kernel")
def test_the_mode_without_iommu_is_told_apart():
    subprocess.run([RUN.with_name("noiommu.sh")], check=True, timeout=300, stdin=subprocess.DEVNULL)
    guest = Guest(f"""{SWAP}
        DAD_TEST='*without_iommu*' $DAD_BUILD/test/vm_vfio_test || exit 1
        {run_testdma("map=window", "--start --count 1").replace("--iova-mode=va", "")} && exit 2
        echo === addresses of EAL
        {run_testdma("map=eal", "--start --count 1").replace("--iova-mode=va", "")} && exit 3
        exit 0""", options=["-n"]).check()
    assert "vfio-noiommu" in guest.stdout.splitlines()
    own, eal = guest.stdout.split("=== addresses of EAL")
    # once by the test, once by the driver, whose device is bound and probed
    assert own.count("no IOMMU protects anything from it: it can only have EAL's physical addresses") == 2
    assert "Selected IOVA mode 'PA'" in own and "Probe PCI driver: dma_edu" in own
    # physical addresses it may have; but no memory of this guest lies below 2^28
    assert "no IOMMU protects" not in eal and "EAL has no memory at an address of 28 bits" in eal
