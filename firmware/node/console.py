"""Commands, a line each, on standard input (unix port) or on a serial link: what a person or a test wants a node to do.

    send TEXT    note TEXT    conv TEXT    rekey    members    sleep SECONDS    leave
"""

import asyncio
import sys

from sealcast.errors import SealcastError

_MODES = {"send": None, "note": "note", "conv": "conversation"}


def stdin():
    """The lines of standard input."""
    return asyncio.StreamReader(sys.stdin)


class Lines:
    """The lines on a serial link that are no packets, one at a time: who types faster than we work loses the last."""

    def __init__(self, transport):
        self._line = None
        self._arrived = asyncio.Event()
        transport.on_text = self._put

    def _put(self, line):
        if self._line is None:
            self._line = line
            self._arrived.set()

    async def readline(self):
        self._arrived.clear()
        while self._line is None:
            await self._arrived.wait()
        line, self._line = self._line, None
        return line


async def serve(session, log, lines):
    """Carry out commands until the input ends; `sleep` and `leave` close the session."""
    while True:
        line = await lines.readline()
        if not line:
            return
        if isinstance(line, bytes):
            line = str(line, "utf-8")
        word, _, rest = line.strip().partition(" ")
        if word:
            try:
                await _command(session, log, word, rest)
            except SealcastError as e:
                log.event("refused", {"command": word, "code": e.code, "text": str(e)})


async def _command(session, log, word, rest):
    if word in _MODES:
        await session.send(rest.encode(), _MODES[word])
        log.event("sent", {"command": word, "text": rest})
    elif word == "rekey":
        await session.rekey()
    elif word == "members":
        log.event("members", {"members": session.members, "epoch": session.epoch})
    elif word == "sleep" and rest.isdigit():
        await session.sleep(int(rest))
    elif word == "leave":
        await session.leave()
    else:
        log.event("refused", {"command": "?", "code": "unknown", "text": "send, note, conv, rekey, members, sleep or leave"})
