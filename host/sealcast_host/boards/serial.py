"""A serial port (USB, UART or a pty) for asyncio: bytes come by callback, writes wait their turn, its end is
noticed."""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable
from typing import Any

from sealcast_host.errors import UserError

CHUNK = 65536
WAITING = 65536  # bytes that a port does not take: what comes then is dropped, as on a line that loses


class SerialPort:
    """An open port. on_data(bytes) for what arrives, on_gone() once when it ends. Raises OSError when it cannot be
    opened."""

    def __init__(self, path: str, baud: int, on_data: Callable[[bytes], None], on_gone: Callable[[], None]) -> None:
        self._on_data = on_data
        self._on_gone = on_gone
        self._waiting = bytearray()
        self._loop = asyncio.get_running_loop()
        try:
            self._port: Any = opened(path, baud)
        except ValueError as e:  # pyserial's word for a speed the port does not have
            raise OSError(errno.EINVAL, "the port does not have this speed") from e
        self._fd: int = self._port.fileno()
        os.set_blocking(self._fd, False)
        self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes) -> None:
        """Send; what the port does not take at once follows by itself, up to WAITING bytes."""
        if self._port is None or len(self._waiting) + len(data) > WAITING:
            return
        self._waiting += data
        self._writable()

    def close(self) -> None:
        """Close; on_gone is not called."""
        port, self._port = self._port, None
        if port is not None:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            with contextlib.suppress(OSError):
                port.close()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._on_data(data)
        else:
            self._end()

    def _writable(self) -> None:
        try:
            sent = os.write(self._fd, self._waiting)
        except BlockingIOError:
            sent = 0
        except OSError:
            # Told from the loop, not from inside a caller's write.
            self._loop.call_soon(self._end)
            return
        del self._waiting[:sent]
        if self._waiting:
            self._loop.add_writer(self._fd, self._writable)
        else:
            self._loop.remove_writer(self._fd)

    def _end(self) -> None:
        if self._port is not None:
            self.close()
            self._on_gone()


def opened(path: str, baud: int) -> Any:
    """The port, opened for this program alone. Raises OSError, and ValueError for its speed."""
    import serial  # where it is missing, `sealcast bridge --help` works all the same

    try:
        return serial.Serial(path, baud, timeout=0, exclusive=True)
    except (OSError, ValueError):
        raise
    except Exception as e:  # termios.error: it was unplugged while it was being opened
        raise OSError(*e.args) from None


def why(error: OSError) -> str:
    """Why a port could not be opened, and the way out, in one line."""
    hints = {
        errno.ENOENT: "no such port",
        errno.EACCES: "no permission: on Linux, add yourself to the group dialout and log in again",
        errno.EAGAIN: "another program uses it: close that one",
        errno.EBUSY: "another program uses it: close that one",
        errno.EINVAL: "it does not have this speed: choose another --baud",
    }
    if "Could not configure port" in str(error):  # pyserial's own text, without a number
        return "it is no serial port"
    return hints.get(error.errno or 0, (error.strerror or "it cannot be opened").split(":")[0])


def present() -> list[str]:
    """The serial ports of this machine that something is plugged into: those on USB, or where there are none the
    built-in ones (a Raspberry Pi's, a mainboard's), which are there whatever is at their pins."""
    from serial.tools import list_ports

    known = [port for port in list_ports.comports() if port.hwid != "n/a"]
    return sorted(port.device for port in [port for port in known if port.vid is not None] or known)


def the_port(port: str | None) -> str:
    """The port that was named, or the only one there is. Raises UserError."""
    if port is not None:
        return port
    seen = present()
    if len(seen) == 1:
        return seen[0]
    if seen:
        raise UserError(f"several ports have something plugged in ({', '.join(seen)}): choose with --port")
    raise UserError(
        "no serial port has anything plugged in: plug the board in (some USB cables only charge), or name --port"
    )
