# SPDX-License-Identifier: BSD-3-Clause
"""dma_dad as a PCI function, on a bus that is a folder of files."""
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

import support

ADDRESS = "0000:ff:00.0"
# where no sanitizer maps anything either: a secondary has to find the same place free
BASE = "--base-virtaddr=0x200000000000"
DPDK_TEST = shutil.which("dpdk-test")
PMDINFO = shutil.which("dpdk-pmdinfo.py")


@pytest.fixture
def bus(tmp_path):
    """The folder of the one function."""
    subprocess.run([support.REPO / "test" / "fake_pci.sh", tmp_path / "bus", "0"], check=True)
    return tmp_path / "bus" / ADDRESS


@pytest.fixture
def eal(bus, staged):
    """EAL options for the device with devargs, and the environment in which there is such a bus."""
    env = dict(support.preloaded(staged / "librte_dma_dad.so"), SYSFS_PCI_DEVICES=str(bus.parent))

    def options(devargs):
        plugin = ["-d", str(staged / "librte_dma_dad.so"), "-a", ADDRESS + ("," + devargs if devargs else "")]
        return [o for o in support.eal_options() if o != "--no-pci"] + plugin
    return options, env


def registers(bus):
    """Identification, control, number of vchans."""
    return struct.unpack_from("<3I", (bus / "resource0").read_bytes())


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
    assert registers(bus)[1:] == (0, 1)


def test_a_secondary_process_attaches_to_the_function(eal, bus, tmp_path):
    options, env = eal
    if "--in-memory" not in options(""):
        pytest.skip("no hugepages, or not root: no memory that two processes share")
    prefix = f"pci{os.getpid()}"
    shared = [o for o in options("engine=thread") if o != "--in-memory"] + [BASE, f"--file-prefix={prefix}"]
    # EAL's files: some are sockets, with short names; pages of a primary stay for secondaries that outlive it
    place = tempfile.mkdtemp(prefix="dad-")
    env = dict(env, LD_PRELOAD="", RUNTIME_DIRECTORY=place)
    (tmp_path / "commands").write_text("show device\nshow vchan\ndump\nquit\n")
    try:
        with support.Running([support.TESTDMA, *shared, "--", "--start", "--count", "1000000000"], env=env) as primary:
            primary.until(lambda: registers(bus)[1] == 1)
            r = support.run([support.TESTDMA, *shared, "--proc-type=secondary", "--", "--cmdline-file", tmp_path / "commands"],
                            env=env)
            primary.interrupt()
            assert primary.end() == 0 and "errors 0" in primary.stdout, primary.stdout + primary.stderr
    finally:
        shutil.rmtree(place)
        for page in Path("/dev/hugepages").glob(prefix + "map_*"):
            page.unlink()
    assert r.returncode == 0, r.stdout + r.stderr
    assert "(dma_dad_pci, thread)" in r.stdout and "rings on nodes: 0" in r.stdout


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
