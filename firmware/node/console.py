"""Lines on standard input (unix port) or between a serial link's packets, for commands.py: loaded for a line, and let
go after it.
"""

import asyncio
import gc

from sealcast.compat import const
from sealcast.errors import SealcastError
from sealcast.run.aio import sleep_ms

from . import forget

_MOST = const(4096)  # bytes of a line: what is longer is noise
_PIECE = const(192)  # of a longer one on a serial link: sealcast.run.seriallink.LINE
_AGAIN_MS = const(100)
_NO_TEXT = b"\xff"  # a line that begins so is refused


class Typed:
    """The lines of standard input. Byte by byte, as they come: MicroPython's readline would stand still, and the whole
    board with it, from the first byte of a line to its end."""

    most = _MOST

    def __init__(self, stream):
        self._stream = asyncio.StreamReader(stream)

    async def readline(self):
        """A line with its end; b"" when nothing more will come."""
        line = bytearray()
        while True:
            try:
                byte = await self._stream.read(1)
                if not byte:
                    return bytes(line)
                if byte in b"\r\n":
                    return bytes(line) + b"\n"
                if len(line) < _MOST and (byte >= b" " or byte == b"\t"):  # what else tools send to a prompt is no text
                    line += byte
            except MemoryError:
                line = _NO_TEXT  # nor is what is left of this one a command
                await sleep_ms(_AGAIN_MS)


class Lines:
    """The lines on a serial link that are no packets; four may wait, then the next is lost. A long one comes in pieces,
    none of which is a command."""

    most = _PIECE - 1

    def __init__(self, transport):
        self._lines = []
        self._cut = False  # is the next one the rest of a line?
        self._arrived = asyncio.Event()
        transport.on_text = self._put

    def _put(self, line):
        rest, self._cut = self._cut, len(line) >= _PIECE
        if rest or self._cut:
            line = _NO_TEXT
        if len(self._lines) < 4:
            self._lines.append(line)
            self._arrived.set()

    async def readline(self):
        while not self._lines:
            self._arrived.clear()
            await self._arrived.wait()
        return self._lines.pop(0)


async def serve(session, log, lines):
    """Carry out commands until the input ends; `sleep` and `leave` close the session."""
    while True:
        line = await lines.readline()
        if not line:
            return
        if isinstance(line, bytes):
            try:
                line = str(line, "utf-8")
            except UnicodeError:  # a terminal of other letters, or a line that is cut in the middle of one
                text = "a line is UTF-8 text of at most %d bytes" % lines.most
                log.event("refused", {"command": "?", "code": "unknown", "text": text})
                continue
        word, _, rest = line.strip().partition(" ")
        if word:
            try:
                await _carry_out(session, log, word, rest)
            except SealcastError as e:
                log.event("refused", {"command": word, "code": e.code, "text": str(e)})


async def _carry_out(session, log, word, rest):
    if word == "heap":  # what the node takes when nobody types: here, where no command's code is loaded
        gc.collect()
        return log.event("heap", {"free": gc.mem_free(), "used": gc.mem_alloc()})
    try:
        from . import commands

        await commands.carry_out(session, log, word, rest)
    finally:
        forget("commands")  # also what a MemoryError left of it
