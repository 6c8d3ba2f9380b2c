# SPDX-License-Identifier: BSD-3-Clause
"""dad-testdma --mapbench: every rung and its peers, as objects and as tables, and never a silent failure."""
import json

import pytest

import support

SHORT = ["--rounds", "2", "--duration-ms", "1", "--batch", "16", "--buffers", "64", "--area", "1m"]
FIELDS = {"kind": str, "subject": str, "peer": bool, "op": str, "size": int, "dir": str, "iova": str, "mask": int,
          "threads": int, "alive": int, "items": int, "buffers": int, "ns": float, "ns_min": float, "ns_max": float,
          "mean": float, "deviation": float, "p50": float, "p99": float, "max": float, "samples": int, "sample": str,
          "rounds": int, "failed": bool, "error": str}
MAPS = {"single": ["map", "unmap"], "burst": ["map", "unmap"], "sg": ["map", "unmap"],
        "sync": ["for_cpu", "for_device"]}
PEERS = {"direct": ["rte_mem_virt2iova", "rte_mem_virt2memseg", "rte_malloc_virt2iova"], "bounce": ["memcpy"]}
SLOW = ("strict", "bounce", "rte_mem_virt2iova", "memcpy", "coherent", "rte_memzone", "rte_zmalloc")


def objects(r):
    return [json.loads(line) for line in r.stdout.splitlines()]


def check(o):
    """What holds for every figure that was measured."""
    for field, kind in FIELDS.items():
        assert isinstance(o[field], kind), (field, o)
    assert o["failed"] is False and o["error"] == "" and o["samples"] > 0
    assert 0 <= o["ns_min"] <= o["ns"] <= o["ns_max"]
    assert 0 <= o["p50"] <= o["p99"] <= o["max"] and o["deviation"] >= 0
    assert o["sample"] == ("call" if o["subject"] in SLOW else "batch")


@pytest.mark.parametrize("rung", ["direct", "window", "strict", "bounce"])
def test_each_rung_is_measured_in_every_kind_of_mapping(testdma, rung):
    r = testdma("--mapbench", "--json", "--rungs", rung, "--kinds", ",".join(MAPS), "--sizes", "100,4k", *SHORT,
                eal=support.eal_options())
    assert r.returncode == 0, r.stderr
    lines = objects(r)
    for o in lines:
        check(o)
    ours = [o for o in lines if not o["peer"]]
    assert [(o["size"], o["kind"], o["op"]) for o in ours] == [
        (size, kind, op) for size in (100, 4096) for kind, ops in MAPS.items() for op in ops]
    assert {o["subject"] for o in ours} == {rung}
    # memory that low may not be had: the pool is made elsewhere then
    assert {o["mask"] for o in ours} <= ({64} if rung == "direct" else {32, 64} if rung == "bounce" else {32})
    assert list(dict.fromkeys(o["subject"] for o in lines if o["peer"])) == PEERS.get(rung, [])
    assert all(o["items"] == {"burst": 16, "sg": 4}.get(o["kind"], 1) for o in ours)
    assert all(o["alive"] == 16 and o["buffers"] == 64 for o in ours)


@pytest.mark.parametrize("kind, subjects", [
    ("coherent", ["coherent", "rte_memzone", "rte_zmalloc"]),
    ("pool", ["pool", "rte_mempool"]),
    ("iova", ["iova"]),
])
def test_allocations_are_measured_beside_those_of_eal(testdma, kind, subjects):
    r = testdma("--mapbench", "--json", "--kinds", kind, "--sizes", "64,4k", *SHORT, eal=support.eal_options())
    assert r.returncode == 0, r.stderr
    lines = objects(r)
    assert [(o["size"], o["subject"], o["op"]) for o in lines] == [
        (size, s, op) for size in (64, 4096) for s in subjects for op in ("alloc", "free")]
    for o in lines:
        check(o)
        assert o["peer"] == o["subject"].startswith("rte_")


@pytest.mark.parametrize("direction", ["to-device", "from-device", "bidirectional"])
def test_directions_reach_the_rungs_and_the_objects(testdma, direction):
    r = testdma("--mapbench", "--json", "--kinds", "single,sync", "--dir", direction, "--sizes", "4k", *SHORT,
                eal=support.eal_options())
    assert r.returncode == 0, r.stderr
    assert {o["dir"] for o in objects(r)} == {direction}


def test_settings_shape_the_calls(testdma):
    r = testdma("--mapbench", "--json", "--kinds", "burst,sg", "--rungs", "window", "--burst", "5", "--segments", "7",
                "--mask", "40", "--sizes", "1k", *SHORT, eal=support.eal_options())
    assert r.returncode == 0, r.stderr
    burst, _, sg, _ = objects(r)
    # whole calls only
    assert (burst["items"], burst["alive"], burst["mask"]) == (5, 15, 40)
    assert (sg["items"], sg["alive"], sg["mask"]) == (7, 14, 40)


def test_buffers_are_no_more_than_the_area_holds(testdma):
    r = testdma("--mapbench", "--json", "--kinds", "single", "--rungs", "direct", "--sizes", "64k", "--rounds", "1",
                "--duration-ms", "1", "--area", "1m", eal=support.eal_options())
    assert r.returncode == 0, r.stderr
    assert {o["buffers"] for o in objects(r)} == {8}
    assert {o["alive"] for o in objects(r)} == {8}


@support.needs_two_cpus
def test_several_threads_measure_at_a_time(testdma):
    r = testdma("--mapbench", "--json", "--threads", "2", "--sizes", "4k", *SHORT,
                eal=support.eal_options(lcores=support.TWO_CPUS))
    assert r.returncode == 0, r.stderr
    lines = objects(r)
    assert {o["threads"] for o in lines} == {2}
    assert {o["subject"] for o in lines} >= {"direct", "window", "strict", "bounce", "coherent", "pool", "iova"}
    for o in lines:
        check(o)


def test_more_threads_than_lcores_are_refused(testdma):
    r = testdma("--mapbench", "--threads", "3", eal=support.eal_options())
    assert r.returncode == 2
    assert "'3'" in r.stderr and "at most 1" in r.stderr


@pytest.mark.parametrize("mode", ["va", "pa"])
def test_both_kinds_of_iovas_are_measured_and_named(testdma, mode):
    eal = support.eal_options()
    if mode == "pa" and "--no-huge" in eal:
        pytest.skip("physical addresses need hugepages and root")
    eal = [o for o in eal if not o.startswith("--iova-mode")] + [f"--iova-mode={mode}"]
    r = testdma("--mapbench", "--kinds", "single", "--sizes", "4k", *SHORT, eal=eal)
    assert r.returncode == 0, r.stderr
    assert {"va": "IOVAs are virtual", "pa": "IOVAs are physical"}[mode] in r.stdout
    # looking a physical address up is slow, a virtual one is its own
    assert ("rte_mem_virt2iova : direct map" in r.stdout) == (mode == "pa")


def test_the_table_and_the_summary_say_what_is_what(testdma):
    r = testdma("--mapbench", "--sizes", "4k", *SHORT)
    assert r.returncode == 0, r.stderr
    assert "EAL options:" in r.stdout and "dma_dad0" not in r.stdout
    for word in ("median", "deviation", "p99", "max", "single, 4096 bytes", "burst, 4096 bytes, 16 buffers a call",
                 "what is promised", "5 at most", "1.3 at least", "bounce map + unmap, beyond memcpy"):
        assert word in r.stdout, word
    rows = [line.split() for line in r.stdout.splitlines() if " batch " in line or " call " in line]
    first, memcpy = rows[0], next(row for row in rows if row[0] == "memcpy")
    assert first[:2] == ["direct", "map"] and first[-1] == "1.00"
    assert memcpy[1] == "copy_in"
    assert float(memcpy[-1]) == pytest.approx(float(memcpy[2]) / float(first[2]), rel=0.05)


def test_objects_go_to_a_file_beside_the_tables(testdma, tmp_path):
    f = tmp_path / "objects"
    r = testdma("--mapbench", f"--json={f}", "--kinds", "iova", "--sizes", "64", *SHORT, eal=support.eal_options())
    assert r.returncode == 0, r.stderr
    assert "iova, 64 bytes" in r.stdout
    assert [json.loads(line)["op"] for line in f.read_text().splitlines()] == ["alloc", "free"]


def test_a_file_that_cannot_be_written_is_named(testdma):
    for path, reason in [("/no/such/folder/f", "No such file"), ("/dev/full", "No space left")]:
        r = testdma("--mapbench", f"--json={path}", "--kinds", "iova", "--sizes", "64", *SHORT,
                    eal=support.eal_options())
        assert r.returncode == 1
        assert path in r.stderr and reason in r.stderr


def test_a_mask_that_no_memory_lies_under_fails_that_rung_only(testdma):
    r = testdma("--mapbench", "--json", "--kinds", "single", "--rungs", "direct,window", "--mask", "20", "--sizes", "64",
                "--rounds", "1", "--duration-ms", "1", "--batch", "4", "--buffers", "4", "--area", "1m",
                eal=support.eal_options(extra=["--log-level", "lib.dad:emergency"]))
    assert r.returncode == 1
    direct = [o for o in objects(r) if o["subject"] == "direct"]
    assert direct and all(o["failed"] and o["error"] and o["samples"] == 0 for o in direct)
    assert f"direct, single of 64 bytes: {direct[0]['error']}" in r.stderr
    assert all(o["failed"] is False for o in objects(r) if o["peer"])


def test_what_is_too_large_to_be_bounced_is_left_out_and_no_failure(testdma):
    r = testdma("--mapbench", "--kinds", "single", "--rungs", "direct,bounce", "--sizes", "512k", *SHORT,
                eal=support.eal_options(extra=["--log-level", "lib.dad:emergency"]))
    assert r.returncode == 0, r.stderr
    assert any(line.split()[:2] == ["bounce", "-"] for line in r.stdout.splitlines())
    assert any(line.split()[:2] == ["direct", "map"] for line in r.stdout.splitlines())


def test_an_interrupted_sweep_ends_at_once_and_is_not_clean():
    with support.Running([support.TESTDMA, *support.eal_options(), "--", "--mapbench", "--rounds", "101",
                          "--duration-ms", "100"]) as p:
        p.interrupt()
        assert p.end() == 1
        assert "not complete" in p.stderr and "what is promised" not in p.stdout


@pytest.mark.parametrize("options, bad, valid", [
    (["--mapbench", "--mask", "65"], "'65'", "12 to 64"),
    (["--mapbench", "--mask", "11"], "'11'", "12 to 64"),
    (["--mapbench", "--dir", "sideways"], "'sideways'", "bidirectional, to-device or from-device"),
    (["--mapbench", "--rungs", "direct,fast"], "'direct,fast'", "direct, window, strict, bounce"),
    (["--mapbench", "--kinds", "most"], "'most'", "single, burst, sg, sync, coherent, pool, iova"),
    (["--mapbench", "--burst", "0"], "'0'", "1 to 1024"),
    (["--mapbench", "--threads", "129"], "'129'", "1 to 128"),
    (["--mapbench", "--buffers", "0"], "'0'", "1 to 1048576"),
    (["--mapbench", "--area", "1k"], "'1k'", "1m to 16384m"),
    (["--mapbench", "--sizes", "2m"], "'2097152'", "at most 1m"),
    (["--mapbench", "--bench"], "--mapbench", "only one"),
    (["--mapbench", "--start"], "--mapbench", "only one"),
])
def test_a_bad_option_is_named_before_eal_starts(testdma, options, bad, valid):
    r = testdma(*options)
    assert r.returncode == 2
    assert bad in r.stderr and valid in r.stderr
    assert "EAL" not in r.stdout + r.stderr


def test_it_runs_without_hugepages(testdma):
    r = testdma("--mapbench", "--json", "--sizes", "4k", *SHORT,
                eal=["-l", support.ONE_CPU, "--no-pci", *support.no_huge(300)])
    assert r.returncode == 0, r.stderr
    assert {o["iova"] for o in objects(r)} == {"va"}
