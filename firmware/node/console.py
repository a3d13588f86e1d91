"""Commands, a line each, on standard input (unix port) or on a serial link: what a person or a test wants a node to do.

    send TEXT    note TEXT    conv TEXT    ratchet TEXT    private UID TEXT    receipt TEXT
    group create UID...    group add|remove UID...    group leave|resync|rejoin    digest
    rekey    members    heap    sleep SECONDS    leave
"""

import asyncio
import gc
import sys

from sealcast.errors import SealcastError

_MODES = {"send": None, "note": "note", "conv": "conversation", "ratchet": "ratchet"}
_CHANGES = {"create": 1, "add": 1, "remove": 1, "leave": 0, "resync": 0, "rejoin": 0}  # how many names at least
_HELP = "send, note, conv, ratchet, private, receipt, group, digest, rekey, members, heap, sleep or leave"


def stdin():
    """The lines of standard input."""
    return asyncio.StreamReader(sys.stdin)


class Lines:
    """The lines on a serial link that are no packets; four may wait, then the next is lost."""

    def __init__(self, transport):
        self._lines = []
        self._arrived = asyncio.Event()
        transport.on_text = self._put

    def _put(self, line):
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
            except UnicodeError:
                continue
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
    elif word == "private":
        to, _, text = rest.partition(" ")
        await session.send(text.encode(), "ratchet", to)
        log.event("sent", {"command": word, "to": to, "text": text})
    elif word == "receipt":
        sent = await session.send(rest.encode(), receipt=True)
        who = {"confirmed": sent.confirmed, "unconfirmed": sent.unconfirmed}
        log.event("sent", {"command": word, "text": rest, "mode": sent.mode, "who": who})
    elif word == "group" and _change(rest.split()):
        action, uids = rest.split()[0], rest.split()[1:]
        await session.change_group(action, uids)
        log.event("done", {"command": word, "action": action})
    elif word == "digest":
        log.event("digest", session.group or {"phase": "none"})
    elif word == "rekey":
        await session.rekey()
    elif word == "members":
        log.event("members", {"members": session.members, "epoch": session.epoch})
    elif word == "heap":
        gc.collect()
        log.event("heap", {"free": gc.mem_free(), "used": gc.mem_alloc()})
    elif word == "sleep" and rest.isdigit():
        await session.sleep(int(rest))
    elif word == "leave":
        await session.leave()
    else:
        log.event("refused", {"command": "?", "code": "unknown", "text": _HELP})


def _change(words):
    """Is this a change of the group, with names where it takes them and only there?"""
    needs = _CHANGES.get(words[0]) if words else None
    return needs is not None and (len(words) > 1) == bool(needs)
