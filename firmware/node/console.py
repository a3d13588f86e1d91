"""Commands on standard input, a line each, for the unix port: what a person or a test wants a node to do.

    send TEXT    note TEXT    conv TEXT    rekey    members    sleep SECONDS    leave
"""

import asyncio
import sys

from sealcast.errors import SealcastError

_MODES = {"send": None, "note": "note", "conv": "conversation"}


async def serve(session, log):
    """Carry out commands until the input ends; `sleep` and `leave` close the session."""
    reader = asyncio.StreamReader(sys.stdin)
    while True:
        line = await reader.readline()
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
