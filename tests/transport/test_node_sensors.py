"""Sensors that fail, and a Pico's long sleep, on the real MicroPython. Pins and drivers are stand-ins that raise what
the ports' own raise: the unix port has none, and here is no board.
"""

import json
import os
import subprocess

import pytest

from node_support import PATH, ROOT, Program
from sealcast_host.boards import names
from sealcast_host.boards.repl import _WATCHED

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

# dht.py, ds18x20.py and onewire.py of micropython-lib; Pin and UART as ports/esp32's and ports/rp2's. Sleep as
# ports/rp2's: deepsleep is lightsleep and a reset, a radio ends it at once, and the watchdog goes on meanwhile.
DRIVERS = {
    "machine": """
class Pin:
    def __init__(self, number):
        if number > 48: raise ValueError("invalid pin")
class ADC:
    ATTN_11DB = 3
    def __init__(self, pin, atten=None):
        assert atten == self.ATTN_11DB, "the range that it has by default is of the release"
    def read_u16(self): raise RuntimeError("adc")
class UART:
    def __init__(self, number, **more): raise ValueError("UART(%d) does not exist" % number)
class WDT:
    def __init__(self, timeout):
        if timeout > 8388: raise ValueError("timeout too long")
        self.feed()
    def feed(self):
        global fed
        fed = now
        print("fed")
now = fed = 0
radio = False
def lightsleep(ms):
    global now
    if ms >= (1 << 32) // 1000: raise ValueError("sleep too long")
    if radio: return
    assert now + ms <= fed + 8300, "the watchdog finds it asleep"
    now += ms
def reset():
    print("reset after", now)
    raise SystemExit
def deepsleep(ms):
    lightsleep(ms)
    reset()
""",
    "dht": """
class DHT22:
    def __init__(self, pin): pass
    def measure(self): raise Exception("checksum error")
""",
    "onewire": """
class OneWireError(Exception): pass
class OneWire:
    def __init__(self, pin): pass
""",
    "ds18x20": """
import onewire
class DS18X20:
    def __init__(self, bus): pass
    def scan(self): return [b"12345678"]
    def convert_temp(self): raise onewire.OneWireError
""",
}


PICO = """
import machine, sys
class Clock:
    def now(self): return machine.now
class Network:
    STA_IF = 0
    def WLAN(self, interface): return self
    def deinit(self): machine.radio = False
class Native:
    NAME = "native"
if %r:
    machine.radio = True
    sys.modules["network"] = Network()
from node import deepsleep, watchdog
watchdog.start(Native, print)
deepsleep.Clock = Clock
deepsleep.rest(%d)
"""


STREAM = """
import sys, time
from node.serialport import Stream
class Sink:
    def __init__(self, *takes): self.takes, self.got = list(takes), b""
    def write(self, view):
        n = self.takes.pop(0) if self.takes else 0
        self.got += bytes(view[:n or 0])
        return n
slow = Sink(2, 0, None, 1, 0, 9)
Stream(sys.stdin.buffer, slow).write(b"abcdefghijkl")
print(slow.got)
began = time.ticks_ms()
try:
    Stream(sys.stdin.buffer, Sink(3)).write(b"abcdef")
except OSError as e:
    print(e, 400 < time.ticks_diff(time.ticks_ms(), began))
"""


def test_a_port_that_nobody_reads_does_not_hold_the_board(micropython, tmp_path):
    """A Pico's USB takes nothing while no program has it open."""
    program = tmp_path / "stream.py"
    program.write_text(STREAM)
    said = "b'abcdefghijkl'\nnobody reads the serial port True\n"
    assert run(micropython, PATH, program) == (0, said)


@pytest.fixture
def drivers(tmp_path):
    """MICROPYPATH with the drivers' stand-ins."""
    folder = tmp_path / "drivers"
    folder.mkdir()
    for name, text in DRIVERS.items():
        (folder / f"{name}.py").write_text(text)
    return f"{folder}:{PATH}"


def settings(folder, port, **more):
    values = {"uid": "sensor", "channel": "greenhouse", "key": KEY, "log": "json", "keepalive": 5}
    values["broker"] = {"host": "127.0.0.1", "port": port}
    path = folder / "sealcast.json"
    path.write_text(json.dumps(values | more))
    return path


def run(micropython, path, *arguments):
    """-> (exit code, what it printed)"""
    argv = [str(micropython), *map(str, arguments)]
    env = {**os.environ, "MICROPYPATH": path}
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["dht22", "ds18b20", "adc"])
def test_a_waking_ends_whatever_its_sensor_raises(micropython, mosquitto, tmp_path, drivers, kind):
    path = settings(tmp_path, mosquitto.port, duty=600, sensor={"kind": kind, "pin": 4})
    code, said = run(micropython, drivers, ROOT / "firmware/node/main.py", path)
    log = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert code == 0 and log[-1]["event"] == "closed", said
    told = [e for e in log if e["event"] == "error"]
    assert [e["code"] for e in told] == ["internal" if kind == "adc" else "duty"], said
    assert kind == "adc" or "check the wiring and sensor.pin" in told[0]["text"]


@pytest.mark.parametrize("kind", ["dht22", "ds18b20"])
def test_a_reading_that_fails_is_no_internal_error(micropython, mosquitto, tmp_path, drivers, kind):
    path = settings(tmp_path, mosquitto.port, sensor={"kind": kind, "pin": 4, "every": 1})
    with Program(micropython, ROOT / "firmware/node/main.py", path, path=drivers) as node:
        assert node.wait(lambda e: e["event"] == "error")["code"] == "sensor"


@pytest.mark.parametrize(
    ("stand_ins", "pin", "field"), [(True, 99, "sensor.pin"), (True, "GP4", "sensor.pin"), (False, 4, "sensor.kind")]
)
def test_a_sensor_that_cannot_be_is_told_and_the_node_is_a_member(
    micropython, mosquitto, tmp_path, drivers, stand_ins, pin, field
):
    path = settings(tmp_path, mosquitto.port, sensor={"kind": "adc", "pin": pin})
    with Program(micropython, ROOT / "firmware/node/main.py", path, path=drivers if stand_ins else PATH) as node:
        told = node.wait(lambda e: e["event"] == "error")
        assert told["code"] == "sensor" and told["text"].startswith(field + ": ")
        node.wait(lambda e: e["event"] == "online")


def test_a_uart_that_the_chip_has_not_is_told_as_settings_are(micropython, tmp_path, drivers):
    path = settings(tmp_path, 1, transport="serial", serial={"uart": 9})
    code, said = run(micropython, drivers, ROOT / "firmware/node/main.py", path)
    assert code == 2 and f"{path}: serial.uart: " in said and "Traceback" not in said


@pytest.mark.parametrize("seconds", [1, 9, 4295, 604800])
@pytest.mark.parametrize("radio", [True, False])
def test_a_pico_sleeps_as_long_as_it_shall(micropython, tmp_path, drivers, seconds, radio):
    """Stand-ins for its modules and its clock: no emulator that we have is a Pico."""
    program = tmp_path / "rest.py"
    program.write_text(PICO % (radio, seconds))
    (tmp_path / "drivers" / "rp2.py").touch()
    code, said = run(micropython, drivers, program)
    said = said.split("fed\n")
    assert code == 0 and said[1].startswith("watchdog: on") and said[-1] == f"reset after {seconds * 1000}\n"


WATCHED = """
class Native:
    NAME = "native"
from node.watchdog import feed, start
exec(%r)
start(Native, print)
feed()
exec(%r)
"""


def test_a_watchdog_is_seen_by_who_opens_the_board(micropython, tmp_path, drivers, bundled):
    """In what a board runs, too, whose names are others."""
    program = tmp_path / "watched.py"
    for path, change in ((drivers, str), (f"{tmp_path / 'drivers'}:{bundled}:.frozen", names.source)):
        program.write_text(change(WATCHED % (_WATCHED, _WATCHED)))
        assert run(micropython, path, program) == (0, "False\nfed\nwatchdog: on\nfed\nTrue\n")


def test_the_watchdog_is_fed_while_the_node_is_well(micropython, mosquitto, tmp_path, drivers, bundled):
    """By what a board runs: there it was started, and never fed."""
    path, main = settings(tmp_path, mosquitto.port), ROOT / "firmware/node/main.py"
    for where in (drivers, f"{tmp_path / 'drivers'}:{bundled}:.frozen"):
        with Program(micropython, main, path, path=where) as node:
            node.wait_for("watchdog: on")
            node.wait(lambda e: e["event"] == "online")
            for _ in range(3):
                node.lines.clear()
                node.wait_for("fed")
