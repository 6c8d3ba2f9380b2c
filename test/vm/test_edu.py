# SPDX-License-Identifier: BSD-3-Clause
"""A PCI device behind an IOMMU: the vfio backend, the driver on it, and programs on the driver."""
import os
import re

from guest import Guest, run_testdma


def test_the_vfio_backend_lets_a_device_have_what_it_was_given_and_no_more():
    guest = Guest("$DAD_BUILD/test/vm_vfio_test && $DAD_BUILD/test/vm_vfio_domain_test", limit=120).check()
    # the test saw that nothing changed; this is why
    assert guest.faults("Write") == 2
    # one more if the kernel maps for writing only when that is asked for
    assert guest.faults("Read") == (1 if "mapped for writing only, and read" in guest.stdout else 2)


def test_copies_of_memory_anywhere():
    guest = Guest("$DAD_BUILD/test/vm_copy_test", limit=150).check()
    # both of them without the library
    assert (guest.faults("Read"), guest.faults("Write")) == (1, 1)


def test_failures_and_a_thousand_rounds():
    guest = Guest("$DAD_BUILD/test/vm_failure_test && echo === rounds && $DAD_BUILD/test/vm_rounds_test", limit=200).check()
    # one to where nothing is mapped, one to what is mapped for reading
    assert (guest.faults("Read"), guest.faults("Write")) == (0, 2)
    # what a container says that is closed with mappings in it
    assert "still mapped" not in guest.stdout.split("=== rounds")[1]


def test_programs_use_the_device_and_a_killed_one_leaves_it_usable():
    copy = run_testdma("map=window,verify=1", "--input /tmp/in --output /tmp/out --size 5000 --qdepth 2 --verify full")
    sizes = [1, 4095, 4096, 5000, 40000]  # around the 4095 bytes that the device takes at a time
    every = "".join(f"set size {size}\nstart\nwait\nstop\n" for size in sizes)
    endless = run_testdma("map=strict", "--start --size 64 --batch 1 --qdepth 4").replace("timeout 60", "exec")
    guest = Guest(f"""
        head -c 40000 /usr/bin/env >/tmp/in
        free_hugepages() {{ cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages; }}
        before=$(free_hugepages)
        printf 'set count 1\nset qdepth 1\nset batch 1\nset verify full\n{every}quit\n' >/tmp/commands
        {run_testdma("map=strict", "--cmdline-file /tmp/commands")} || exit 4
        {copy} && cmp /tmp/in /tmp/out || exit 1
        rm /tmp/out
        for round in 1 2 3; do
            {endless} >/tmp/log 2>&1 &
            until grep -q "Probe PCI driver: dma_edu" /tmp/log; do sleep 1; kill -0 $! || exit 2; done
            sleep 2
            kill -9 $!
            wait $!
            [ $? -eq 137 ] || exit 2
        done
        [ "$(free_hugepages)" -eq "$before" ] || exit 5
        {copy} && cmp /tmp/in /tmp/out || exit 3""", limit=150).check()
    for size in sizes:
        assert f"copy of {size} bytes\n  submitted 1, completed 1, errors 0" in guest.stdout, size
    assert guest.stdout.count("checked 1, miscompares 0") >= len(sizes)
    assert len(re.findall("40000 bytes in .* with reading and writing", guest.stdout)) == 2
    assert len(re.findall("8 operations of up to 5000 bytes.*, 8 checked, no errors", guest.stdout)) == 2
    # No word about faults: what a killed program left running may be stopped, or may have ended.


# Rounds of 133 copies, and what tells that so many are over: all of them are 640, and then others. In real time each
# would take 27 s. The second device, which comes after all of that, is dpdk-test's own.
ROUNDS, WHOLE = 30, "### Test dmadev instance 1 "


def test_dpdk_test_drives_the_device():
    """A part of dmadev_autotest; with DAD_VM_WHOLE set, all of it, in minutes."""
    whole = "DAD_VM_WHOLE" in os.environ
    until = f"grep '{WHOLE}'" if whole else f"grep -m {ROUNDS} 'Ops completed'"
    guest = Guest(f"""
        (echo dmadev_autotest; echo quit) | LD_PRELOAD=$DAD_BUILD/test/libvm_patience.so stdbuf -o0 dpdk-test \
            -l 0 --in-memory --iova-mode=va -a $DAD_EDU -d $DAD_EDU_PMD 2>&1 | stdbuf -o0 tr '\\r' '\\n' |
            tee /tmp/log | {until} >/tmp/found
        cat /tmp/log; [ -s /tmp/found ]""", limit=400 if whole else 100, options=["-j"]).check()
    device = guest.stdout.split("### Test dmadev instance 0 [0000:00:03.0]")[1].split(WHOLE)[0]
    tests = device.split("Running ")[1:]
    # each line comes after the data of a round was found good
    copies = re.findall("Ops submitted: ([0-9]+)\tOps completed: ([0-9]+)\tErrors: 0$", tests[0], re.MULTILINE)
    assert tests[0].startswith("copy Tests") and len(copies) >= ROUNDS
    assert int(copies[-1][1]) == int(copies[-1][0]) == len(copies) * int(copies[0][1])
    assert not whole or [name.split(" Tests")[0] for name in tests] == ["copy", "burst capacity", "error handling"]
    assert "Error " not in device and (guest.faults("Read"), guest.faults("Write")) == (0, 0)
