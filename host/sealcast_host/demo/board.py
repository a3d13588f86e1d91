"""The demo's member on an emulated RISC-V board: the node as on an ESP32-C3, without radio, behind the serial bridge.

Only in a checkout: firmware/qemu builds MicroPython for the board and runs it in QEMU.
"""

import asyncio
import importlib.util
import secrets
import sys
from pathlib import Path
from typing import Any

from sealcast import wire
from sealcast.crypto import best_suite
from sealcast.run import slots
from sealcast_host.boards import bundle, romfs
from sealcast_host.boards.provision import completed
from sealcast_host.bridge.ports import Bridge, maker
from sealcast_host.demo.members import Member
from sealcast_host.member import channels
from sealcast_host.member.parent import die_with_parent
from sealcast_host.waiting import STEP_S, Watch

QEMU = Path(__file__).resolve().parents[3] / "firmware" / "qemu"
NAME, ARCH, MPY = "VIRT_RV32", "rv32imc", 6
SLOW_S = 400.0  # for what an emulated board does at once, on a computer that is busy
WINDOW = 16  # packets: what the emulated port loses nothing of


def emulator() -> Any:
    """firmware/qemu/board.py, or None outside of a checkout."""
    if "board" in sys.modules:
        return sys.modules["board"]
    spec = importlib.util.spec_from_file_location("board", QEMU / "board.py")
    if spec is None or spec.loader is None or not (QEMU / "board.py").exists():
        return None
    module = importlib.util.module_from_spec(spec)
    sys.modules["board"] = module
    spec.loader.exec_module(module)
    return module


def missing() -> str:
    """Why there can be no emulated board here, or ""."""
    emulated = emulator()
    if emulated is None:
        return "no checkout of the firmware"
    programs = emulated.missing(NAME)
    return "not installed: " + " ".join(programs) if programs else ""


class BoardMember(Member):
    """A member on an emulated board. Everything that it hears and says passes the serial port and the bridge."""

    def __init__(self, uid: str, watch: Watch, folder: Path, broker: dict[str, Any], **settings: Any) -> None:
        """settings: fields of its sealcast.json beside the usual ones."""
        super().__init__(uid, watch)
        self._settings = settings
        self._folder = folder
        self._bridge = Bridge(maker(broker), self._line)
        self._board: Any = None
        self._task: asyncio.Task[None] | None = None

    async def install(self, known: channels.ChannelFile) -> None:
        """Build the firmware if it is not there, put node, settings, identity and seed on the board's disk, and
        start it."""
        await asyncio.to_thread(self._install, known)
        self._task = asyncio.create_task(self._bridge.attend(self._board.port))

    def _install(self, known: channels.ChannelFile) -> None:
        emulated = emulator()
        files = bundle.make(ARCH, MPY, None, emulated.port.bootstrap("unix.py", "mpy-cross")).files
        self._folder.mkdir(mode=0o700)
        identity, suite = secrets.token_bytes(32), best_suite()
        settings = known.settings(self.uid) | {"identity": wire.b64(identity), "log": "json", "keepalive": 20}
        settings |= {"transport": "serial", "serial": {"window": WINDOW}} | self._settings
        del settings["broker"]
        # The board has no randomness of its own: it lives on this seed (PROTOCOL.md sections 5 and 12).
        key = slots.key_for(suite, identity, settings["channel"].encode(), self.uid.encode())
        disk = str(self._folder / "memory")
        self._board = emulated.Board(
            NAME, disk=disk, heap_bytes=emulated.port.C3_HEAP_BYTES, preexec=die_with_parent
        )
        self._board.start()
        self._board.write_rom(romfs.image({path: data for path, data in files.items() if path.startswith("/lib/")}))
        self._board.put("/sealcast.json", completed(suite, settings).encode())
        self._board.put("/state.0", slots.pack(suite, key, 1, b"\x01" + secrets.token_bytes(32)))
        for path in ("/boot.py", "/main.py"):
            self._board.put(path, files[path])
        self._board.reset()
        self._board.let_go()

    @property
    def port(self) -> str:
        """The board's serial port, as any program may open it."""
        return str(self._board.port)

    def _line(self, line: str) -> None:
        """The board's log, as the bridge shows it."""
        self.take(line.removeprefix(self.port + ": "))

    def say(self, line: str) -> None:
        """A line for the node's console."""
        self._bridge.type(self.port, line)

    async def send(self, body: str, mode: str) -> None:
        before = sum(n == "sent" for n, _ in self.events)
        line = {"note": "note", "conversation": "conv"}[mode] + " " + body

        def sent() -> bool:
            return sum(n == "sent" for n, _ in self.events) > before

        await self._watch.typed(lambda: self.say(line), sent, STEP_S / 4)
        await self._watch.until(f"{self.uid} sends a {mode}", sent)

    async def cut_power(self) -> None:
        """Off, at once; its disk stays."""
        await self._stop_relaying()
        await asyncio.to_thread(self._board.cut_power)

    async def power_on(self) -> None:
        """On again, with what it had stored."""
        await asyncio.to_thread(self._board.start)
        self._task = asyncio.create_task(self._bridge.attend(self._board.port))

    async def close(self) -> None:
        """Off, for good."""
        if self._board is not None:
            await self.cut_power()
            (self._folder / "memory").unlink(missing_ok=True)

    async def _stop_relaying(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
