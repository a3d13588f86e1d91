"""Output `lines`: one JSON object a line on standard output; lines of standard input are sent.

A line of input is sent as it stands. {"send": TEXT or an object, "mode": ..., "to": ..., "id": ...} says how; the
answer is a line {"type": "sent", "id": ...} or {"type": "refused", "id": ..., "text": why}.
"""

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any, BinaryIO

from sealcast.errors import SealcastError
from sealcast.wire import MAX_BODY
from sealcast_host.errors import UserError
from sealcast_host.gateway.output import Finished, Hub, Output, aside
from sealcast_host.gateway.record import Item
from sealcast_host.member.privatefiles import reason

LONGEST = 8 * MAX_BODY  # bytes of a line with its end
OPTIONS: dict[str, type] = {"input": bool}
MAIN = None
_MODES = (None, "note", "conversation", "ratchet")


class Lines(Output):
    """Standard output and input."""

    def __init__(self, hub: Hub, input: bool = True) -> None:
        """input: send what comes in, too."""
        super().__init__(hub)
        self._input = input
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(64)
        self._reading = False
        self._pen = threading.Lock()

    async def open(self) -> None:
        """Begin to read, once."""
        if self._input and not self._reading:
            self._reading = True
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._read, args=(loop,), daemon=True).start()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        def put(line: bytes) -> None:
            asyncio.run_coroutine_threadsafe(self._queue.put(line or None), loop).result()

        with contextlib.suppress(RuntimeError, CancelledError):  # the gateway ends
            try:
                # Not sys.stdin: at its end the interpreter waits for the lock that this thread may hold for ever.
                source = open(0, "rb", closefd=False)
                while line := _whole(source):
                    put(line)
            except OSError as e:
                said = f"lines: standard input cannot be read ({reason(e)}): nothing more is sent from there"
                loop.call_soon_threadsafe(self.hub.say, said)
            put(b"")

    async def take(self, items: Sequence[Item]) -> None:
        """Write them. Raises Finished when nobody reads any more."""
        await self._write([item.json() for item in items])

    async def _write(self, objects: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(o) + "\n" for o in objects).encode()

        def write() -> None:
            left = data
            with self._pen:  # a pipe that is full lets others write between two parts of what is given to it
                while left:
                    left = left[os.write(1, left) :]

        try:
            await aside(write)
        except BrokenPipeError:
            raise Finished from None

    async def attend(self) -> None:
        """Send line after line."""
        while (line := await self._queue.get()) is not None:
            if body := line if len(line) > LONGEST else line.rstrip(b"\r\n"):
                await self._write([await self._send(body)])
        await asyncio.Event().wait()  # the end of the input is not the end of the output

    async def _send(self, body: bytes) -> dict[str, Any]:
        id: Any = None
        try:
            if len(body) > LONGEST:
                raise UserError(f"a line has at most {LONGEST} bytes: it was left out whole")
            asked = _asked(body)
            if asked is None:
                mode = to = None
            else:
                id = asked.get("id")
                mode, to = asked.get("mode"), asked.get("to")
                what = asked["send"]
                body = (what if isinstance(what, str) else json.dumps(what)).encode()
            if mode not in _MODES or not (to is None or isinstance(to, str)):
                raise UserError('"mode" is note, conversation or ratchet, "to" a name')
            if not 0 < len(body) <= MAX_BODY:
                raise UserError(f"a message has 1 to {MAX_BODY} bytes")
            done = await self.hub.send(body, mode, to)
            return {"type": "sent", "id": id} | done
        except (SealcastError, UserError, UnicodeEncodeError) as e:
            return {"type": "refused", "id": id, "text": str(e)}


def _whole(source: BinaryIO) -> bytes:
    """The next line; of one that is too long the beginning, which is too long as well, and nothing of its rest."""
    line = part = source.readline(LONGEST + 1)
    while len(part) > LONGEST and not part.endswith(b"\n"):
        part = source.readline(LONGEST + 1)
    return line


def _asked(line: bytes) -> dict[str, Any] | None:
    """The line as a request, None when it is a message itself."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "send" in value else None


make = Lines
