# SPDX-License-Identifier: BSD-3-Clause
"""dad-testdma's transfers and commands, without a terminal: counts, verification, errors, files of commands."""
import re
import signal
import time

import pytest

import support


@pytest.fixture
def commands(testdma, tmp_path):
    """Run lines from a command file."""
    def call(*lines, eal, timeout=60, options=()):
        path = tmp_path / "commands"
        path.write_text("\n".join(lines) + "\n")
        return testdma("--cmdline-file", path, *options, eal=eal, timeout=timeout)
    return call


def total(stdout):
    """The last accumulated counters."""
    block = stdout.rsplit("accumulated over all devices", 1)[1]
    return {name: int(n) for name, n in re.findall(r"([a-z]+) (\d+)[,\n]", block)}


@pytest.mark.parametrize("op, size", [("copy", "1"), ("copy", "4096"), ("copy", "1m"), ("fill", "13"), ("fill", "4k"),
                                      ("sg", "64"), ("sg", "3"), ("sg", "100001")])
def test_every_operation_arrives_intact(testdma, op, size):
    support.need_driver()
    r = testdma("--start", "--op", op, "--size", size, "--count", "3000", "--verify", "full",
                eal=support.eal_options("dma_dad0"))
    assert r.returncode == 0, r.stderr
    t = total(r.stdout)
    assert t["submitted"] == t["completed"] == t["checked"] == 3000
    assert t["errors"] == t["miscompares"] == t["refused"] == 0


@pytest.mark.parametrize("qdepth, batch", [(1, 1), (32, 32), (1000, 7), (20000, 1024)])
def test_any_depth_completes_the_count(testdma, device, qdepth, batch):
    r = testdma("--start", "--size", "64", "--count", "50000", "--qdepth", qdepth, "--batch", batch,
                eal=support.eal_options(device))
    assert r.returncode == 0, r.stderr
    assert total(r.stdout)["completed"] == 50000


def test_a_full_ring_is_counted_and_no_error(testdma, faulty):
    r = testdma("--start", "--size", "64", "--count", "100000", "--qdepth", "1024", "--batch", "512", "--verify", "full",
                eal=faulty("none"))  # 1023 descriptors
    assert r.returncode == 0, r.stderr
    t = total(r.stdout)
    assert t["full"] > 0
    assert t["submitted"] == t["completed"] == t["checked"] == 100000
    assert t["errors"] == t["miscompares"] == 0


@support.needs_two_cpus
def test_devices_and_lcores_are_paired(testdma):
    support.need_driver()
    r = testdma("--start", "--lcores", support.TWO_CPUS, "--count", "500", "--verify", "full",
                eal=support.eal_options("dma_dad0", lcores=support.TWO_CPUS))
    assert r.returncode == 0, r.stderr
    first, second = support.CPUS[:2]
    assert f"vchan 0, lcore {second}," in r.stdout and f"vchan 1, lcore {first}," in r.stdout
    assert total(r.stdout)["completed"] == 1000
    r = testdma("--start", "--count", "500", eal=support.eal_options("dma_dad0", "dma_dad1", "dma_skeleton0"))
    assert r.returncode == 0, r.stderr
    assert total(r.stdout)["completed"] == 1500


@support.needs_two_cpus
def test_an_lcore_drives_several_vchans(testdma):
    support.need_driver()
    r = testdma("--start", "--lcores", support.TWO_CPUS, "--vchans", "3", "--count", "500", "--verify", "full",
                eal=support.eal_options("dma_dad0", lcores=support.TWO_CPUS))
    assert r.returncode == 0, r.stderr
    flows = re.findall(r"^dma_dad0 .* vchan (\d), lcore (\d+),", r.stdout, re.M)
    first, second = support.CPUS[:2]
    assert {(int(v), int(lcore)) for v, lcore in flows} == {(v, second if v < 3 else first) for v in range(6)}
    assert total(r.stdout)["completed"] == 3000


def test_errors_are_counted_by_status_and_the_transfer_goes_on(testdma, faulty):
    r = testdma("--start", "--count", "1000", "--verify", "full", eal=faulty("error"))
    assert r.returncode == 1
    t = total(r.stdout)
    assert t["submitted"] == 1000 and t["errors"] == 9 and t["completed"] == 991
    assert t["miscompares"] == 0
    assert "error bus read error (status 8): 9" in r.stdout


@pytest.mark.parametrize("op, fault, what", [
    ("copy", "skip", "destination at"), ("copy", "flip", "destination at"),
    ("copy", "overrun", "guard of the destination at"), ("copy", "source", "source at"),
    ("fill", "skip", "destination at"), ("fill", "flip", "destination at"),
    ("fill", "overrun", "guard of the destination at")])
def test_wrong_bytes_are_found_and_located(testdma, faulty, op, fault, what):
    r = testdma("--start", "--op", op, "--size", "100", "--count", "1000", "--verify", "full", eal=faulty(fault))
    assert r.returncode == 1
    assert total(r.stdout)["miscompares"] == 9
    first = r.stderr[r.stderr.index("miscompare:"):].splitlines()[0]
    assert f"dma_faulty0 vchan 0, {op} number 100 of 100 bytes: {what}" in first
    assert re.search(r"at 0x[0-9a-f]+ .* is 0x[0-9a-f]{2}, and should be 0x[0-9a-f]{2}$", first)
    offset = {"skip": 0, "flip": 99, "overrun": 100, "source": 0}[fault]
    assert f"({offset} bytes after the start" in first


def test_sampling_finds_what_hits_every_operation(testdma, faulty):
    r = testdma("--start", "--count", "1000", "--verify", "sample", eal=faulty("flip", at=1))
    assert r.returncode == 1
    t = total(r.stdout)
    assert t["checked"] == 17 and t["miscompares"] == 16  # 0, 61, … 976; operation 0 is right


def test_verify_off_checks_nothing(testdma, faulty):
    r = testdma("--start", "--count", "1000", "--verify", "off", eal=faulty("flip", at=1))
    assert r.returncode == 0
    assert total(r.stdout)["checked"] == 0


def test_a_stall_is_an_error_and_no_hang(testdma, faulty):
    r = testdma("--start", "--stall", "1", eal=faulty("stall"))
    assert r.returncode == 1
    assert "no completion for too long" in r.stderr
    assert total(r.stdout)["completed"] == 100


def test_a_second_signal_ends_a_stop_that_hangs(faulty):
    with support.Running([support.TESTDMA, *faulty("stall"), "--", "--start", "--stall", "600",
                          "--stats-period", "1"]) as p:
        p.says("completed 100,")
        p.interrupt()
        p.until(lambda: not p.catches(signal.SIGINT))  # it has arrived
        time.sleep(1)
        assert p.runs()  # it waits for what is in flight
        p.send_signal(signal.SIGINT)
        assert p.end() == -signal.SIGINT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_prints_and_exits_clean(device, number):
    began = time.monotonic()
    with support.Running([support.TESTDMA, *support.eal_options(device), "--", "--start", "--stats-period", "1"]) as p:
        p.says("since last shown: ")
        p.interrupt(number)
        assert p.end() == 0, p.stderr
        t = total(p.stdout)
        assert t["submitted"] == t["completed"] > 0
        assert p.stdout.count("since last shown: ") <= time.monotonic() - began  # by --stats-period


def test_a_command_file_runs_to_its_end(commands):
    r = commands("# a comment", "", "set size 64", "set verify full", "set count 100", "start", "wait", "show stats",
                 "stop", "show vchan", "dump", "clear stats", "show stats",
                 eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 0, r.stderr
    assert r.stdout.count("submitted 100, completed 100") == 4
    assert "the device counts 100 submitted, 100 completed, 0 errors" in r.stdout
    assert r.stdout.rstrip().endswith("no transfer so far")


@pytest.mark.parametrize("line, code, message", [
    ("set size huge", 2, "bad size 'huge': must be 0 to 64m"),
    ("set op jump", 2, "bad op 'jump': must be copy, fill or sg"),
    ("set devices dma_x", 2, "no DMA device 'dma_x': there is dma_skeleton0"),
    ("set lcores 127", 2, "127 is none of EAL's lcores"),
    ("sleep -1", 2, "bad sleep '-1'"),
    ("fly", 2, "no such command"),
    ("set wings 2", 2, "bad arguments"),
    ("show", 2, "bad arguments"),
    ("stop", 1, "no transfer is running"),
    ("wait", 1, "no transfer is running"),
])
def test_a_command_file_stops_at_the_first_failure(commands, tmp_path, line, code, message):
    r = commands("show config", line, "show device", eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == code
    assert message in r.stderr
    assert f"{tmp_path / 'commands'}:2: failed: {line}" in r.stderr
    assert "capabilities" not in r.stdout


def test_start_twice_and_clear_while_running_fail(commands):
    eal = support.eal_options("dma_skeleton0")
    for line in ("start", "clear stats"):
        r = commands("start", "sleep 0.2", line, eal=eal)
        assert r.returncode == 1
        assert "stop first" in r.stderr
        assert total(r.stdout)["completed"] > 0  # what was running was stopped and shown


def test_a_command_file_that_is_not_there_is_named(testdma, tmp_path):
    r = testdma("--cmdline-file", tmp_path / "none", eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 2
    assert f"'{tmp_path / 'none'}'" in r.stderr


def test_a_failed_transfer_fails_the_file_at_stop(commands, faulty):
    r = commands("set count 1000", "start", "wait", "stop", "show config", eal=faulty("error"))
    assert r.returncode == 1
    assert "commands:4: failed: stop" in r.stderr
    assert r.stdout.count("dad-testdma> ") == 4


def test_statistics_accumulate_over_transfers_until_cleared(commands):
    r = commands("set count 100", "start", "wait", "stop", "start", "wait", "stop", "clear stats", "start", "wait",
                 "stop", eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 0, r.stderr
    blocks = [int(n) for n in re.findall(r"accumulated.*\n  submitted (\d+)", r.stdout)]
    assert blocks == [100, 200, 100]
