# SPDX-License-Identifier: BSD-3-Clause
"""dma_dad as a PCI function, on a bus that is a folder of files (drivers/dma/dad/fake_pci.h says which)."""
import json
import os
import re
import shutil
import struct

import pytest

import support

ADDRESS = "0000:ff:00.0"
DPDK_TEST = shutil.which("dpdk-test")
PMDINFO = shutil.which("dpdk-pmdinfo.py")


@pytest.fixture
def bus(tmp_path):
    """The folder of the one function."""
    function = tmp_path / "bus" / ADDRESS
    function.mkdir(parents=True)
    for name, text in {"vendor": "0x1234", "device": "0xdad0", "subsystem_vendor": "0x0000", "subsystem_device": "0x0000",
                       "class": "0x088000", "max_vfs": "0", "numa_node": "0"}.items():
        (function / name).write_text(text + "\n")
    (function / "driver").symlink_to("/")
    unused = "0x%016x 0x%016x 0x%016x\n" % (0, 0, 0)
    (function / "resource").write_text("0x%016x 0x%016x 0x%016x\n" % (0xfe000000, 0xfe000fff, 0x40200) + 5 * unused)
    (function / "resource0").write_bytes(struct.pack("<I", 0x01646164).ljust(4096, b"\0"))
    return function


@pytest.fixture
def eal(bus, staged):
    """EAL options for the device with devargs, and the environment in which there is such a bus."""
    env = dict(support.preloaded(staged / "librte_dma_dad.so"), SYSFS_PCI_DEVICES=str(bus.parent))

    def options(devargs):
        plugin = ["-d", str(staged / "librte_dma_dad.so"), "-a", ADDRESS + ("," + devargs if devargs else "")]
        return [o for o in support.eal_options() if o != "--no-pci"] + plugin
    return options, env


@pytest.mark.parametrize("devargs", ["engine=inline", "engine=thread", "engine=auto,mt=1"])
def test_dmadev_autotest_passes_on_the_function(eal, devargs):
    options, env = eal
    r = support.run([DPDK_TEST, *options(devargs)], timeout=120, input="dmadev_autotest\n", stdin=None, env=env)
    text = (r.stdout + r.stderr).replace("\r", "\n")
    assert "Probe PCI driver: dma_dad_pci (1234:dad0) device: " + ADDRESS in text
    assert "Test OK" in text, text
    parts = re.split(r"### Test dmadev instance \d+ \[(\S+)\]", text)
    ours = dict(zip(parts[1::2], parts[2::2]))[ADDRESS]
    assert {"copy", "burst capacity", "fill"} <= set(re.findall(r"Running ([a-z ]+) Tests", ours))


def test_a_file_goes_through_the_function(eal, bus, tmp_path):
    options, env = eal
    (tmp_path / "in").write_bytes(os.urandom(100001))
    r = support.run([support.TESTDMA, *options("engine=thread"), "--", "--input", tmp_path / "in", "--output", tmp_path / "out"],
                    env=dict(env, LD_PRELOAD=""))
    assert r.returncode == 0, r.stdout + r.stderr
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    assert "dma_dad_pci" in r.stdout
    # what the driver wrote while it ran: the register that says run is cleared, one vchan was set up
    _, control, nb_vchans = struct.unpack_from("<3I", (bus / "resource0").read_bytes())
    assert (control, nb_vchans) == (0, 1)


def test_a_wrong_bar_is_explained(eal, bus):
    options, env = eal
    (bus / "resource").write_text((bus / "resource").read_text().replace("fe000fff", "fe001fff"))
    r = support.run([DPDK_TEST, *options("")], input="quit\n", stdin=None, env=env)
    assert "BAR 0 has 8192 bytes, and should have 4096" in r.stdout + r.stderr


def test_pmdinfo_shows_the_ids(staged):
    r = support.run([PMDINFO, staged / "librte_dma_dad.so"])
    assert r.returncode == 0, r.stderr
    (info,) = [i for i in json.loads(r.stdout) if i["name"] == "dma_dad_pci"]
    assert [(i["vendor"], i["device"]) for i in info["pci_ids"]] == [("1234", "dad0")]
    assert "engine=" in info["params"]
