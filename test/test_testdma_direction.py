# SPDX-License-Identifier: BSD-3-Clause
"""dad-testdma to, from and within a device's own memory; streams that come out of it; repeated operations."""
import re

import pytest

import support


@pytest.fixture(autouse=True)
def driver():
    support.need_driver()


def total(stdout):
    """The last accumulated counters."""
    block = stdout.rsplit("accumulated over all devices", 1)[1]
    return {name: int(n) for name, n in re.findall(r"([a-z]+) (\d+)[, \n]", block)}


def dad(devargs, **kwargs):
    return support.eal_options(f"dma_dad0,{devargs}", **kwargs)


@pytest.mark.parametrize("direction", ["m2d", "d2m", "d2d"])
@pytest.mark.parametrize("op, size", [("copy", "1"), ("copy", "4096"), ("fill", "77"), ("sg", "1000")])
def test_every_byte_is_where_it_should_be_at_both_ends(testdma, direction, op, size):
    r = testdma("--start", "--direction", direction, "--op", op, "--size", size, "--count", "2000", "--verify", "full",
                eal=dad("window=1M"))
    assert r.returncode == 0, r.stderr
    t = total(r.stdout)
    assert t["submitted"] == t["completed"] == t["checked"] == 2000
    assert t["errors"] == t["miscompares"] == 0
    text = {"m2d": "from memory to the device", "d2m": "from the device to memory", "d2d": "within the device"}
    assert text[direction] in r.stdout


@support.needs_two_cpus
@pytest.mark.parametrize("engine", ["thread", "inline", "auto"])
def test_vchans_share_the_memory_out(testdma, engine):
    """If two had the same part, each would find the other's bytes."""
    r = testdma("--start", "--direction", "d2d", "--vchans", "3", "--lcores", support.TWO_CPUS, "--size", "512", "--count", "3000",
                "--verify", "full", eal=dad(f"window=64K,engine={engine}", lcores=support.TWO_CPUS))
    assert r.returncode == 0, r.stderr
    assert total(r.stdout)["completed"] == total(r.stdout)["checked"] == 18000


def test_memory_beyond_the_window_is_an_error_of_each_operation(testdma):
    for direction, side in ("m2d", "destination"), ("d2m", "source"):
        r = testdma("--start", "--direction", direction, "--window", "1m+64k", "--verify", "off", "--count", "50",
                    eal=dad("window=1M"))
        assert r.returncode == 1
        t = total(r.stdout)
        assert t["errors"] == t["submitted"] == 50 and t["completed"] == 0
        assert f"error invalid {side} address" in r.stdout


@pytest.mark.parametrize("devargs, options, message", [
    ("engine=inline", ["--direction", "m2d"], "dma_dad0 cannot copy from memory to the device"),
    ("window=64K", ["--direction", "m2d", "--size", "128k"], "do not fit in its part of the device's memory"),
    ("window=64K,source=pattern", ["--direction", "d2m", "--size", "3000"], "size 3000 does not divide 65536"),
    ("window=64K,source=pattern", ["--direction", "d2m", "--size", "4"], "multiple of 8"),
    ("window=64K", ["--direction", "up"], "must be m2m, m2d, d2m or d2d"),
    ("window=64K", ["--window", "0"], "bad window '0'"),
    ("window=64K", ["--window", "1k+"], "bad window '1k+'"),
])
def test_what_cannot_be_is_said(testdma, devargs, options, message):
    r = testdma("--start", "--count", "1", *options, eal=dad(devargs))
    assert r.returncode != 0
    assert message in r.stderr


@pytest.mark.parametrize("size", ["8", "4096", "64k"])
@pytest.mark.parametrize("op", ["copy", "sg"])
def test_a_stream_is_read_without_a_gap(testdma, op, size):
    r = testdma("--start", "--direction", "d2m", "--op", op, "--size", size, "--count", "3000", "--verify", "full",
                eal=dad("window=256K,source=pattern"))
    assert r.returncode == 0, r.stderr
    t = total(r.stdout)
    assert t["completed"] == t["checked"] == 3000 and t["miscompares"] == 0
    assert "lost" not in r.stdout


@pytest.fixture
def overrun(testdma, tmp_path):
    """A stream that is much faster than anybody can read: counters, and what the device says."""
    (tmp_path / "commands").write_text("set direction d2m\nset verify full\nset size 4k\nset count 3000\nstart\nwait\n"
                                       "show stats\ndump\nstop\n")
    r = testdma("--cmdline-file", tmp_path / "commands", eal=dad("window=64M,source=pattern,rate=1000"))
    return r, total(r.stdout)


def test_what_is_lost_of_a_stream_is_counted_and_fails(overrun):
    r, t = overrun
    assert r.returncode == 1
    assert t["errors"] > 0 and t["completed"] + t["errors"] == 3000
    assert t["miscompares"] == 0 and t["checked"] == 3000
    lost, gaps = map(int, re.search(r"lost (\d+) bytes of the stream, gaps (\d+)", r.stdout).groups())
    assert 0 < gaps <= t["errors"] + 1 and lost >= gaps * 4096
    assert "error poisoned data" in r.stdout


def test_the_device_and_the_program_agree_on_what_was_lost(overrun):
    r, t = overrun
    lost = int(re.search(r"lost (\d+) bytes of the stream", r.stdout).group(1))
    taken, skipped, gone, overruns = map(int, re.search(r"overruns: (\d+), (\d+), (\d+); (\d+)", r.stdout).groups())
    assert taken == t["completed"] * 4096 and skipped == 0 and overruns == t["errors"]
    # what was lost after the last operation that succeeded has not been seen by the program
    assert gone >= lost > 0


def test_sources_that_do_not_count_are_read_all_the_same(testdma, tmp_path):
    (tmp_path / "data").write_bytes(b"0123456789")
    for source in ("null", f"file:{tmp_path / 'data'}"):
        r = testdma("--start", "--direction", "d2m", "--count", "500", "--verify", "full", eal=dad(f"window=64K,source={source}"))
        assert r.returncode == 0, r.stderr
        assert total(r.stdout)["completed"] == 500


def test_an_operation_that_failed_is_repeated(testdma, faulty):
    r = testdma("--start", "--count", "1000", "--verify", "full", "--retries", "2", eal=faulty("error"))
    assert r.returncode == 0, r.stderr
    t = total(r.stdout)
    assert t["errors"] == 10  # each 100th, of 1010 now
    assert t["recovered"] == 10 and t["up"] == 0
    assert t["completed"] == 1000 and t["submitted"] == 1010 and t["miscompares"] == 0


@pytest.mark.parametrize("engine", ["thread", "inline"])
def test_errors_that_a_device_makes_on_request_are_recovered_from(testdma, engine):
    """Each 100th operation of the transfer's vchan fails, in the two that look into the device none."""
    r = testdma("--start", "--direction", "m2d", "--size", "256", "--count", "1000", "--verify", "full", "--retries", "1",
                eal=dad(f"engine={engine},window=1M,inject=bus_read_error:every:100:vchan:0"))
    assert r.returncode == 0, r.stderr
    t = total(r.stdout)
    assert t["errors"] == t["recovered"] == 10 and t["up"] == t["miscompares"] == 0
    assert t["completed"] == 1000 and t["checked"] == 1010
    assert "error bus read error (status 8): 10" in r.stdout


def test_what_fails_each_time_is_given_up(testdma):
    r = testdma("--start", "--direction", "m2d", "--window", "1m+64k", "--verify", "off", "--count", "50",
                "--retries", "3", eal=dad("window=1M"))
    assert r.returncode == 1
    t = total(r.stdout)
    assert t["submitted"] == t["errors"] == 200 and t["recovered"] == t["completed"] == 0 and t["up"] == 50
