"""The lines of standard input, read ahead in a thread of its own, and taken as many as are there."""

import asyncio
import os
import select
import sys
import threading

from sealcast_host.errors import Failed
from sealcast_host.member.privatefiles import reason

AT_ONCE = 128  # lines that are taken together
AHEAD = 8 * AT_ONCE  # lines that are read before the first of them is taken
_CHUNK = 65536


def chunk(fd: int) -> bytes:
    """What comes next, b"" at the end, also where whoever shares the input has made it one that does not wait. Raises
    Failed."""
    while True:
        try:
            return os.read(fd, _CHUNK)  # not sys.stdin: a thread that waits in it hinders the program's end
        except BlockingIOError:
            select.select([fd], [], [])
        except OSError as e:
            raise Failed(f"cannot read standard input: {reason(e)}; what came before was taken") from None


class Lines:
    """(number, bytes without the line's end) of each line that is not empty; of one longer than `most` bytes its first
    most + 1."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[tuple[int, bytes] | Failed | None] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._ended = False
        self._failure: Failed | None = None
        # One that waits for its input must keep nobody from ending; os.read holds no lock of the interpreter's streams.
        threading.Thread(target=self._read, args=(sys.stdin.fileno(),), daemon=True).start()

    async def some(self) -> list[tuple[int, bytes]]:
        """Those that wait, AT_ONCE at most; waits for one. None left: []. Raises Failed when they cannot be read."""
        out: list[tuple[int, bytes]] = []
        while not self._ended and len(out) < AT_ONCE and not (out and self._lines.empty()):
            line = await self._lines.get()
            self._room.release()
            if isinstance(line, tuple):
                out.append(line)
            else:
                self._ended, self._failure = True, line
        if not out and self._failure is not None:
            raise self._failure
        return out

    def _read(self, fd: int) -> None:
        number, rest, failure = 0, b"", None
        while True:
            try:
                data = chunk(fd)
            except Failed as e:
                data, failure = b"", e
            *whole, rest = (rest + data).split(b"\n")
            if not data and rest:
                whole, rest = [*whole, rest], b""
            for line in whole:
                number += 1
                if line := line.rstrip(b"\r"):
                    self._put((number, line[: self._most + 1]))
            rest = rest[: self._most + 2]  # however long a line is
            if not data:
                self._put(failure)
                return

    def _put(self, line: tuple[int, bytes] | Failed | None) -> None:
        self._room.acquire()
        try:
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        except RuntimeError:
            pass  # the command has ended
