"""An emulated board with a chip's memory and radio, and what tests of its memory say to it."""

import re
import shutil
import socket
import sys
import threading
from pathlib import Path

import pytest

QEMU = Path(__file__).resolve().parents[2] / "firmware" / "qemu"
NATIVE = QEMU.parent / "prebuilt" / "rv32imc"
sys.path.append(str(QEMU))
import board as emulated  # noqa: E402

# On the board: figures(what) prints the chip's heap and MicroPython's; load(n) takes n bytes in small objects, as code
# and state do.
HELP = b"""
import chip, esp32, gc, network, time
def figures(what):
    gc.collect()
    heap = esp32.idf_heap_info(esp32.HEAP_DATA)
    free, largest = sum(h[1] for h in heap), max(h[2] for h in heap)
    print("figures", what, free, largest, gc.mem_free() - largest + gc.mem_alloc(), gc.mem_alloc())
def load(n):
    first = gc.mem_alloc()
    objects = []
    while gc.mem_alloc() - first < n:
        objects.append([bytes(100) for _ in range(16)])
    return objects
def online():
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect("farm", "password")
    while not wlan.isconnected():
        time.sleep_ms(20)
    return wlan
def starve(leave):
    held = []
    size = 32768
    while size >= 64:
        piece = None
        if sum(h[1] for h in esp32.idf_heap_info(4)) > leave + size:
            piece = chip.hold(size)
        if piece is None:
            size //= 2
        else:
            held.append(piece)
    return held
def feed(held):
    while held:
        chip.release(held.pop())
"""


class Chip(emulated.Board):
    """One profile's board, which can say what is in its heaps."""

    def figures(self, code):
        """{what: (free in the chip's heap, largest piece, MicroPython's heap, used of it)} as the code printed them."""
        lines = re.findall(r"^figures (\w+) (\d+) (\d+) (\d+) (\d+)$", self.run(code), re.M)
        return {what: tuple(map(int, numbers)) for what, *numbers in lines}

    def ready(self):
        """A fresh interpreter with the helpers in it; they are compiled: the figures are those of a program."""
        self.interrupt()
        self.run("from chiphelp import *")
        return self


@pytest.fixture(params=sorted(emulated.port.PROFILES))
def profile(request):
    if emulated.missing("VIRT_RV32"):
        pytest.skip(", ".join(emulated.missing("VIRT_RV32")) + " not installed")
    return request.param


@pytest.fixture(scope="session")
def disk(tmp_path_factory):
    """A disk with the helpers and the native modules on it, copied for each board."""
    path = tmp_path_factory.mktemp("chip") / "disk"
    with Chip(disk=str(path), profile="esp32c3") as board:
        board.put("/chiphelp.py", HELP)
        for name in ("curve25519", "symcrypto"):
            board.put(f"/lib/{name}.mpy", (NATIVE / f"{name}.mpy").read_bytes())
    return path


@pytest.fixture
def chip(profile, disk, tmp_path):
    own = tmp_path / "disk"
    shutil.copy(disk, own)
    with Chip(disk=str(own), profile=profile) as board:
        yield board.ready()


@pytest.fixture
def echo():
    """A server on this computer that sends back what it receives: its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer(connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass

    def serve():
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


@pytest.fixture
def board_of():
    """board_of(profile) -> a board of that chip, to be used in a `with`."""
    if emulated.missing("VIRT_RV32"):
        pytest.skip(", ".join(emulated.missing("VIRT_RV32")) + " not installed")
    return lambda profile: emulated.Board("VIRT_RV32", profile=profile)
