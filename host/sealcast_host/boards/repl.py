"""A board with MicroPython at a serial port, over its raw REPL (mpremote's transport): files, facts, restarts.

Anything that speaks the raw REPL will do: a USB port, a pty to an emulator that someone else started.
"""

import binascii
import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sealcast_host.boards.serial import opened, present
from sealcast_host.errors import Failed, UserError, garbled

BAUD = 115200
_PATIENCE_S = (5.0, 60.0)  # for one answer: at first, and once a board has shown that it is there but slow
_RUN_S = 30.0
_CHUNK = 768
_INTERRUPTS = 5

# sys.implementation._mpy >> 10: MicroPython's own numbering (py/persistentcode.h)
ARCHES = (
    "",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)

# Runs before the soft reset, while the interrupted program's modules are still there: did the node start the watchdog?
_WATCHED = "import sys\nprint('watchdog' in sys.modules)"
# A watchdog cannot be stopped, only given longer and fed, by every command of ours; where it takes 8.3 s at most, as on
# a Pico, by a timer too.
_HOLD = """
import machine
try: _dog = machine.WDT(timeout=600000)
except ValueError:
    _dog = machine.WDT(timeout=8300)
    _left = 600
    def _feed(t):
        global _left
        _left -= 1
        if _left > 0: _dog.feed()
    _fed = machine.Timer(-1, period=1000, callback=_feed)
"""
_HELPERS = """
import binascii, hashlib, os
def _hash(p):
    try: f = open(p, 'rb')
    except OSError: return '-'
    h = hashlib.sha256()
    b = bytearray(512)
    while True:
        n = f.readinto(b)
        if not n: break
        h.update(memoryview(b)[:n])
    f.close()
    return binascii.hexlify(h.digest()).decode()
def _show(p):
    f = open(p, 'rb')
    while True:
        d = f.read(192)
        if not d: break
        print(binascii.b2a_base64(d).decode(), end='')
    f.close()
def _names(p):
    try: return [e[0] for e in os.ilistdir(p) if e[1] == 0x8000]
    except OSError: return []
def _gone(p):
    try: os.remove(p)
    except OSError: pass
"""
_FACTS = """
import gc, os, sys
gc.collect()
i = sys.implementation
print(getattr(i, '_machine', sys.platform))
print('.'.join([str(n) for n in i.version[:3]]))
print(getattr(i, '_mpy', 0))
print(gc.mem_free() + gc.mem_alloc(), gc.mem_free())
s = os.statvfs('/')
print(s[0] * s[3])
"""


class Gone(Failed):
    """The port vanished, or the board stopped answering: it may come back."""


class BoardError(Failed):
    """A program of ours raised on the board; the text has its last line. printed: what it had printed before."""

    def __init__(self, text: str, printed: str = "") -> None:
        super().__init__(text)
        self.printed = printed

    @property
    def memory(self) -> bool:
        """Was there too little memory?"""
        return any(word in str(self) for word in ("MemoryError", "ENOMEM", "Out of Memory", "0x0101"))


@dataclass(frozen=True)
class Facts:
    """What a board says about itself. arch: "" where it runs no native code; mpy: the .mpy version it loads."""

    machine: str
    version: tuple[int, ...]
    arch: str
    mpy: int
    heap: int
    heap_free: int
    disk_free: int


class Device:
    """An open board in the raw REPL, its heap fresh. Use it in a `with` block; the end leaves the board at its
    prompt."""

    def __init__(self, port: str) -> None:
        """Raises UserError when the port cannot be opened, Gone when nothing answers there."""
        self.port = port
        self._dog = False
        self.puts = 0  # files that arrived
        self._transport = _open(port)
        try:
            self._enter()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        from sealcast_host.boards.transport import TransportError

        with contextlib.suppress(OSError, TransportError):
            if self._transport.in_raw_repl:
                self._transport.exit_raw_repl()
        with contextlib.suppress(OSError, TransportError):
            self._transport.close()
        with contextlib.suppress(OSError):  # Linux gives a replugged board another name while its old one is open
            self._transport.serial.close()

    def _enter(self) -> None:
        for patience_s in _PATIENCE_S:
            heard = False
            try:
                with _mapped(self.port):
                    self._transport.be_patient(max(patience_s, self._transport.patience_s))
                    heard = self._interrupt()
                    self._reset()
                break
            except Gone:  # it may be starting, slow, or have lost our first Ctrl-C
                if patience_s == _PATIENCE_S[-1] or not heard or not os.path.exists(self.port):
                    raise
        if self._dog:
            self.run(_HOLD)
        self.run(_HELPERS)

    def _reset(self) -> None:
        """To a raw REPL with nothing in it, past a watchdog."""
        self._transport.enter_raw_repl(soft_reset=False, timeout_overall=self._transport.patience_s)
        with contextlib.suppress(BoardError):  # no memory even for the question: what was known stands
            self._dog = self._dog or "True" in self._exec(_WATCHED, _RUN_S)  # it outlives what a soft reset forgets
            if self._dog:
                self._exec(_HOLD, _RUN_S)
        self._transport.enter_raw_repl(soft_reset=True, timeout_overall=self._transport.patience_s)

    def fresh(self) -> None:
        """A soft reset: an empty heap, nothing imported. Raises Gone."""
        self._enter()

    def _interrupt(self) -> bool:
        """Ctrl-C until there is a prompt: a board that is starting, or short of memory, loses some. -> did it say
        anything?"""
        heard = b""
        patience_s, self._transport.serial.timeout = self._transport.serial.timeout, 1
        for _ in range(_INTERRUPTS):
            self._transport.serial.write(b"\r\x03")
            heard += self._transport.glance(b">")
            if heard.endswith(b">"):
                break
        self._transport.serial.timeout = patience_s
        return heard != b""

    def run(self, code: str, timeout_s: float = _RUN_S) -> str:
        """What the program printed. Raises BoardError and Gone."""
        with _mapped(self.port):
            return self._exec(("_dog.feed()\n" if self._dog and code != _HOLD else "") + code, timeout_s)

    def _exec(self, code: str, timeout_s: float) -> str:
        out, error = self._transport.exec_raw(code, timeout=timeout_s)
        if error:
            last = error.decode(errors="replace").strip().splitlines()[-1]
            if last.startswith("SyntaxError") and (b'"<stdin>"' in error or b'"<string>"' in error):
                raise BoardError(f"{self.port}: a command did not arrive whole: run it again")
            raise BoardError(f"the board says: {last}", out.decode(errors="replace").replace("\r\n", "\n"))
        return str(out.decode(errors="replace")).replace("\r\n", "\n")

    # --- what it is

    def facts(self) -> Facts:
        lines = self.run(_FACTS).splitlines()
        try:
            machine, version, mpy, heap, disk = lines
            total, free = heap.split()
            number, arch = int(mpy), int(mpy) >> 10 & 15
            release = tuple(int(part) for part in version.split("."))
            return Facts(
                machine,
                release,
                ARCHES[arch] if arch < len(ARCHES) else "",
                number & 0xFF,
                int(total),
                int(free),
                int(disk),
            )
        except ValueError:
            raise Failed(
                f"{self.port}: this is not a MicroPython that Sealcast knows: its facts cannot be read"
            ) from None

    # --- files

    def hashes(self, paths: Iterable[str]) -> dict[str, str]:
        """path -> SHA-256 as hex, "-" for a file that is not there. Hashed on the board."""
        wanted, found = list(paths), []
        for at in range(0, len(wanted), 8):  # small programs: the board compiles them
            found += self.run(f"for p in {wanted[at : at + 8]!r}: print(_hash(p))").split()
        if len(found) != len(wanted):
            raise garbled(f"{self.port}: ")
        return dict(zip(wanted, found, strict=True))

    def names(self, folder: str) -> list[str]:
        """The files in a folder; none when it does not exist."""
        return self.run(f"for n in _names({folder!r}): print(n)").splitlines()

    def put(self, path: str, data: bytes, tell: Callable[[int], None] = lambda sent: None) -> None:
        """Write a file: beside its place, moved there, checked by its hash in both. tell(bytes sent so far)."""
        folders = path.strip("/").split("/")[:-1]
        for i in range(len(folders)):
            folder = "/" + "/".join(folders[: i + 1])
            self.run(f"try: os.mkdir({folder!r})\nexcept OSError: pass")
        self.run(f"_f = open({path + '.new'!r}, 'wb')")
        for at in range(0, len(data), _CHUNK):
            piece = binascii.b2a_base64(data[at : at + _CHUNK], newline=False)
            self.run(f"_f.write(binascii.a2b_base64({piece!r})) and None")
            tell(min(at + _CHUNK, len(data)))
        self._leaves("_f.close()", path + ".new", data)
        moved = f"os.rename({path + '.new'!r}, {path!r})"  # FAT does not rename over a file
        self._leaves(f"try: {moved}\nexcept OSError:\n _gone({path!r})\n {moved}", path, data)
        self.puts += 1

    def _leaves(self, program: str, path: str, data: bytes | None) -> None:
        self.run(program)
        if self.hashes([path])[path] != ("-" if data is None else digest(data)):
            raise Failed(f"{path} is not as it was sent: run the same command again; if it stays so, its flash is worn")

    def get(self, path: str) -> bytes | None:
        """A file's bytes, None when it is not there."""
        there = self.hashes([path])[path]
        if there == "-":
            return None
        data = b""
        with contextlib.suppress(ValueError):  # the chip's own log may stand among the lines
            data = b"".join(binascii.a2b_base64(line) for line in self.run(f"_show({path!r})").splitlines())
        if digest(data) != there:
            raise Failed(f"{path} did not arrive whole: run the same command again")
        return data

    def remove(self, path: str) -> None:
        """Remove a file if it is there."""
        self._leaves(f"_gone({path!r})", path, None)

    def launch(self, program: str) -> None:
        """Start a program, leave it running, and close the port."""
        with _mapped(self.port):
            self._transport.exec_raw_no_follow(program)
            self._transport.in_raw_repl = False
            _close_quietly(self._transport.serial)

    def restart(self) -> None:
        """Start the board's own program again, and close."""
        try:
            resets = self.run("import machine\nprint(hasattr(machine, 'reset'))").strip() == "True"
        except BoardError:
            resets = False
        except Failed:
            print(f"sealcast: {self.port}: the board was not restarted: press its reset button", file=sys.stderr)
            self.close()
            return
        with contextlib.suppress(Failed), _mapped(self.port):
            if resets:
                self._transport.exec_raw_no_follow("machine.reset()")
                self._transport.in_raw_repl = False
            else:
                self._transport.exit_raw_repl()
                self._transport.serial.write(b"\x04")
            self._transport.serial.flush()
        self.close()


def digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def _close_quietly(port: Any) -> None:
    """Close a port and leave DTR and RTS as they are: on many boards they are wired to the reset."""
    with contextlib.suppress(ImportError):  # Windows
        import termios

        with contextlib.suppress(termios.error):
            attributes = termios.tcgetattr(port.fd)
            attributes[2] &= ~termios.HUPCL
            termios.tcsetattr(port.fd, termios.TCSANOW, attributes)
    port.close()


def _open(port: str) -> Any:
    from sealcast_host.boards.transport import Transport

    try:
        # mpremote says only that it failed; pyserial says why.
        opened(port, BAUD).close()
        return Transport(port, baudrate=BAUD, timeout=_PATIENCE_S[0])
    except Exception as e:  # also termios.error
        raise cannot_open(port, e) from None


def cannot_open(port: str, error: Exception) -> UserError:
    """Why a port cannot be opened, in one line with the way out."""
    number = getattr(error, "errno", error.args[0] if error.args else None)
    text = str(error)
    if number == errno.ENOENT or not Path(port).exists():
        seen = present()
        there = (
            f"there {'is' if len(seen) == 1 else 'are'} {', '.join(seen)}"
            if seen
            else "none is plugged in (some USB cables only charge)"
        )
        return Gone(f"{port}: no such port; {there}")
    if number == errno.EACCES:
        return UserError(f"{port}: no permission; on Linux: sudo usermod -aG dialout $USER, then log in again")
    if number in (errno.EAGAIN, errno.EBUSY) or "exclusively lock" in text:
        return UserError(f"{port}: another program uses it: close that one (a terminal, an editor, `sealcast bridge`)")
    if number == errno.EIO:
        return Gone(f"{port}: nothing is at its other end: plug the board in again")
    return UserError(f"{port}: it is no serial port that can be used: name another with --port")


@contextlib.contextmanager
def _mapped(port: str) -> Iterator[None]:
    """Whatever goes wrong on the line is one error of ours."""
    from sealcast_host.boards.transport import TransportError

    try:
        yield
    except (OSError, TransportError, EOFError) as e:
        if isinstance(e, OSError) and not os.path.exists(port):
            raise Gone(f"{port} has gone: was the board unplugged?") from None
        raise Gone(
            f"{port}: the board does not answer as MicroPython does: press its reset button, or write MicroPython to it"
        ) from None
    except Exception as e:  # struct.error of a short read, and the like: mpremote's protocol errors have many types
        if isinstance(e, UserError):
            raise
        raise Gone(
            f"{port}: the board stopped in the middle of an answer ({type(e).__name__}): press its reset button"
        ) from None


def wait_for(port: str, seconds: float) -> bool:
    """Wait until the port can be opened again; False when it stays away."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            opened(port, BAUD).close()
            return True
        time.sleep(0.2)  # between looks: systems differ in how they would tell us
    return False
