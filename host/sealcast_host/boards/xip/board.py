"""`sealcast flash --xip`: the bytecode of a board's modules into its flash, stubs into its filesystem. Experimental.

What is written is checked by the board itself at every start (firmware/xip/board/xip_start.py), and files serve at
any doubt.
"""

import json
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from sealcast import __version__
from sealcast_host.boards import bundle, image, names, shipped
from sealcast_host.boards.bundle import STUBS, XIP_IMAGE, Bundle
from sealcast_host.boards.models import Board
from sealcast_host.boards.repl import ARCHES, Device
from sealcast_host.boards.xip import mpy
from sealcast_host.boards.xip.image import PROBE, Image, Target, Words, hash_mask, make
from sealcast_host.errors import Failed, UserError, garbled

_FILE = STUBS + "/image"  # where the unix port keeps its image
_PAGE = 0x10000
_WORD_BYTES = {"x64": 8}
_CHUNK = 512


@dataclass(frozen=True)
class Way:
    """How a chip gets at an image: the address that it is linked for, the bytes there are for it at most."""

    how: str
    base: int
    room: int


_WAYS = {
    # The last pages of the window: the system takes its own from the front. Source: DESIGN section 3, xip_start.py.
    "ESP32": Way("esp32", 0x3F800000 - 4 * _PAGE, 4 * _PAGE),
    "ESP32-C3": Way("esp32c3", 0x3C800000 - 4 * _PAGE, 4 * _PAGE),
    "virt": Way("memory", 0x80B00000, 0x80000),
    "linux": Way("unix", 0x5EA10000000, 0x100000),
}

_ASK = """
import json, sys
i = sys.implementation
print(json.dumps([getattr(i, '_machine', sys.platform), '.'.join([str(n) for n in i.version[:3]])]))
print(json.dumps([id(x) for x in (str, bytes, tuple, None, False, True, ...)] + [hash('sealcast xip')]))
"""
_HASHED = "sealcast xip"
# Where the running program ends in its partition: the image's header and segments. Source: Espressif's "App Image
# Format".
REGION = """
import esp32
P = esp32.Partition
own = P.find(P.TYPE_DATA, label='sealcast')
p = own[0] if own else P(P.RUNNING)
kind, sub, start, size, label, encrypted = p.info()
end = 0
if not own:
    b = bytearray(24)
    p.readblocks(0, b, 0)
    assert b[0] == 0xe9
    end, count, hashed, b = 24, b[1], b[23], bytearray(8)
    for _ in range(count):
        p.readblocks(end // 4096, b, end % 4096)
        end += 8 + int.from_bytes(b[4:8], 'little')
    end = (end + 16) // 16 * 16 + (32 if hashed else 0) + 4096
print(start, size, end, int(bool(encrypted)))
"""
_START = "import xip_start\nprint(xip_start.start())"


@dataclass
class Plan:
    """What `add` decided, for what comes after the files."""

    way: Way | None = None
    made: Image | None = None
    flash: int = 0
    board: Board | None = None

    def add(self, device: Device, board: Board | None, wanted: Bundle) -> None:
        """Adds loader, stubs and the image's description to the files that are wanted. Raises UserError."""
        self.board, self.way = board, _way(board, device.port)
        if not wanted.compiled:
            raise UserError("mpy-cross does not fit this MicroPython: there is no bytecode to put into flash")
        facts = device.facts()
        firmware, (*words, hashed) = (json.loads(line) for line in _twice(device, _ASK).splitlines())
        folder = shipped.xip_dir()
        sources = ("xip", "xip_start", "xip_probe")
        loader = {
            n: names.renamed(bundle.compiled(folder / "board" / f"{n}.py", n, facts.mpy)) for n in sources
        }
        modules = {
            path.removeprefix("/lib/"): data
            for path, data in wanted.files.items()
            if path.startswith(("/lib/sealcast/", "/lib/node/")) and path.endswith(".mpy")
        }
        modules[PROBE] = loader["xip_probe"]
        try:
            target = Target(
                ARCHES.index(facts.arch),
                _WORD_BYTES.get(facts.arch, 4),
                self.way.base,
                # A program on a computer lies at another address each time that it is started.
                None if self.way.how == "unix" else Words(hash_mask(_HASHED, hashed), *words),
            )
            self.made = make(modules, target, __version__)
        except mpy.Unreadable as e:
            raise Failed(f"no image can be made ({e}): leave --xip out") from None
        if len(self.made.data) > self.way.room:
            raise UserError(
                f"the bytecode is {len(self.made.data)} bytes long, {self.way.room} have room: use --image instead"
            )
        self.flash = _free_flash(device, len(self.made.data)) if self.way.how.startswith("esp") else 0
        for name in sources:
            wanted.files[f"/lib/{name}.mpy"] = loader[name]
        native = folder / "prebuilt" / facts.arch / "xipnative.mpy"
        wanted.files["/lib/xipnative.mpy"] = native.read_bytes()
        for path, data in self.made.stubs.items():
            wanted.files[f"{STUBS}/{path}"] = data
        if self.way.how == "unix":
            wanted.files[_FILE] = self.made.data
        wanted.files[XIP_IMAGE] = self._description(firmware, zlib.crc32(loader["xip_probe"]) & 0x3FFFFFFF)

    def _description(self, firmware: list[str], probe_check: int) -> bytes:
        assert self.made is not None and self.way is not None
        description = {
            "how": self.way.how,
            "base": self.way.base,
            "size": len(self.made.data),
            "id": self.made.id,
            "firmware": firmware,
            "probe_check": probe_check,
            "flash": self.flash,
            "file": _FILE,
        }
        return (json.dumps(description) + "\n").encode()

    def write(self, port: str) -> None:
        """Puts the image into its place. The board is at its prompt or runs; afterwards it starts anew."""
        assert self.made is not None and self.way is not None
        if self.way.how == "memory":
            with Device(port) as device:
                _write_memory(device, self.way.base, self.made.data)
        elif self.board is not None and self.way.how.startswith("esp"):
            with tempfile.NamedTemporaryFile(prefix="sealcast-", suffix=".bin") as file:
                file.write(self.made.data)
                file.flush()
                image.write_region(self.board, port, self.flash, Path(file.name))


def is_meant(device: Device) -> bool:
    """Is this board one whose bytecode lies in flash?"""
    return XIP_IMAGE.rpartition("/")[2] in device.names(STUBS)


def prove(device: Device) -> tuple[bool, str]:
    """The board's own verdict on its image, in a fresh interpreter; on True its modules come out of flash from now
    on."""
    said = device.run(_START).strip().splitlines() or ["it says nothing"]
    return said[-1] == "True", " ".join(said[:-1]) or said[-1]


def forget_trials(device: Device) -> None:
    """An image that was refused or crashed gets its chance again."""
    for path in bundle.XIP_MARKS:
        device.remove(path)


def _way(board: Board | None, port: str) -> Way:
    if board is None or board.chip not in _WAYS:
        name = board.name if board is not None else f"the board at {port}"
        raise UserError(f"--xip knows the ESP32 and ESP32-C3, not {name}: use a firmware with the node in it (--image)")
    return _WAYS[board.chip]


def _twice(device: Device, program: str) -> str:
    """What it prints, asked for twice: by figures that a bad line has changed we would write over something else.
    Raises Failed."""
    said = device.run(program)
    if device.run(program) != said:
        raise garbled(f"{device.port}: ")
    return said


def _free_flash(device: Device, size: int) -> int:
    """Where in flash the image goes: a data partition named "sealcast", else behind the program in its partition."""
    start, length, end, encrypted = (int(word) for word in _twice(device, REGION).split())
    if encrypted:
        raise UserError(f"{device.port}: its flash is encrypted: use a firmware with the node in it (--image)")
    first = (start + end + _PAGE - 1) // _PAGE * _PAGE
    if first + size > start + length:
        room = max(0, start + length - first) // 1024
        raise UserError(
            f"{device.port}: {room} KB of flash are free behind its program, {size // 1024} KB are needed: use --image"
        )
    return first


def _write_memory(device: Device, base: int, data: bytes) -> None:
    """The emulated board's flash is memory."""
    import binascii

    device.run(f"import uctypes\n_m = uctypes.bytearray_at({base}, {len(data)})")
    for at in range(0, len(data), _CHUNK):
        piece = binascii.b2a_base64(data[at : at + _CHUNK], newline=False)
        device.run(f"_b = binascii.a2b_base64({piece!r})\n_m[{at}:{at}+len(_b)] = _b")
