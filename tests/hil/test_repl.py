"""What the host reads from a board over a port that is shared with the chip's own log, and that may go away."""

import contextlib
import os
import pty
import threading
import time
import tty

import pytest

from sealcast_host.boards import repl, start, transport
from sealcast_host.boards.repl import BoardError, Device, Failed, Gone
from sealcast_host.hil.rig import Rig


def test_a_file_that_does_not_arrive_whole_is_no_file(unix_board, monkeypatch):
    """A line of the chip's own log among those of the file: what stands there must not be taken for another thing."""
    device = Device(str(unix_board.port))
    device.put("/a", b"settings" * 20)
    assert device.get("/a") == b"settings" * 20 and device.get("/b") is None
    run, noise = device.run, []
    monkeypatch.setattr(device, "run", lambda program, *more: "".join(noise) + run(program, *more))
    for line in ("E (5012) wifi:\n", "c2V0\n"):
        noise[:] = [line]
        with pytest.raises(Failed, match="did not arrive whole"):
            device.get("/a")
    device.close()


def test_a_file_that_is_replaced_is_there_at_every_moment(unix_board):
    """The power may go: between a removal and a renaming a board would be without its settings and its identity."""
    device = Device(str(unix_board.port))
    device.put("/a", b"of before")
    device.run("def _gone(p): raise OSError('removed ' + p)")
    device.put("/a", b"and now")
    assert device.get("/a") == b"and now"
    device.close()


def test_what_others_print_meanwhile_is_printed(unix_board, capsys):
    """mpremote's words for what it did not expect were held back by taking everybody's output away."""
    device = Device(str(unix_board.port))
    transport = device._transport
    read, said = transport.read_until, []

    def read_until(*given, **options):
        if not said:
            said.append(print("said by another thread"))
            return b"no answer of MicroPython's"
        return read(*given, **options)

    transport.read_until = read_until
    with pytest.raises(Gone):
        device.run("print(1)")
    assert capsys.readouterr().out == "said by another thread\n"
    device.close()


def test_a_port_that_has_gone_is_closed(unix_board):
    """Else a board that is plugged in again gets another name."""
    device = Device(str(unix_board.port))
    serial = device._transport.serial
    unix_board.unplug()
    with pytest.raises(OSError):
        while True:
            serial.write(b"\x00")
    device.close()
    assert not serial.is_open


# As a Pico's: at most 8.3 s, and a soft reset leaves it on.
WATCHED = """
import sys
class WDT:
    def __init__(self, timeout):
        if timeout > 8388: raise ValueError("timeout too long")
        print_to_file("on %d" % timeout)
    def feed(self): pass
class Timer:
    def __init__(self, id, period, callback):
        callback(self)
        print_to_file("fed every %d" % period)
def print_to_file(line):
    with open("/dog", "a") as f: f.write(line + "\\n")
"""


def test_a_watchdog_finds_no_program_of_ours_too_long(unix_board):
    """A command may take longer than the 8.3 s for which a Pico's waits; what it was told is gone with a soft reset."""
    device = Device(str(unix_board.port))
    device.put("/lib/machine.py", WATCHED.replace("\\\\", "\\").encode())
    main = "import sys, time\nsys.modules['watchdog'] = 1\nopen('/runs', 'w').close()\ntime.sleep(600)\n"
    device.put("/main.py", main.encode())
    device.restart()
    for _ in range(1200):
        if (unix_board.flash / "runs").exists():
            break
        time.sleep(0.05)
    device = Device(str(unix_board.port))
    held = "on 8300\nfed every 1000\n"
    assert (unix_board.flash / "dog").read_text() == 2 * held  # before the soft reset, and after it
    device.fresh()
    assert (unix_board.flash / "dog").read_text() == 4 * held
    device.close()


@pytest.fixture
def line():
    """(the board's end, the port's name) of a line on which no MicroPython is."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs), theirs
    for end in (ours, theirs):
        with contextlib.suppress(OSError):
            os.close(end)


def test_a_port_that_takes_nothing_is_given_up(line, monkeypatch):
    monkeypatch.setattr(repl, "_PATIENCE_S", (0.1, 0.1))
    _, port, theirs = line
    os.set_blocking(theirs, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(theirs, b"\x00")  # what nobody reads
    with pytest.raises(Gone, match="does not answer"):
        Device(port)


@pytest.mark.parametrize("text", [b"no prompt\r\n", b"> like a prompt >\r\n"])
def test_a_program_that_prints_without_end_is_given_up(line, monkeypatch, text):
    """It takes no Ctrl-C and makes no pause: neither may be waited for, and not all of it kept."""
    board, port, _ = line

    def talk():
        with contextlib.suppress(OSError):
            while True:
                os.write(board, text * 20)

    def listen():
        with contextlib.suppress(OSError):
            while True:
                os.read(board, 4096)

    for target in (talk, listen):
        threading.Thread(target=target, daemon=True).start()
    opened = repl._open(port)
    opened.be_patient(0.1)
    with pytest.raises(transport.TransportError, match="raw repl"):
        opened.enter_raw_repl(timeout_overall=0.1)
    monkeypatch.setattr(transport, "MOST", 1000)
    with pytest.raises(transport.TransportError, match="no end"):
        opened.follow(60)
    opened.serial.close()


def test_a_board_that_was_not_restarted_is_told(unix_board, monkeypatch, capsys):
    device = Device(str(unix_board.port))
    transport = device._transport
    monkeypatch.setattr(transport, "read_until", lambda *_, **__: b"")
    device.restart()
    assert "the board was not restarted: press its reset button" in capsys.readouterr().err
    assert not transport.serial.is_open


def test_a_file_that_was_moved_elsewhere_is_no_file(unix_board, monkeypatch):
    """A flipped bit in the command that moves it: its content was checked where it is no more."""
    device = Device(str(unix_board.port))
    run = device.run
    monkeypatch.setattr(device, "run", lambda program, *more: run(program.replace("'/a')", "'/c')"), *more))
    monkeypatch.setattr(device, "hashes", lambda paths: {p: run(f"print(_hash({p!r}))").strip() for p in paths})
    with pytest.raises(Failed, match="/a is not as it was sent"):
        device.put("/a", b"settings")
    device.close()


def test_a_file_that_was_not_removed_is_told(unix_board, monkeypatch):
    """Of the member that the board was before, say."""
    device = Device(str(unix_board.port))
    device.put("/a", b"settings")
    run = device.run
    monkeypatch.setattr(device, "run", lambda program, *more: run(program.replace("_gone('/a')", "_gone('/q')"), *more))
    with pytest.raises(Failed, match="/a is not as it was sent"):
        device.remove("/a")
    device.close()


def test_a_command_of_ours_that_arrives_damaged_is_no_fault_of_the_boards(unix_board):
    device = Device(str(unix_board.port))
    with pytest.raises(BoardError, match="did not arrive whole: run it again"):
        device.run("print(1")
    device.close()


@pytest.mark.parametrize("answer", ["# 1x 2 0", "# 1 2", "# 1 2 3 I (5012) wifi: 1"])
def test_figures_that_did_not_arrive_whole_are_no_traceback(answer, monkeypatch):
    with pytest.raises(Failed, match="did not arrive whole"):
        list(start.judged([answer]))
    rig = Rig.__new__(Rig)
    monkeypatch.setattr(rig, "run", lambda program: answer)
    with pytest.raises(Failed, match="did not arrive whole"):
        rig.heap()
