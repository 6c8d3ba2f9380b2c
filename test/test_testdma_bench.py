# SPDX-License-Identifier: BSD-3-Clause
"""dad-testdma --bench: every backend in every cell, as objects and as tables, and never a silent failure."""
import json
import os
import re
import statistics

import pytest

import support

SHORT = ["--rounds", "3", "--duration-ms", "3"]
FIELDS = {"device": str, "driver": str, "op": str, "size": int, "batch": int, "mops": float, "gbs": float,
          "errors": int, "miscompares": int, "rounds": int}


def objects(r):
    return [json.loads(line) for line in r.stdout.splitlines()]


def test_each_line_is_one_object_with_all_fields(testdma, device):
    r = testdma("--bench", "--json", "--sizes", "64,4k", "--ops", "copy", "--batch", "8", *SHORT,
                eal=support.eal_options(device))
    assert r.returncode == 0, r.stderr
    lines = objects(r)
    name = device.split(",")[0]
    assert [(o["device"], o["set"], o["size"]) for o in lines] == [
        (d, s, size) for s in ("core", "cache", "memory") for size in (64, 4096) for d in (name, "cpu")]
    for o in lines:
        for field, kind in FIELDS.items():
            assert isinstance(o[field], kind), (field, o)
        assert o["driver"] == ("memcpy" if o["device"] == "cpu" else name[:-1])
        assert o["part"] == "sweep" and o["batch"] == 8 and o["rounds"] == 3
        assert 0 < o["mops_min"] <= o["mops"] <= o["mops_max"]
        assert o["gbs"] == pytest.approx(o["mops"] * o["size"] / 1000, rel=1e-3)
        assert o["errors"] == o["miscompares"] == 0 and o["checked"] > 0 and o["failed"] is False


def test_one_operation_at_a_time(testdma, device):
    r = testdma("--bench", "--json", "--parts", "latency", "--sizes", "64,4k", "--ops", "copy,fill", "--sets", "core",
                *SHORT, eal=support.eal_options(device))
    assert r.returncode == 0, r.stderr
    lines = objects(r)
    name = device.split(",")[0]
    able = [("copy", d) for d in (name, "cpu")]
    able += [("fill", d) for d in (name, "cpu") if d != "dma_skeleton0"]
    assert [(o["op"], o["device"], o["size"]) for o in lines] == [
        (op, d, size) for o in ("copy", "fill") for size in (64, 4096) for op, d in able if op == o]
    for o in lines:
        assert o["part"] == "latency" and o["batch"] == o["qdepth"] == 1
        assert 0 <= o["p50_ns"] <= o["p90_ns"] <= o["p99_ns"] <= o["p999_ns"] <= o["max_ns"]
        assert o["samples"] > 0 and o["errors"] == o["miscompares"] == 0 and o["checked"] > 0


def test_errors_one_at_a_time_are_counted_and_a_stall_ends(testdma, faulty):
    common = ["--bench", "--json", "--parts", "latency", "--sizes", "256", "--ops", "copy", "--sets", "core", *SHORT]
    r = testdma(*common, eal=faulty("error"))
    assert r.returncode == 1 and objects(r)[0]["errors"] > 0
    r = testdma(*common, "--stall", "1", eal=faulty("stall"))
    assert r.returncode == 1
    ours, cpu = objects(r)
    assert ours["failed"] is True and cpu["failed"] is False and cpu["samples"] > 0


def test_the_table_of_latencies_names_backends_and_ratios(testdma):
    r = testdma("--bench", "--parts", "latency", "--sizes", "1k", "--sets", "core", "--ops", "copy", *SHORT,
                eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 0, r.stderr
    assert "one at a time" in r.stdout and "p50 and p99 against dma_skeleton0" in r.stdout
    first, cpu = [line.split("|") for line in r.stdout.splitlines() if " | dma_skel" in line or " | cpu (memcpy" in line]
    assert first[0].split() == ["1024"] and len(first[2].split()) == 5
    p50, p99 = (float(cpu[2].split()[i]) / float(first[2].split()[i]) for i in (0, 2))
    assert [float(x) for x in cpu[3].split()] == pytest.approx([p50, p99], abs=0.03)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two threads need two CPUs")
def test_the_cpu_with_several_threads_is_a_backend_of_its_own(testdma):
    r = testdma("--bench", "--json", "--cpu-threads", "2,1,other", "--sizes", "1k,1m", "--sets", "core", "--verify", "full",
                *SHORT, eal=support.eal_options())
    assert r.returncode == 0, r.stderr
    lines = objects(r)
    assert [(o["device"], o["cpu_threads"], o["cpu_other"]) for o in lines] == \
        [("cpu2", 2, False), ("cpu", 1, False), ("cpu-other", 1, True)] * 6
    assert all(o["mops"] > 0 and o["checked"] > 0 and o["miscompares"] == 0 for o in lines)


def test_more_threads_than_cpus_are_refused(testdma):
    r = testdma("--bench", "--cpu-threads", "64", eal=support.eal_options())
    if len(os.sched_getaffinity(0)) < 64:
        assert r.returncode == 2 and "'64'" in r.stderr and "CPUs" in r.stderr


def test_destinations_may_lie_anywhere_in_their_pages(testdma):
    support.need_driver()
    r = testdma("--bench", "--json", "--offset", "4095", "--sizes", "1,1k,4k", "--sets", "core", "--verify", "full",
                *SHORT, eal=support.eal_options("dma_dad0"))
    assert r.returncode == 0, r.stderr
    lines = objects(r)
    assert lines and all(o["offset"] == 4095 and o["miscompares"] == 0 and o["checked"] > 0 for o in lines)


def test_without_another_cpu_there_is_none_to_measure_on():
    cpu = str(min(os.sched_getaffinity(0)))
    r = support.run(["taskset", "-c", cpu, support.TESTDMA, *support.eal_options(), "--", "--bench", "--cpu-threads", "1,other"])
    assert r.returncode == 2 and "'other'" in r.stderr and "1 CPUs" in r.stderr


def test_the_summary_has_the_medians_of_the_ratios_of_the_rounds(testdma, tmp_path):
    support.need_driver()
    f = tmp_path / "objects"
    r = testdma("--bench", f"--json={f}", "--sizes", "64,256", "--ops", "copy", "--sets", "core,cache", *SHORT,
                eal=support.eal_options("dma_dad0,engine=inline", "dma_dad1,engine=inline,mt=1"))
    assert r.returncode == 0, r.stderr
    rounds = {}
    for o in map(json.loads, f.read_text().splitlines()):
        assert o["devargs"] == {"dma_dad0": "engine=inline", "dma_dad1": "engine=inline,mt=1", "cpu": ""}[o["device"]]
        assert o["mops"] == pytest.approx(statistics.median(o["mops_rounds"]))
        rounds[o["device"], o["set"], o["size"]] = o["mops_rounds"]

    def expected(subject, peer, size):
        return sorted(statistics.median(a / b for a, b in zip(rounds[subject, s, size], rounds[peer, s, size]))
                      for s in ("core", "cache"))

    summary = r.stdout[r.stdout.index("copies: rates and ratios"):].splitlines()
    for start, subject, peer, size in [("inline : memcpy", "dma_dad0", "cpu", 256),
                                       ("inline, mt=1 : mt=0", "dma_dad1", "dma_dad0", 64),
                                       ("inline, mt=1 : mt=0", "dma_dad1", "dma_dad0", 256)]:
        line = [s[len(start):].split() for s in summary if s.startswith(start) and s[36:].split()[0] == str(size)][0]
        least, most = expected(subject, peer, size)
        assert line[1] == "2"
        assert [float(x) for x in line[2:5]] == pytest.approx([least, (least + most) / 2, most], abs=0.006)


def test_operations_a_device_lacks_are_left_out(testdma):
    r = testdma("--bench", "--json", "--sizes", "1k", "--sets", "core", *SHORT,
                eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 0, r.stderr
    assert [(o["op"], o["device"]) for o in objects(r)] == [
        ("copy", "dma_skeleton0"), ("copy", "cpu"), ("fill", "cpu"), ("sg", "cpu")]


def test_all_operations_of_our_device_are_measured_and_right(testdma):
    support.need_driver()
    r = testdma("--bench", "--json", "--sizes", "1,100,64k", "--sets", "core", "--verify", "full", *SHORT,
                eal=support.eal_options("dma_dad0"))
    assert r.returncode == 0, r.stderr
    ours = [o for o in objects(r) if o["device"] == "dma_dad0"]
    assert len(ours) == 9
    assert all(o["engine"] in ("inline", "thread") and o["mops"] > 0 for o in ours)


def test_the_table_names_backends_and_ratios(testdma):
    support.need_driver()
    r = testdma("--bench", "--sizes", "64,1k", "--sets", "core", "--ops", "copy", *SHORT)
    assert r.returncode == 0, r.stderr
    assert "EAL options:" in r.stdout
    for word in ("dma_dad0", "dma_dad, ", "dma_skeleton0", "memcpy", "dma_dad0 against", "Mops", "GB/s"):
        assert word in r.stdout
    rows = [line.split() for line in r.stdout.splitlines() if line.split()[:1] in (["64"], ["1024"])]
    assert len(rows) == 2
    for row in rows:
        ours, peer, cpu = float(row[2]), float(row[5]), float(row[8])
        assert float(row[11]) == pytest.approx(ours / peer, rel=0.1, abs=0.011)
        assert float(row[12]) == pytest.approx(ours / cpu, rel=0.1, abs=0.011)


def test_the_summary_says_what_options_change(testdma):
    """Each beside the same engine without; a device with one of them is not taken for a plain one."""
    support.need_driver()
    options = ["", ",eager=1", ",mt=1", ",inject=bus_error:min:1T"]
    r = testdma("--bench", "--sizes", "64,1k", "--sets", "core", "--ops", "copy", *SHORT,
                eal=support.eal_options(*(f"dma_dad{i},engine=inline{o}" for i, o in enumerate(options))))
    assert r.returncode == 0, r.stderr
    summary = r.stdout[r.stdout.index("copies: rates and ratios"):]
    lines = {tuple(re.split(r" {2,}", line)[:2]) for line in summary.splitlines()}
    for line in [("inline, eager=1 : memcpy", "1024 and up"), ("inline, eager=1 : eager=0", "1024 and up"),
                 ("inline, mt=1 : mt=0", "64"), ("inline, a rule for nothing : no rule", "64")]:
        assert line in lines, summary
    assert "iommu=soft" not in summary


def test_devices_are_chosen_by_name(testdma):
    r = testdma("--bench", "--json", "--devices", "dma_skeleton0", "--sizes", "64", "--ops", "copy", "--sets", "core",
                *SHORT, eal=support.eal_options("dma_skeleton0", "net_null0"))
    assert [o["device"] for o in objects(r)] == ["dma_skeleton0", "cpu"]


def test_a_batch_beyond_the_queue_depth_is_refused(testdma):
    r = testdma("--bench", "--batch", "64", "--qdepth", "32", eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 2
    assert "'64'" in r.stderr and "32" in r.stderr


@pytest.mark.parametrize("fault", ["flip", "skip", "overrun", "source"])
def test_wrong_bytes_are_miscompares_and_exit_1(testdma, faulty, fault):
    r = testdma("--bench", "--json", "--sizes", "256", "--ops", "copy", "--sets", "core", *SHORT,
                eal=faulty(fault, at=3))
    assert r.returncode == 1
    line = objects(r)[0]
    assert line["device"] == "dma_faulty0" and line["miscompares"] > 0
    assert "miscompare: dma_faulty0" in r.stderr


def test_errors_are_counted_and_exit_1(testdma, faulty):
    r = testdma("--bench", "--json", "--sizes", "256", "--ops", "copy", "--sets", "core", *SHORT, eal=faulty("error"))
    assert r.returncode == 1
    ours, cpu = objects(r)
    assert ours["errors"] > 0 and ours["miscompares"] == 0
    assert cpu["errors"] == 0


def test_a_stall_is_reported_and_the_others_go_on(testdma, faulty):
    r = testdma("--bench", "--json", "--sizes", "256", "--ops", "copy", "--sets", "core", "--stall", "1", *SHORT,
                eal=faulty("stall"))
    assert r.returncode == 1
    ours, cpu = objects(r)
    assert ours["failed"] is True and ours["mops"] == 0
    assert cpu["mops"] > 0


def test_an_interrupted_sweep_ends_at_once_and_is_not_clean():
    with support.Running([support.TESTDMA, *support.eal_options("dma_skeleton0"), "--", "--bench", "--rounds", "101",
                          "--duration-ms", "100"]) as p:
        p.says("working set")
        p.interrupt()
        assert p.end() == 1
        assert "not complete" in p.stderr


def test_objects_go_to_a_file_beside_the_tables(testdma, tmp_path):
    f = tmp_path / "objects"
    r = testdma("--bench", f"--json={f}", "--sizes", "64", "--ops", "copy", "--sets", "core", *SHORT,
                eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 0, r.stderr
    assert "working set core" in r.stdout
    assert [json.loads(line)["device"] for line in f.read_text().splitlines()] == ["dma_skeleton0", "cpu"]


def test_a_file_that_cannot_be_written_is_named(testdma):
    for path, reason in [("/no/such/folder/f", "No such file"), ("/dev/full", "No space left")]:
        r = testdma("--bench", f"--json={path}", "--sizes", "64", "--ops", "copy", "--sets", "core", *SHORT,
                    eal=support.eal_options("dma_skeleton0"))
        assert r.returncode == 1
        assert path in r.stderr and reason in r.stderr
