# SPDX-License-Identifier: BSD-3-Clause
"""dad-testdma --input --output: the file arrives as it was, or the exit code says that it did not."""
import hashlib
import os
import select
import signal
import threading

import pytest

import support

MIB = 1 << 20
SIZES = [0, 1, 63, 64, 65, 4095, 4096, 4097, MIB + 1, 50 * MIB]


def make_file(path, size, seed=0):
    """Bytes that differ everywhere, the same for the same seed."""
    with open(path, "wb") as f:
        for n in range(0, size, MIB):
            block = hashlib.shake_128(f"{seed} {n}".encode()).digest(min(MIB, size - n))
            f.write(block)
    return path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    return {size: make_file(folder / str(size), size) for size in SIZES}


def running(*options, eal):
    return support.Running([support.TESTDMA, *eal, "--", *options])


@pytest.mark.parametrize("size", SIZES)
def test_output_is_identical_for_any_size(testdma, inputs, tmp_path, device, size):
    out = tmp_path / "out"
    r = testdma("--input", inputs[size], "--output", out, "--verify", "full", eal=support.eal_options(device))
    assert r.returncode == 0, r.stderr
    assert out.stat().st_size == size
    assert digest(out) == digest(inputs[size])
    assert f"{size} bytes in" in r.stdout
    assert device.split(",")[0] in r.stdout


@pytest.mark.parametrize("options", [
    ["--size", "1"], ["--size", "4097"], ["--size", "3m"], ["--qdepth", "1", "--batch", "1"],
    ["--size", "1000", "--qdepth", "7", "--batch", "3"], ["--batch", "1024", "--qdepth", "8"],
])
def test_output_is_identical_for_any_pieces(testdma, tmp_path, options):
    data = make_file(tmp_path / "in", 300_001)
    out = tmp_path / "out"
    r = testdma("--input", data, "--output", out, *options, eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 0, r.stderr
    assert digest(out) == digest(data)


@pytest.mark.parametrize("devargs, options", [
    ("engine=thread,workers=2", ["--vchans", "3", "--size", "4097"]),
    ("engine=inline", ["--vchans", "64", "--size", "1000", "--qdepth", "100", "--batch", "7"]),
    ("engine=thread", ["--vchans", "5", "--size", "100k", "--qdepth", "3"]),
])
def test_pieces_on_several_vchans_are_written_in_their_order(testdma, tmp_path, devargs, options):
    support.need_driver()
    data = make_file(tmp_path / "in", 3 * MIB + 12345)
    out = tmp_path / "out"
    r = testdma("--input", data, "--output", out, "--verify", "full", *options,
                eal=support.eal_options(f"dma_dad0,{devargs}"))
    assert r.returncode == 0, r.stderr
    assert digest(out) == digest(data)
    assert f"on {options[1]} vchans" in r.stdout


def test_more_vchans_than_the_device_has_are_refused(testdma, tmp_path):
    data = make_file(tmp_path / "in", 10)
    r = testdma("--input", data, "--output", tmp_path / "out", "--vchans", "2", eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 1
    assert "dma_skeleton0 has 1 vchans, and 2 are to be used" in r.stderr


def test_a_full_ring_loses_nothing(testdma, tmp_path, faulty):
    data = make_file(tmp_path / "in", 9 * MIB + 5)
    out = tmp_path / "out"
    r = testdma("--input", data, "--output", out, "--size", "4k", "--qdepth", "2048", "--batch", "1024",
                eal=faulty("none"))  # 1023 descriptors
    assert r.returncode == 0, r.stderr
    assert digest(out) == digest(data)


def test_physical_addresses_work(testdma, inputs, tmp_path, device):
    if device.startswith("dma_skeleton"):
        pytest.skip("dma_skeleton refuses physical addresses")
    eal = support.eal_options(device, extra=["--iova-mode=pa"])
    if os.geteuid() != 0 or "--no-huge" in eal:
        pytest.skip("physical addresses need root and hugepages")
    out = tmp_path / "out"
    r = testdma("--input", inputs[50 * MIB], "--output", out, "--size", "1m", "--verify", "full", eal=eal)
    assert r.returncode == 0, r.stderr
    assert digest(out) == digest(inputs[50 * MIB])


def test_an_older_longer_output_is_replaced(testdma, inputs, tmp_path):
    out = make_file(tmp_path / "out", 100_000, seed=1)
    r = testdma("--input", inputs[4095], "--output", out, eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 0, r.stderr
    assert digest(out) == digest(inputs[4095])


def test_a_pipe_in_odd_portions_is_read_to_its_end(testdma, inputs, tmp_path):
    fifo, out = tmp_path / "fifo", tmp_path / "out"
    os.mkfifo(fifo)
    data = inputs[MIB + 1].read_bytes()

    def feed():
        with open(fifo, "wb", buffering=0) as f:
            for i in range(0, len(data), 50_021):
                f.write(data[i:i + 50_021])
    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    r = testdma("--input", fifo, "--output", out, eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 0, r.stderr
    feeder.join()
    assert out.read_bytes() == data


@pytest.mark.parametrize("link", ["same", "hard", "soft"])
def test_the_same_file_twice_is_refused_and_left_alone(testdma, tmp_path, link):
    data = make_file(tmp_path / "in", 10_000)
    before = digest(data)
    out = data if link == "same" else tmp_path / "other"
    if link == "hard":
        os.link(data, out)
    if link == "soft":
        out.symlink_to(data)
    r = testdma("--input", data, "--output", out, eal=support.eal_options("dma_skeleton0"))
    assert r.returncode == 2
    assert "same file" in r.stderr and str(out) in r.stderr
    assert digest(data) == before


def test_what_cannot_be_read_or_written_is_named(testdma, inputs, tmp_path):
    eal = support.eal_options("dma_skeleton0")
    missing = tmp_path / "missing"
    nowhere = tmp_path / "no" / "such" / "folder"
    for options, name, reason in [
        (["--input", missing, "--output", tmp_path / "out"], missing, "No such file"),
        (["--input", tmp_path, "--output", tmp_path / "out"], tmp_path, "is a directory"),
        (["--input", inputs[4096], "--output", nowhere], nowhere, "No such file"),
        (["--input", inputs[4096], "--output", tmp_path], tmp_path, "Is a directory"),
        (["--input", inputs[4096], "--output", "/dev/full"], "/dev/full", "No space left"),
    ]:
        r = testdma(*options, eal=eal)
        assert r.returncode == 1, options
        assert f"'{name}'" in r.stderr and reason in r.stderr, r.stderr
        assert "bytes in" not in r.stdout


def test_a_transfer_without_end_is_interrupted(device):
    with running("--input", "/dev/zero", "--output", "/dev/null", eal=support.eal_options(device)) as p:
        p.until(lambda: p.written() > MIB)
        p.interrupt()
        assert p.end() == 1, p.stderr
        assert "interrupted after" in p.stderr and "not complete" in p.stderr
        assert "bytes in" not in p.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_input_keeps_it_waiting_ends_it(tmp_path, number):
    fifo, out = tmp_path / "fifo", tmp_path / "out"
    os.mkfifo(fifo)
    feeder = os.open(fifo, os.O_RDWR)  # which waits for nobody
    os.write(feeder, b"x" * 1000)
    with running("--input", fifo, "--output", out, eal=support.eal_options("dma_skeleton0")) as p:
        p.until(lambda: not select.select([feeder], [], [], 0)[0])  # it has taken what there is
        p.interrupt(number)
        assert p.end() == 1, p.stderr
        assert "interrupted" in p.stderr
    os.close(feeder)


def test_an_error_of_the_device_is_named_with_its_offset(testdma, inputs, tmp_path, faulty):
    r = testdma("--input", inputs[50 * MIB], "--output", tmp_path / "out", "--size", "64k", eal=faulty("error"))
    assert r.returncode == 1
    assert f"dma_faulty0: error at offset {100 * 65536}: bus read error (status 8)" in r.stderr
    assert "bytes in" not in r.stdout


@pytest.mark.parametrize("fault", ["flip", "skip", "overrun"])
def test_wrong_bytes_do_not_pass_verification(testdma, inputs, tmp_path, faulty, fault):
    r = testdma("--input", inputs[50 * MIB], "--output", tmp_path / "out", "--size", "64k", "--verify", "full",
                eal=faulty(fault, at=300))
    assert r.returncode == 1
    assert f"miscompare: dma_faulty0, offset {300 * 65536 + (65535 if fault == 'flip' else 0)}" in r.stderr


def test_a_device_that_stops_answering_is_given_up(testdma, inputs, tmp_path, faulty):
    r = testdma("--input", inputs[50 * MIB], "--output", tmp_path / "out", "--size", "64k", "--stall", "1",
                eal=faulty("stall"))
    assert r.returncode == 1
    assert f"no completion at offset {100 * 65536}" in r.stderr
