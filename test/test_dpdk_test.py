# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's own programs against our plugin: dmadev_autotest for every engine, addressing and memory; pmdinfo."""
import json
import os
import re
import shutil

import pytest

import support

DPDK_TEST = shutil.which("dpdk-test")
PMDINFO = shutil.which("dpdk-pmdinfo.py")
HUGE = "--no-huge" not in support.eal_options()

MODES = {
    "va": ["--in-memory", "--iova-mode=va"],
    "pa": ["--in-memory", "--iova-mode=pa"],
    "va-no-huge": ["--no-huge", "-m", "400", "--iova-mode=va", f"--file-prefix=at{os.getpid()}"],
}
ENGINES = ["engine=inline", "engine=thread", "engine=thread,workers=3", "engine=auto", "engine=service", "",
           "engine=inline,mt=1", "engine=thread,mt=1", "engine=auto,mt=1,workers=2"]


def autotest(staged, devargs, mode, prefix=()):
    """The output of dmadev_autotest on dma_dad0, one line an event."""
    if mode != "va-no-huge" and not HUGE:
        pytest.skip("no hugepages, or not root")
    service = ["-s", "0x2"] if devargs == "engine=service" else []
    if service and 1 not in os.sched_getaffinity(0):
        pytest.skip("no CPU 1 for a service core")
    command = [*prefix, DPDK_TEST, "--no-pci", *service, *MODES[mode], "-d", staged / "librte_dma_dad.so",
               "--vdev", "dma_dad0" + ("," + devargs if devargs else "")]
    r = support.run(command, timeout=120, input="dmadev_autotest\n", stdin=None,
                    env=support.preloaded(staged / "librte_dma_dad.so"))
    return (r.stdout + r.stderr).replace("\r", "\n")


def of_our_device(text):
    """The lines about dma_dad0: dpdk-test adds a dma_skeleton of its own."""
    parts = re.split(r"### Test dmadev instance \d+ \[(\S+)\]", text)
    return dict(zip(parts[1::2], parts[2::2]))["dma_dad0"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("devargs", ENGINES)
def test_dmadev_autotest_passes_and_skips_nothing(staged, devargs, mode):
    text = autotest(staged, devargs, mode)
    assert "Test OK" in text, text
    ours = of_our_device(text)
    ran = set(re.findall(r"Running ([a-z ]+) Tests", ours))
    expected = {"copy", "burst capacity", "error handling", "fill"}
    skipped = re.findall(r".*skipping.*", ours)
    if mode == "pa":  # the test itself does not try errors there: 0 is an address like any other
        expected.remove("error handling")
        assert len(skipped) == 1 and "not in VA mode" in skipped[0], skipped
    else:
        assert skipped == []
    assert ran == expected


@pytest.mark.parametrize("devargs", ["engine=thread", "engine=thread,workers=2", ""])
def test_dmadev_autotest_passes_on_one_cpu(staged, devargs):
    """Application and workers share it: who has nothing to do must let the other run."""
    cpu = str(min(os.sched_getaffinity(0)))
    text = autotest(staged, devargs, "va-no-huge", prefix=["taskset", "-c", cpu])
    assert "Test OK" in text, text
    assert "skipping" not in of_our_device(text)


def test_a_plugin_that_is_not_loaded_is_not_tested(staged):
    """The test above can fail: without our device there is nothing of it in the output."""
    r = support.run([DPDK_TEST, "--no-pci", *MODES["va-no-huge"]], timeout=120, input="dmadev_autotest\n", stdin=None)
    assert "dma_dad0" not in r.stdout + r.stderr


def test_wrong_devargs_are_explained(staged):
    for devargs, words in [("speed=11", ["speed", "engine=<inline|thread|service|auto>", "workers=<1-64>", "lcores=", "mt=<0|1>"]),
                           ("engine=warp", ["engine=warp", "inline", "thread", "service", "auto"]),
                           ("workers=0", ["workers=0", "1 to 64"]),
                           ("kernel=mmx", ["kernel=mmx", "avx2", "nt"]),
                           ("lcores=4711", ["4711"])]:
        r = support.run([DPDK_TEST, "--no-pci", *MODES["va-no-huge"], "-d", staged / "librte_dma_dad.so",
                         "--vdev", "dma_dad0," + devargs], input="quit\n", stdin=None,
                        env=support.preloaded(staged / "librte_dma_dad.so"))
        assert "failed to initialize dma_dad0" in r.stdout + r.stderr
        for word in words:
            assert word in r.stdout + r.stderr, (devargs, word)


def test_pmdinfo_shows_the_driver_and_its_devargs(staged):
    r = support.run([PMDINFO, staged / "librte_dma_dad.so"])
    assert r.returncode == 0, r.stderr
    (info,) = [i for i in json.loads(r.stdout) if i["name"] == "dma_dad"]
    for key in ("engine=", "workers=", "lcores=", "idle=", "mt=", "register=", "threshold=", "kernel="):
        assert key in info["params"]


def test_the_guide_has_the_devargs_that_the_driver_has(staged):
    """All in its table, each with the words that the driver takes, and no more."""
    (info,) = json.loads(support.run([PMDINFO, staged / "librte_dma_dad.so"]).stdout)
    params = dict(re.findall(r"(\w+)=<([^>]*)>", info["params"]))
    guide = (support.REPO / "doc/guides/dmadevs/dad.md").read_text()
    table = guide[guide.index("| devarg |"):]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table[:table.index("\n\n")], re.MULTILINE))
    assert set(rows) == set(params)
    for key, values in params.items():
        words = [w for w in re.findall(r"[a-z][a-z0-9]+", values) if "|" in values]
        for word in words:
            assert f"`{word}" in rows[key], (key, word)


def test_log_type_follows_the_convention(staged):
    r = support.run([DPDK_TEST, "--no-pci", *MODES["va-no-huge"], "-d", staged / "librte_dma_dad.so",
                     "--vdev", "dma_dad0,engine=inline", "--log-level=pmd.dma.dad:info"], input="quit\n", stdin=None,
                    env=support.preloaded(staged / "librte_dma_dad.so"))
    assert r.returncode == 0, r.stderr
    assert "dma_dad: dma_dad0: engine inline, kernel " in r.stdout + r.stderr
