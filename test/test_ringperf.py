# SPDX-License-Identifier: BSD-3-Clause
"""dad-ringperf: mistakes are named, every ring is in every cell, faults are found, nothing hangs."""
import csv
import io
import json
import math
import os
import re
import signal
import statistics
import subprocess
import xml.etree.ElementTree

import pexpect
import pytest

import support

RINGPERF = support.BUILD / "app" / "dad-ringperf"
FAULTY = support.BUILD / "test" / "libring_faulty.so"
SHORT = ["--duration", "10", "--rounds", "3", "--latency", "10", "--oversubscribe"]
SMALL = ["--elem", "8,64", "--bulk", "1,8", "--shape", "1x1", *SHORT]
ALWAYS = ["dad", "dad-zc", "dad-spsc", "rte-mpmc", "rte-rts", "rte-hts", "rte-spsc", "mutex"]
CPU = support.ONE_CPU
SINGLE = {"rte-spsc", "dad-spsc"}


def ringperf(*options, eal=None, timeout=60, **kwargs):
    """Run with options that EAL's choice is printed for, or with EAL options of the test's own."""
    command = [RINGPERF, *options] if eal is None else [RINGPERF, *eal, "--", *options]
    return support.run(command, timeout=timeout, **kwargs)


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def checked(lines):
    """Was all checked that went through a ring? A thread may get no CPU for as long as a measurement lasts."""
    return all(o["checked"] > 0 or o["mops_max"] == 0 for o in lines) and any(o["checked"] > 0 for o in lines)


def median_ratio(rates, others):
    # on a busy machine a thread may get no CPU for as long as a measurement lasts
    return statistics.median(a / b if b > 0 else math.inf for a, b in zip(rates, others))


# ---- the command line ------------------------------------------------------------------------

@pytest.mark.parametrize("options, bad, valid", [
    (["--rings", "dad,round"], "'dad,round'", "rte-mpmc"),
    (["--rings", ""], "''", "rte-mpmc"),
    (["--elem", "12"], "'12'", "8, 16, 32, 64"),
    (["--elem", "8,,16"], "'8,,16'", "8, 16, 32, 64"),
    (["--bulk", "0"], "'0'", "1 to 1024"),
    (["--bulk", "8,2000"], "'8,2000'", "1 to 1024"),
    (["--bulk", "64", "--count", "64"], "'64'", "less than --count"),
    (["--shape", "4"], "'4'", "4x4"),
    (["--shape", "0x1"], "'0x1'", "1 to 64"),
    (["--shape", "1x65"], "'1x65'", "1 to 64"),
    (["--shape", "64x64"], "'64x64'", "--oversubscribe"),
    (["--lcores", "0-x"], "'0-x'", "as in 0,2-3"),
    (["--lcores", "1000"], "CPU 1000", "may use"),
    (["--duration", "0"], "'0'", "1 to 60000"),
    (["--rounds", "-1"], "'-1'", "1 to 101"),
    (["--latency", "x"], "'x'", "0 to 60000"),
    (["--count", "1000"], "'1000'", "power of two"),
    (["--calls", "all"], "'all'", "bulk or burst"),
    (["--idle", "sleep"], "'sleep'", "auto, spin or yield"),
    (["--plot", "picture.pdf"], "'picture.pdf'", ".svg or .png"),
    (["--json", "--csv"], "--json and --csv", "only one"),
    (["--rings", "rte-spsc", "--shape", "2x2", "--oversubscribe"], "nothing to measure", "1x1"),
    (["--rounds"], "'--rounds'", "needs a value"),
    (["--json", "--fast"], "'--fast'", "--help"),
    (["--json", "now"], "'now'", "--"),
])
def test_a_bad_option_is_named_before_eal_starts(options, bad, valid):
    r = ringperf(*options)
    assert r.returncode == 2
    assert bad in r.stderr and valid in r.stderr
    assert "EAL" not in r.stdout + r.stderr


def test_help_lists_options_rings_and_exit_codes():
    for options in (["--help"], ["-h"]):
        r = ringperf(*options)
        assert r.returncode == 0 and r.stderr == ""
        for word in ("--elem", "--bulk", "--shape", "--oversubscribe", "--plot", "--json", "exit: 0", "soring", *ALWAYS):
            assert word in r.stdout


def test_a_ring_that_this_dpdk_lacks_is_refused_with_the_reason():
    if "not here" not in ringperf("--help").stdout:
        pytest.skip("this DPDK has every ring that the program knows")
    r = ringperf("--rings", "dad,soring")
    assert r.returncode == 2
    assert "soring" in r.stderr and "25.03" in r.stderr


def test_bad_eal_options_are_a_usage_error():
    assert ringperf(*SMALL, eal=["--no-such-eal-option"]).returncode == 2


# ---- what it measures ------------------------------------------------------------------------

def test_each_line_is_one_object_with_all_fields():
    r = ringperf("--json", *SMALL)
    assert r.returncode == 0, r.stderr
    assert "EAL options: -l" in r.stderr and "perf counters:" in r.stderr
    lines = objects(r.stdout)
    cells = [(o["elem"], o["bulk"]) for o in lines]
    assert sorted(set(cells)) == [(8, 1), (8, 8), (64, 1), (64, 8)]
    for cell in set(cells):
        rings = [o["ring"] for o in lines if (o["elem"], o["bulk"]) == cell]
        assert set(ALWAYS) <= set(rings) and len(rings) == len(set(rings))
    for o in lines:
        assert o["producers"] == o["consumers"] == 1 and o["cpus"] in (1, 2)
        assert o["rounds"] == 3 and o["failed"] is False and o["count"] == 1024
        assert o["lost"] == o["doubled"] == o["torn"] == o["disordered"] == 0
        assert 0 <= o["mops_min"] <= o["mops_q1"] <= o["mops"] <= o["mops_q3"] <= o["mops_max"]
        if o["transfers"] > 0:
            assert 0 < o["p50_ns"] <= o["p99_ns"] <= o["p999_ns"]
        assert o["line_ns"] is None if o["cpus"] == 1 else 0 < o["line_ns_min"] <= o["line_ns"] <= o["line_ns_max"]
        assert len(o["mops_rounds"]) == 3 and statistics.median(o["mops_rounds"]) == pytest.approx(o["mops"], rel=1e-4)
        assert 0 <= o["cpu_share"] < 1.2
        assert 0 <= o["full"] <= 1 and 0 <= o["empty"] <= 1
        for field in ("cpu_cycles_per_elem", "instructions_per_elem", "cache_misses_per_elem", "context_switches_per_s"):
            assert o[field] is None or o[field] >= 0
    assert checked(lines) and any(o["transfers"] > 0 for o in lines)
    rates = {(o["mops"] * o["cycles_per_elem"]) for o in lines if o["mops"] > 0}
    assert max(rates) == pytest.approx(min(rates), rel=1e-3)  # the clock


def test_csv_has_the_fields_and_cells_of_json(tmp_path):
    r = ringperf("--csv", f"--json={tmp_path / 'json'}", *SMALL)
    assert r.returncode == 0, r.stderr
    lines = objects((tmp_path / "json").read_text())
    rows = list(csv.DictReader(io.StringIO(r.stdout)))
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines):
        assert list(row) == list(line)
        for name, value in line.items():
            if isinstance(value, list):
                assert row[name] == ";".join(f"{v:.6g}" for v in value)
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                assert float(row[name]) == pytest.approx(value)
            else:
                assert row[name] == {None: "", False: "false", True: "true"}.get(value, value)


def test_the_table_gives_the_ratio_to_the_best_mode_of_rte_ring(tmp_path):
    r = ringperf(f"--json={tmp_path / 'json'}", *SMALL)
    assert r.returncode == 0, r.stderr
    for word in ("EAL options:", "1x1: 1 producer", "dad : best rte", "latency", "geo.mean"):
        assert word in r.stdout
    rates = {(o["elem"], o["bulk"], o["ring"]): o["mops_rounds"] for o in objects((tmp_path / "json").read_text())}
    throughput = r.stdout.split("dad : best rte")[1].split("latency")[0]
    rows = [line.split() for line in throughput.splitlines() if line.split()[:1] in (["8"], ["64"])]
    assert len(rows) == 4
    for row in rows:
        cell = int(row[0]), int(row[1])
        ratio = {ring: median_ratio(rates[(*cell, "dad")], rates[(*cell, ring)])
                 for ring in ("rte-mpmc", "rte-rts", "rte-hts")}
        ratio = {ring: r for ring, r in ratio.items() if r > 0}
        if not ratio:
            continue  # ours got no CPU
        rest = row[:-2] if row[-1].endswith("ns") else row  # the distance of the CPUs
        best = min(ratio.values())
        assert ratio[rest[-1]] == pytest.approx(best, rel=1e-3)  # as they are in JSON
        assert float(rest[-2]) == pytest.approx(best, abs=0.011, rel=0.01)


def test_more_threads_than_cpus_are_measured_and_right():
    r = ringperf("--json", "--lcores", CPU, "--shape", "2x3", "--elem", "16", "--bulk", "8", *SHORT)
    assert r.returncode == 0, r.stderr
    lines = objects(r.stdout)
    assert set(ALWAYS) - SINGLE <= {o["ring"] for o in lines}
    assert not SINGLE & {o["ring"] for o in lines}
    for o in lines:
        assert (o["producers"], o["consumers"], o["cpus"]) == (2, 3, 1)
        assert not o["failed"]
    assert checked(lines)


def test_bursts_of_less_than_the_bulk_are_welcome():
    r = ringperf("--json", "--calls", "burst", "--idle", "yield", "--bulk", "7", "--count", "8", "--elem", "32",
                 "--shape", "2x2", *SHORT)
    assert r.returncode == 0, r.stderr
    assert all(o["calls"] == "burst" for o in objects(r.stdout)) and checked(objects(r.stdout))


def test_without_latency_there_are_no_percentiles():
    r = ringperf("--json", "--rings", "dad", *SMALL, "--latency", "0")
    assert r.returncode == 0, r.stderr
    assert all(o["p50_ns"] is None and o["transfers"] == 0 for o in objects(r.stdout))


def test_without_shapes_those_that_there_are_cpus_for_are_taken():
    r = ringperf("--json", "--rings", "dad", "--lcores", CPU, "--elem", "8", "--bulk", "8", "--duration", "10")
    assert r.returncode == 0, r.stderr
    assert [(o["producers"], o["consumers"]) for o in objects(r.stdout)] == [(1, 1)]


def test_it_runs_without_hugepages():
    r = ringperf("--json", "--rings", "dad,rte-mpmc", *SMALL, env={**os.environ, "DAD_NO_HUGE": "1"})
    assert r.returncode == 0, r.stderr
    assert "--no-huge" in r.stderr and len(objects(r.stdout)) == 8


def test_eal_options_of_the_user_are_taken():
    r = ringperf("--json", "--rings", "dad", *SMALL, eal=support.eal_options(lcores=CPU))
    assert r.returncode == 0, r.stderr
    assert "EAL options" not in r.stderr and len(objects(r.stdout)) == 4


# ---- pictures --------------------------------------------------------------------------------

def test_plots_have_a_pane_for_each_shape_and_size(tmp_path):
    svg, png = tmp_path / "it's.svg", tmp_path / "b.png"
    for picture in (svg, png):
        r = ringperf("--plot", picture, "--rings", "dad,rte-spsc", "--elem", "8,64", "--bulk", "1,8", "--shape", "1x1,2x2",
                     *SHORT)
        assert r.returncode == 0, r.stderr
    text = "".join(xml.etree.ElementTree.parse(svg).getroot().itertext())
    for word in ("1x1, elements of 8 bytes", "2x2, elements of 64 bytes", "dad", "rte-spsc", "bulk"):
        assert word in text
    assert png.read_bytes().startswith(b"\x89PNG") and png.stat().st_size > 5000


def test_a_missing_gnuplot_is_told_before_anything_is_measured(tmp_path):
    r = ringperf("--plot", tmp_path / "a.svg", "--duration", "60000", env={**os.environ, "PATH": str(tmp_path)})
    assert r.returncode == 1  # within the time of this call, which one measurement takes
    assert "gnuplot" in r.stderr and "not installed" in r.stderr


# ---- when things go wrong --------------------------------------------------------------------

@pytest.mark.parametrize("fault, word, fields", [
    ("lose", "lost", ["lost"]),
    ("double", "doubled", ["lost", "doubled"]),
    ("swap", "out of order", ["disordered"]),
    ("tear", "torn", ["torn"]),
])
def test_a_ring_that_does_wrong_is_found_out(fault, word, fields):
    app = subprocess.run(["ldd", RINGPERF], capture_output=True, text=True, check=True).stdout
    if "libdad_ring" not in app:
        pytest.skip("linked statically: no ring can be put in the place of ours")
    env = support.preloaded(FAULTY)
    env["LD_PRELOAD"] = f"{env['LD_PRELOAD']}:{FAULTY}" if "LD_PRELOAD" in env else str(FAULTY)
    env.update(RING_FAULT=fault, RING_FAULT_ESIZE="16")
    r = ringperf("--json", "--rings", "dad,rte-spsc", "--elem", "16", "--bulk", "8", "--shape", "1x1", *SHORT,
                 "--latency", "0", env=env)
    assert r.returncode == 1
    assert word in r.stderr
    ours, peer = objects(r.stdout)
    assert all(ours[field] > 0 for field in fields)
    assert peer["lost"] == peer["doubled"] == peer["torn"] == peer["disordered"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_what_there_is(number):
    with support.Running([RINGPERF, "--rings", "dad,rte-mpmc", "--duration", "50", "--rounds", "3", "--shape", "2x2",
                          "--oversubscribe"]) as p:
        p.says("\n   8    1 |")
        p.interrupt(number)
        assert p.end() == 1
        assert "not complete" in p.stderr and "geo.mean" in p.stdout


def test_on_a_terminal_a_line_says_how_far_it_is():
    with pexpect.spawn(str(RINGPERF), ["--rings", "dad,rte-hts", *SMALL], encoding="utf-8", timeout=60,
                       dimensions=(24, 200)) as p:
        p.expect(r"1/\d\d dad, 1x1, 8 bytes, bulk 1")
        p.expect(r"(\d\d)/\1 rte-hts, 1x1, 64 bytes, bulk 8, \d+ s to go")
        p.expect(pexpect.EOF)
        p.close()
        assert p.exitstatus == 0
    assert not re.search(r"\d+/\d+ dad", ringperf("--rings", "dad", *SMALL).stderr)


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    for option in ("--json", "--csv"):
        for path, reason in [("/no/such/folder/f", "No such file"), ("/dev/full", "No space left")]:
            r = ringperf(f"{option}={path}", "--rings", "dad", *SMALL)
            assert r.returncode == 1
            assert path in r.stderr and reason in r.stderr
    r = ringperf("--plot", tmp_path / "no" / "a.svg", "--rings", "dad", *SMALL)
    assert r.returncode == 1 and "a.svg" in r.stderr and "No such file" in r.stderr


def test_a_closed_standard_output_is_an_error():
    with open("/dev/full", "w", encoding="ascii") as full:
        r = subprocess.run([RINGPERF, "--rings", "dad", *SMALL], stdin=subprocess.DEVNULL, stdout=full,
                           stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert r.returncode == 1
    assert "standard output cannot be written" in r.stderr


def test_too_large_a_ring_is_told_and_the_others_are_measured():
    r = ringperf("--json", "--rings", "dad,rte-spsc", "--elem", "64,8", "--bulk", "8", "--shape", "1x1", "--count", "1048576",
                 *SHORT, "--latency", "0", eal=["-l", CPU, "--no-pci", *support.no_huge(64)])
    assert r.returncode == 1
    assert "no ring of 1048576 slots of 64 bytes" in r.stderr
    assert [(o["elem"], o["failed"]) for o in objects(r.stdout)] == [(64, True), (64, True), (8, False), (8, False)]
