"""The node on an emulated chip (firmware/qemu/chip): installed from files or with its bytecode in flash, heard and
typed to over its serial port."""

import json
import os
import queue
import select
import threading
import time
import tty

from sealcast.crypto import host as suite
from sealcast.run import slots
from sealcast.run.settings import complete
from sealcast.wire import b64
from sealcast_host.boards import bundle, models, names
from sealcast_host.boards.provision import text_of
from sealcast_host.boards.repl import Device
from sealcast_host.boards.xip import board as in_flash

KEY, IDENTITY = bytes(range(32)), bytes([7]) * 32
LONG_S = 120  # for a board on a busy machine

# With it the console's "heap" tells more: the least that lwIP's memory ever had free, and MicroPython's own statistics.
# And the node begins also where it would refuse to.
_PROBE = """
import chip, esp32, micropython
from node import app, forget, setup
from node.log import Log
setup.fit = lambda config: None
_event = Log.event
forget("log")  # its names alone: what it does is in node.app
del app, forget, setup
def event(self, name, info):
    if name == "online":
        getattr(chip, "forget")()  # what came before was the growth of the heap, which held it all
    if name == "heap":
        info["least"] = sum([region[3] for region in esp32.idf_heap_info(esp32.HEAP_DATA)])
        micropython.mem_info()
    _event(self, name, info)
Log.event = event
"""


class Serial:
    """What a board prints, line by line, as events. heard(line): called with every line as it comes."""

    def __init__(self, board, heard=None, patience_s=LONG_S):
        self.board, self.lines, self._patience_s = board, queue.Queue(), patience_s
        self._heard = heard
        self._fd, self._stop = os.open(board.port, os.O_RDWR | os.O_NOCTTY), False
        tty.setraw(self._fd)  # else it echoes to the board what the board says
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        rest = b""
        while not self._stop:
            if select.select([self._fd], [], [], 0.2)[0]:
                try:
                    *lines, rest = (rest + os.read(self._fd, 4096)).split(b"\n")
                except OSError:
                    return
                for line in lines:
                    text = line.decode(errors="replace").strip()
                    if self._heard:
                        self._heard(text)
                    self.lines.put(text)

    def close(self):
        self._stop = True
        self._thread.join()
        os.close(self._fd)

    def type(self, line):
        os.write(self._fd, line.encode() + b"\r\n")

    def until(self, what, fits):
        """The next line that fits. Everything before it is read past."""
        seen, end = [], time.monotonic() + self._patience_s
        while True:
            try:
                line = self.lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{what} does not come; the board said {seen[-6:]}") from None
            seen.append(line)
            assert "MemoryError" not in line, seen
            if fits(line):
                return line

    def event(self, name, **fields):
        def fits(line):
            info = json.loads(line) if line.startswith("{") else {}
            return info.get("event") == name and all(info.get(key) == value for key, value in fields.items())

        return json.loads(self.until(f"event {name} {fields}", fits))


def settings(port, **more):
    given = {"uid": "board", "channel": "g", "key": b64(KEY), "identity": b64(IDENTITY), "log": "json", "keepalive": 5}
    given |= {"broker": {"host": "10.0.2.2", "port": port}, "wifi": {"ssid": "farm", "password": "12345678"}}
    config = complete(given | more)
    open_yet = "ratchet" not in more and "modes" not in more
    return text_of(suite, config | {"ratchet": None} if open_yet else config).encode()


def install(board, port, flash, probe=False, **more):
    """The node onto the board's filesystem, its bytecode into flash if that is wanted; settings, identity and seed.

    probe: the console's "heap" tells more. more: settings.
    """
    plan, kind = in_flash.Plan(), models.named("QEMU_VIRT_RV32")
    board.interrupt()
    board.let_go()
    with Device(board.port) as device:
        facts = device.facts()
        made = bundle.make(facts.arch, facts.mpy, kind)
        if flash:
            plan.add(device, kind, made)
        key = slots.key_for(suite, IDENTITY, b"g", b"board")
        made.files["/state.0"] = slots.pack(suite, key, 1, b"\x01" + bytes(range(32)))
        made.files["/sealcast.json"] = settings(port, **more)
        if probe:
            made.files["/probe.py"] = names.source(_PROBE).encode()
            start = b"        from node.app import main\n"
            made.files["/main.py"] = made.files["/main.py"].replace(start, b"        import probe\n" + start, 1)
        for path, data in made.files.items():
            device.put(path, data)
    if flash:
        plan.write(board.port)
    board.reset()
