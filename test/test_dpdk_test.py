# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's own programs against our plugin: dmadev_autotest for every engine, addressing and memory; pmdinfo."""
import json
import os
import re
import resource
import shutil
import sys

import pytest

import support

DPDK_TEST = support.dpdk_program("dpdk-test")
PMDINFO = support.dpdk_program("dpdk-pmdinfo.py")
pytestmark = pytest.mark.skipif(DPDK_TEST is None, reason=f"the DPDK in {support.DPDK_PREFIX} has no dpdk-test")

NOBODY = 65534

HUGE = "--no-huge" not in support.eal_options()

# EAL has no physical addresses without hugepages.
MODES = {
    "va": ["--in-memory", "--iova-mode=va"],
    "pa": ["--in-memory", "--iova-mode=pa"],
    "va-no-huge": support.no_huge(400),
}
ENGINES = ["", "engine=inline", "engine=thread", "engine=thread,workers=3", "engine=auto", "engine=service",
           "engine=thread,pool=a"]
MT = ["", "mt=1"]

# Tests of dmadev_autotest that a device must not be let off. Those of memory that EAL does not know, and with
# NULL for an address, are for virtual addresses only.
MUST = {"copy", "burst capacity", "error handling", "fill"}
MUST_SINCE_24_03 = MUST | {"sg copy", "stop start"}
VA_ONLY = {"error handling", "sva copy", "dma enq deq", "test dma ops enq deq"}
# what the device does not offer in the test's setting
NOT_OFFERED = {"m2d autofree"}
# In these dmadev_autotest takes pointers for IOVAs, but for releases that had it mended later.
POINTERS_FOR_IOVAS = ("24.03.", "24.07.", "24.11.")


def autotest(staged, devargs, mode, prefix=()):
    """The output of dmadev_autotest on dma_dad0, one line an event."""
    if mode != "va-no-huge" and not HUGE:
        pytest.skip("no hugepages, or not root")
    service = ["-s", "0x2"] if "engine=service" in devargs else []
    if service and 1 not in os.sched_getaffinity(0):
        pytest.skip("no CPU 1 for a service core")
    command = [*prefix, DPDK_TEST, "--no-pci", *service, *MODES[mode], "-d", staged / "librte_dma_dad.so",
               "--vdev", ",".join(w for w in ("dma_dad0", *devargs) if w)]
    # newer tests take 16 MiB of stack for a device with scatter lists of 64 entries
    r = support.run(command, timeout=120, input="dmadev_autotest\n", stdin=None,
                    env=support.preloaded(staged / "librte_dma_dad.so"),
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, -1)))
    return (r.stdout + r.stderr).replace("\r", "\n")


def of_our_device(text):
    """The lines about dma_dad0: dpdk-test adds a dma_skeleton of its own."""
    parts = re.split(r"### Test dmadev (instance|infrastructure using) \d+ \[(\S+)\]", text)
    return {what: lines for what, name, lines in zip(parts[1::3], parts[2::3], parts[3::3]) if name == "dma_dad0"}


def cases_of(lines):
    """What became of each test case, as DPDK from 24.03 on says; empty before."""
    found = re.findall(r"TestCase \[ *\d+\] : (\S+) (succeeded|skipped|failed)", lines)
    return {name.replace("_", " "): result for name, result in found}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("mt", MT)
@pytest.mark.parametrize("engine", ENGINES)
def test_dmadev_autotest_passes_and_skips_nothing(staged, engine, mt, mode):
    text = autotest(staged, [engine, mt], mode)
    if mode == "pa" and support.DPDK_VERSION.startswith(POINTERS_FOR_IOVAS) and "test_dma_completed failed" in text:
        pytest.skip(f"dmadev_autotest of DPDK {support.DPDK_VERSION} takes pointers for IOVAs")
    assert "Test OK" in text, text
    ours = of_our_device(text)
    cases = cases_of(ours["instance"])
    must = MUST_SINCE_24_03 if cases else MUST
    may_skip = NOT_OFFERED | (VA_ONLY if mode == "pa" else set())
    ran = {name.replace("_", " ").strip() for name in re.findall(r"Running ([a-z_ ]+) Tests", ours["instance"])}
    assert must - may_skip <= ran, ours
    if not cases:
        skipped = re.findall(r".*skipping.*", ours["instance"])
        assert len(skipped) == (mode == "pa"), skipped
        return
    api = cases_of(ours["infrastructure using"])
    assert len(api) > 10
    for name, result in {**api, **cases}.items():
        assert result == "succeeded" or (result == "skipped" and name in may_skip), (name, result)


@pytest.mark.parametrize("engine", ["engine=inline", "engine=thread,workers=2", "engine=auto,mt=1"])
def test_dmadev_autotest_passes_where_errors_halt(staged, engine):
    text = autotest(staged, [engine, "halt=1"], "va")
    assert "Test OK" in text, text
    assert "skipping" not in of_our_device(text)["instance"]


@pytest.mark.parametrize("devargs", ["engine=thread", "engine=thread,workers=2", ""])
def test_dmadev_autotest_passes_on_one_cpu(staged, devargs):
    """Application and workers share it: who has nothing to do must let the other run."""
    cpu = str(min(os.sched_getaffinity(0)))
    text = autotest(staged, [devargs], "va-no-huge", prefix=["taskset", "-c", cpu])
    assert "Test OK" in text, text
    assert "skipping" not in of_our_device(text)["instance"]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to become nobody, and setpriv")
@pytest.mark.parametrize("devargs", ["engine=inline", "engine=thread", "engine=auto,mt=1"])
def test_dmadev_autotest_passes_without_privileges(devargs, monkeypatch):
    """As in a container: another user than root, no capability, no hugepages."""
    support.need_driver()
    folder = support.private_folder(owner=NOBODY)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    try:
        nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all"]
        text = autotest(support.stage(folder), [devargs], "va-no-huge", prefix=nobody)
        assert "Test OK" in text, text
        assert "skipping" not in of_our_device(text)["instance"]
    finally:
        shutil.rmtree(folder)


def test_a_plugin_that_is_not_loaded_is_not_tested(staged):
    """The test above can fail: without our device there is nothing of it in the output."""
    r = support.run([DPDK_TEST, "--no-pci", *MODES["va-no-huge"]], timeout=120, input="dmadev_autotest\n", stdin=None,
                    env=support.preloaded(staged / "librte_dma_dad.so"))
    assert "dma_dad0" not in r.stdout + r.stderr


def test_wrong_devargs_are_explained(staged):
    for devargs, words in [("speed=11", ["speed", "engine=<inline|thread|service|auto>", "workers=<1-64>", "lcores=", "mt=<0|1>"]),
                           ("engine=warp", ["engine=warp", "inline", "thread", "service", "auto"]),
                           ("workers=0", ["workers=0", "1 to 64"]),
                           ("kernel=mmx", ["kernel=mmx", "avx2", "nt"]),
                           ("lcores=4711", ["CPU 4711", "valid are "])]:
        r = support.run([DPDK_TEST, "--no-pci", *MODES["va-no-huge"], "-d", staged / "librte_dma_dad.so",
                         "--vdev", "dma_dad0," + devargs], input="quit\n", stdin=None,
                        env=support.preloaded(staged / "librte_dma_dad.so"))
        # as DPDK says it up to 26.03, and from 26.07 on
        assert re.search("failed to initialize dma_dad0|Failed to probe device dma_dad0", r.stdout + r.stderr)
        for word in words:
            assert word in r.stdout + r.stderr, (devargs, word)


def test_pmdinfo_shows_the_driver_and_its_devargs(staged):
    r = support.run([sys.executable, PMDINFO, staged / "librte_dma_dad.so"])
    assert r.returncode == 0, r.stderr
    (info,) = [i for i in json.loads(r.stdout) if i["name"] == "dma_dad"]
    for key in ("engine=", "workers=", "lcores=", "idle=", "mt=", "register=", "threshold=", "kernel="):
        assert key in info["params"]


def test_the_guide_has_the_devargs_that_the_driver_has(staged):
    """All in its table, each with the words that the driver takes, and no more."""
    infos = json.loads(support.run([sys.executable, PMDINFO, staged / "librte_dma_dad.so"]).stdout)
    (params,) = [dict(re.findall(r"(\w+)=<([^>]*)>", i["params"])) for i in infos if i["name"] == "dma_dad"]
    guide = (support.REPO / "doc/guides/dmadevs/dad.md").read_text()
    table = guide[guide.index("| devarg |"):]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table[:table.index("\n\n")], re.MULTILINE))
    assert set(rows) == set(params)
    for key, values in params.items():
        # a list of words, and no grammar
        words = [w for w in re.findall(r"[a-z][a-z0-9]+", values) if "|" in values and "[" not in values]
        for word in words:
            assert f"`{word}" in rows[key], (key, word)


def test_log_type_follows_the_convention(staged):
    r = support.run([DPDK_TEST, "--no-pci", *MODES["va-no-huge"], "-d", staged / "librte_dma_dad.so",
                     "--vdev", "dma_dad0,engine=inline", "--log-level=pmd.dma.dad:info"], input="quit\n", stdin=None,
                    env=support.preloaded(staged / "librte_dma_dad.so"))
    assert r.returncode == 0, r.stderr
    assert "dma_dad: dma_dad0: engine inline, kernel " in r.stdout + r.stderr
