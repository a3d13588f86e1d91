"""The demo's members on emulated boards: a RISC-V board without radio, behind the serial bridge, and ESP32-C3s, with
that chip's memory, over Wi-Fi, the node's bytecode in flash.

Only in a checkout: firmware/qemu builds MicroPython for the boards and runs it in QEMU.
"""

import asyncio
import contextlib
import importlib.util
import os
import secrets
import sys
import tty
from pathlib import Path
from typing import Any

from sealcast import wire
from sealcast.crypto import best_suite
from sealcast.run import slots
from sealcast_host.boards import bundle, models, romfs
from sealcast_host.boards.provision import completed
from sealcast_host.boards.repl import Device
from sealcast_host.boards.xip import board as in_flash
from sealcast_host.bridge.ports import Bridge, maker
from sealcast_host.demo.members import COMMANDS, Member
from sealcast_host.member import channels
from sealcast_host.member.parent import die_with_parent
from sealcast_host.waiting import STEP_S, Watch

QEMU = Path(__file__).resolve().parents[3] / "firmware" / "qemu"
NAME, ARCH, MPY = "VIRT_RV32", "rv32imc", 6
SLOW_S = 400.0  # for what an emulated board does at once, on a computer that is busy
WINDOW = 16  # packets: what the emulated port loses nothing of
CHIP, MODEL = "esp32c3", "QEMU_VIRT_RV32"
WIFI = {"ssid": "farm", "password": "any password does here"}


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


class Emulated(Member):
    """A member on an emulated board, which is spoken to through its serial port."""

    def __init__(self, uid: str, watch: Watch, folder: Path, broker: dict[str, Any], **settings: Any) -> None:
        """settings: fields of its sealcast.json beside the usual ones."""
        super().__init__(uid, watch)
        self._settings = settings
        self._folder = folder
        self._broker = broker
        self._board: Any = None
        self._over = False

    async def install(self, known: channels.ChannelFile) -> None:
        """Build the firmware if it is not there, put node, settings, identity and seed on the board's disk."""
        await asyncio.to_thread(self._install, known)

    def _install(self, known: channels.ChannelFile) -> None:
        raise NotImplementedError

    def _made(self, known: channels.ChannelFile, **more: Any) -> dict[str, bytes]:
        """Settings and state of a member of this channel: the board may have no randomness of its own, it lives on
        this seed (PROTOCOL.md sections 5 and 12)."""
        identity, suite = secrets.token_bytes(32), best_suite()
        settings = known.settings(self.uid) | {"identity": wire.b64(identity), "log": "json", "keepalive": 20}
        settings |= more | self._settings
        if settings.get("transport") == "serial":
            del settings["broker"]
        key = slots.key_for(suite, identity, settings["channel"].encode(), self.uid.encode())
        state = slots.pack(suite, key, 1, b"\x01" + secrets.token_bytes(32))
        return {"/sealcast.json": completed(suite, settings).encode(), "/state.0": state}

    def _switch_on(self, **options: Any) -> Any:
        self._folder.mkdir(mode=0o700)
        disk = str(self._folder / "memory")
        self._board = emulator().Board(NAME, disk=disk, preexec=die_with_parent, **options)
        self._board.start()
        if self._over:  # the demo ended meanwhile
            self._board.cut_power()
        return self._board

    def say(self, line: str) -> None:
        """A line for the node's console."""
        raise NotImplementedError

    async def told(self, line: str, event: str) -> dict[str, Any]:
        """Say it, again when it gets lost on the way -> the next event of this name."""
        before = sum(n == event for n, _ in self.events)

        def answers() -> list[dict[str, Any]]:
            return [info for n, info in self.events if n == event][before:]

        await self._watch.typed(lambda: self.say(line), answers, STEP_S / 4)
        await self._watch.until(f"{self.uid} answers {line.split()[0]!r}", answers)
        return answers()[0]

    async def send(self, body: str, mode: str) -> None:
        await self.told(f"{COMMANDS[mode]} {body}", "sent")

    async def close(self) -> None:
        """Off, for good."""
        self._over = True
        if self._board is not None:
            await asyncio.to_thread(self._board.cut_power)
            (self._folder / "memory").unlink(missing_ok=True)


class ChipMember(Emulated):
    """An ESP32-C3: its memory, its radio, its node's bytecode in flash as `sealcast flash --xip` has it."""

    _fd = -1
    _rest = b""

    def _install(self, known: channels.ChannelFile) -> None:
        emulated = emulator()
        broker = self._broker | {"host": emulated.HOST}
        board, plan = self._switch_on(profile=CHIP), in_flash.Plan()
        board.interrupt()
        board.let_go()
        with Device(board.port) as device:
            facts, kind = device.facts(), models.named(MODEL)
            wanted = bundle.make(facts.arch, facts.mpy, kind, emulated.port.bootstrap("unix.py", "mpy-cross"))
            plan.add(device, kind, wanted)
            wanted.files |= self._made(known, broker=broker, wifi=WIFI)
            self._main = wanted.files.pop("/main.py")
            for path, data in wanted.files.items():
                device.put(path, data)
        plan.write(board.port)

    async def start(self) -> None:
        """Let its node run: only now it is seen by anybody."""
        await asyncio.to_thread(self._last_file)
        self._fd = os.open(self._board.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._fd)  # else it echoes to the board what the board says
        asyncio.get_running_loop().add_reader(self._fd, self._read)
        self._board.reset()

    def _last_file(self) -> None:
        with Device(self._board.port) as device:
            device.put("/main.py", self._main)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # it was switched off
            *lines, self._rest = (self._rest + os.read(self._fd, 4096)).split(b"\n")
            for line in lines:
                self.take(line.decode(errors="replace").strip())

    def say(self, line: str) -> None:
        os.write(self._fd, line.encode() + b"\r\n")

    async def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
        await super().close()


class BoardMember(Emulated):
    """A board without radio. Everything that it hears and says passes the serial port and the bridge."""

    def __init__(self, uid: str, watch: Watch, folder: Path, broker: dict[str, Any], **settings: Any) -> None:
        super().__init__(uid, watch, folder, broker, **settings)
        self._bridge = Bridge(maker(broker), self._line)
        self._task: asyncio.Task[None] | None = None

    async def install(self, known: channels.ChannelFile) -> None:
        """The same, and start it."""
        await super().install(known)
        self._task = asyncio.create_task(self._bridge.attend(self._board.port))

    def _install(self, known: channels.ChannelFile) -> None:
        port = emulator().port
        files = bundle.make(ARCH, MPY, None, port.bootstrap("unix.py", "mpy-cross")).files
        board = self._switch_on(heap_bytes=port.C3_HEAP_BYTES)
        board.write_rom(romfs.image({path: data for path, data in files.items() if path.startswith("/lib/")}))
        own = self._made(known, transport="serial", serial={"window": WINDOW})
        for path, data in (own | {path: files[path] for path in ("/boot.py", "/main.py")}).items():
            board.put(path, data)
        board.reset()
        board.let_go()

    @property
    def port(self) -> str:
        """The board's serial port, as any program may open it."""
        return str(self._board.port)

    def _line(self, line: str) -> None:
        """The board's log, as the bridge shows it."""
        self.take(line.removeprefix(self.port + ": "))

    def say(self, line: str) -> None:
        self._bridge.type(self.port, line)

    async def cut_power(self) -> None:
        """Off, at once; its disk stays."""
        await self._stop_relaying()
        await asyncio.to_thread(self._board.cut_power)

    async def power_on(self) -> None:
        """On again, with what it had stored."""
        await asyncio.to_thread(self._board.start)
        self._task = asyncio.create_task(self._bridge.attend(self._board.port))

    async def close(self) -> None:
        await self._stop_relaying()
        await super().close()

    async def _stop_relaying(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
