# SPDX-License-Identifier: BSD-3-Clause
"""dad-testdma's prompt on a terminal, as a person uses it."""
import signal
import sys

import pexpect
import pytest

import support

PROMPT = "dad-testdma> "


@pytest.fixture
def prompt():
    opened = []

    def start(*options, eal=None):
        arguments = [*(eal or support.eal_options("dma_skeleton0")), "--", *options]
        child = pexpect.spawn(str(support.TESTDMA), arguments, timeout=60, encoding="utf-8", echo=False)
        child.logfile_read = sys.stdout
        opened.append(child)
        child.expect_exact(PROMPT)
        return child
    yield start
    for child in opened:
        child.close(force=True)


def command(child, line):
    """Run a line; what it printed."""
    child.sendline(line)
    child.expect_exact(line)
    child.expect_exact(PROMPT)
    return child.before


def end(child):
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus is None
    return child.exitstatus


def test_quit_leaves_with_0(prompt):
    child = prompt()
    child.sendline("quit")
    assert end(child) == 0


def test_end_of_input_leaves_with_0(prompt):
    child = prompt()
    child.send("\x04")
    assert end(child) == 0


def test_help_names_every_command(prompt):
    text = command(prompt(), "help")
    for word in ("show device", "show vchan", "show numa", "show stats", "show config", "set op", "set size", "set batch",
                 "set qdepth", "set verify", "set devices", "set lcores", "start", "stop", "wait", "clear stats",
                 "dump", "quit"):
        assert word in text


def test_tab_completes_commands_values_and_devices(prompt):
    child = prompt()
    child.send("sho\t")
    child.expect_exact("show ")
    child.send("conf\t\n")
    child.expect_exact("config")
    child.expect_exact("op copy, size 4096")
    child.expect_exact(PROMPT)
    child.send("set devices dma_s\t\n")
    child.expect_exact("set devices dma_skeleton0")
    child.expect_exact(PROMPT)
    child.send("set verify f\t\n")
    child.expect_exact("set verify full")
    child.expect_exact(PROMPT)
    assert "verify full" in command(child, "show config")


def test_tab_lists_what_is_possible(prompt):
    child = prompt()
    child.send("set op \t")
    for choice in ("copy", "fill", "sg"):
        child.expect_exact(choice)


def test_history_repeats_the_last_command(prompt):
    child = prompt()
    command(child, "show config")
    child.send("\x1b[A\n")
    child.expect_exact("op copy, size 4096")
    child.expect_exact(PROMPT)


def test_a_bad_value_is_named_and_changes_nothing(prompt):
    child = prompt()
    text = command(child, "set size lots")
    assert "bad size 'lots'" in text and "0 to 64m" in text
    assert "size 4096" in command(child, "show config")


def test_the_prompt_lives_while_a_transfer_runs(prompt):
    child = prompt()
    command(child, "set size 256")
    command(child, "set verify full")
    assert "copy of 256 bytes on 1 vchans" in command(child, "start")
    first = command(child, "show stats")
    assert "since last shown" in first
    command(child, "sleep 0.3")
    assert "since last shown" in command(child, "show stats")
    assert "stop first" in command(child, "start")
    assert "from the next start on" in command(child, "set size 64")
    text = command(child, "stop")
    assert "copy of 256 bytes" in text and "miscompares 0" in text
    assert "copy of 64 bytes" in command(child, "start")
    child.sendline("quit")
    child.expect_exact("accumulated over all devices")
    assert end(child) == 0


def test_interrupt_key_stops_prints_and_leaves(prompt):
    child = prompt()
    command(child, "start")
    child.sendintr()
    child.expect_exact("accumulated over all devices")
    assert end(child) == 0


def test_interrupt_key_ends_a_wait(prompt):
    child = prompt()
    command(child, "start")
    child.sendline("wait")
    child.expect_exact("wait")
    with pytest.raises(pexpect.TIMEOUT):
        child.expect_exact(PROMPT, timeout=1)
    child.sendintr()
    child.expect_exact("accumulated over all devices")
    assert end(child) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_print_and_leave(prompt, number):
    child = prompt()
    command(child, "start")
    child.kill(number)
    child.expect_exact("accumulated over all devices")
    assert end(child) == 0


@pytest.mark.parametrize("leave", ["quit", "interrupt"])
def test_the_terminal_is_as_it_was(leave):
    eal = " ".join(str(o) for o in support.eal_options("dma_skeleton0"))
    script = f"trap : INT; stty -g; {support.TESTDMA} {eal} -- -i; echo left $?; stty -g; echo end"
    with pexpect.spawn("/bin/sh", ["-c", script], timeout=60, encoding="utf-8") as child:
        child.expect(r"([0-9a-f:]{20,})\r\n")
        before = child.match.group(1)
        child.expect_exact(PROMPT)
        if leave == "quit":
            child.sendline("quit")
        else:
            child.sendintr()
        child.expect_exact("left 0")
        child.expect(r"([0-9a-f:]{20,})\r\n")
        assert child.match.group(1) == before
        child.expect_exact("end")


def test_the_prompt_follows_a_command_file_with_i(prompt, tmp_path):
    path = tmp_path / "commands"
    path.write_text("set size 128\n")
    child = prompt("--cmdline-file", str(path), "-i")
    child.expect_exact(PROMPT)  # the first was the echo of the file's line
    assert "size 128" in command(child, "show config")


def test_errors_of_the_device_show_in_the_exit_code(prompt, faulty):
    child = prompt(eal=[str(o) for o in faulty("error")])
    command(child, "set count 1000")
    command(child, "start")
    command(child, "wait")
    assert "error bus read error (status 8): 9" in command(child, "stop")
    child.sendline("quit")
    assert end(child) == 1


def test_a_file_shows_its_progress_on_a_terminal(tmp_path):
    data = tmp_path / "in"
    data.write_bytes(b"0123456789abcdef" * (1 << 18))
    with pexpect.spawn(str(support.TESTDMA), [*support.eal_options("dma_skeleton0"), "--", "--input", str(data),
                                              "--output", str(tmp_path / "out")], timeout=60, encoding="utf-8") as child:
        child.expect_exact("100 % 4 MiB")
        child.expect_exact("4194304 bytes in")
        assert end(child) == 0
