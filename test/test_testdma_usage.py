# SPDX-License-Identifier: BSD-3-Clause
"""dad-testdma's command line: mistakes are named, exit codes are 0, 1 or 2, nothing hangs."""
import os

import pytest

import support


@pytest.mark.parametrize("options, bad, valid", [
    (["--size", "abc"], "'abc'", "0 to 64m"),
    (["--size", "65m"], "'65m'", "0 to 64m"),
    (["--batch", "0"], "'0'", "1 to 1024"),
    (["--qdepth", "-3"], "'-3'", "1 to 32768"),
    (["--op", "move"], "'move'", "copy, fill or sg"),
    (["--verify", "most"], "'most'", "off, sample or full"),
    (["--bench", "--sizes", "64,x"], "'64,x'", "1 to 16m"),
    (["--bench", "--ops", "copy,jump"], "'copy,jump'", "copy, fill, sg"),
    (["--bench", "--rounds", "0"], "'0'", "1 to 101"),
    (["--bench", "--sets", "disk"], "'disk'", "core, cache, memory"),
    (["--bench", "--parts", "sweep,speed"], "'sweep,speed'", "sweep, latency"),
    (["--bench", "--cpu-threads", "0"], "'0'", "1 to 64, or other"),
    (["--bench", "--cpu-threads", "1,others"], "'1,others'", "1 to 64, or other"),
    (["--bench", "--cpu-threads", "1,2,3,4,5"], "'1,2,3,4,5'", "4 of them"),
    (["--lcores", "a-b"], "'a-b'", "lcore ids"),
    (["--bench", "--fast"], "'--fast'", "--help"),
    (["--bench", "now"], "'now'", "--"),
    (["--input", "a"], "--output", "belong together"),
    (["--json"], "--json", "--bench"),
    (["--bench", "--start"], "--bench", "only one"),
    (["--bench", "--size"], "'--size'", "needs a value"),
])
def test_a_bad_option_is_named_before_eal_starts(testdma, options, bad, valid):
    r = testdma(*options)
    assert r.returncode == 2
    assert bad in r.stderr and valid in r.stderr
    assert "EAL" not in r.stdout + r.stderr


def test_help_lists_every_mode_and_exit_code(testdma):
    for options in (["--help"], ["-h"]):
        r = testdma(*options)
        assert r.returncode == 0
        assert r.stderr == ""
        for word in ("--bench", "--mapbench", "--input", "--cmdline-file", "--json", "--size", "--verify", "exit: 0"):
            assert word in r.stdout


@pytest.mark.parametrize("options", [["--bench"], ["--start"], ["--input", "/dev/null", "--output", "/dev/null"]])
def test_an_unknown_device_is_named_with_those_there_are(testdma, options):
    r = testdma(*options, "--devices", "dma_skeleton0,nonsense", eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 2
    assert "'nonsense'" in r.stderr and "dma_skeleton0" in r.stderr


def test_an_lcore_that_eal_does_not_have_is_named(testdma):
    r = testdma("--start", "--count", "1", "--lcores", f"{support.ONE_CPU},127", eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 2
    assert "127 is none of EAL's lcores" in r.stderr


def test_bad_eal_options_are_a_usage_error(testdma):
    r = testdma("--bench", eal=["--no-such-eal-option"])
    assert r.returncode == 2


def test_bad_devargs_leave_no_device_and_say_so(testdma, tmp_path):
    support.need_driver()
    (tmp_path / "in").write_bytes(b"data")
    r = testdma("--input", tmp_path / "in", "--output", tmp_path / "out",
                eal=support.eal_options("dma_dad0,no_such_arg=1"))
    assert r.returncode == 1
    assert "no_such_arg" in r.stderr
    assert "no DMA device" in r.stderr


def test_no_device_fails_transfers_but_not_the_prompt_or_the_baseline(testdma, tmp_path):
    eal = support.eal_options()
    (tmp_path / "in").write_bytes(b"data")
    (tmp_path / "commands").write_text("show device\nshow vchan\nshow stats\nset size 64\nshow config\n")
    r = testdma("--cmdline-file", tmp_path / "commands", eal=eal)
    assert r.returncode == 0, r.stderr
    assert "warning: no DMA device" in r.stderr
    r = testdma("--start", "--count", "1", eal=eal)
    assert r.returncode == 1 and "nothing to start" in r.stderr
    r = testdma("--input", tmp_path / "in", "--output", tmp_path / "out", eal=eal)
    assert r.returncode == 1 and "no DMA device" in r.stderr
    r = testdma("--bench", "--sizes", "64", "--rounds", "1", "--duration-ms", "1", eal=eal)
    assert r.returncode == 0 and "memcpy" in r.stdout


def test_without_eal_options_it_chooses_and_prints_them(testdma):
    r = testdma("--start", "--count", "1000", "--verify", "full", "--devices", "all")
    assert "EAL options: -l" in r.stdout and "--vdev dma_dad0" in r.stdout
    if support.DAD_PMD.exists():
        assert r.returncode == 0, r.stderr
        assert "submitted 1000, completed 1000" in r.stdout


@pytest.mark.parametrize("options_of", ["program", "test"])
def test_it_runs_without_hugepages_and_leaves_no_files_behind(testdma, tmp_path, options_of):
    eal = None if options_of == "program" else ["-l", support.ONE_CPU, "--no-pci", *support.no_huge(300),
                                                "--vdev", "dma_skeleton0"]
    (tmp_path / "in").write_bytes(bytes(range(256)) * 999)
    (tmp_path / "run").mkdir()
    r = testdma("--input", tmp_path / "in", "--output", tmp_path / "out", eal=eal,
                env=dict(os.environ, DAD_NO_HUGE="1", RUNTIME_DIRECTORY=str(tmp_path / "run")))
    assert r.returncode == 0, r.stderr
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    assert [f for f in (tmp_path / "run").rglob("*") if not f.is_dir()] == []


def test_an_operation_the_device_cannot_do_is_refused(testdma):
    r = testdma("--start", "--op", "fill", eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 1
    assert "dma_skeleton0 cannot fill" in r.stderr


@support.needs_two_cpus
def test_more_lcores_than_vchans_are_refused(testdma):
    r = testdma("--start", "--lcores", support.TWO_CPUS, "--count", "1",
                eal=support.eal_options("dma_skeleton0", lcores=support.TWO_CPUS))
    assert r.returncode != 0
    assert "dma_skeleton0 has 1 vchans" in r.stderr


def test_a_closed_standard_output_is_an_error(testdma):
    with open("/dev/full", "w", encoding="ascii") as full:
        r = support.subprocess.run([support.TESTDMA, *support.eal_options("dma_skeleton0"), "--", "--start",
                                    "--count", "10"], stdout=full, stderr=support.subprocess.PIPE, text=True,
                                   timeout=60, check=False)
    assert r.returncode == 1
    assert "standard output cannot be written" in r.stderr
