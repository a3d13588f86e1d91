"""Session.send(): what it waits for before a message is sealed. PROTOCOL.md section 11.1."""

from ..compat import const
from .aio import sleep_ms

SEND = const(2)  # a kind of input: see session.py
_SETTLE_MS = const(5000)
_POLL_MS = const(20)


async def send(session, body, mode, to, min_secrecy):
    body, sent = bytes(body), []

    def seal(ch, now):
        effects = ch.send(body, mode, now, session.clock.time(), to, min_secrecy)
        sent.append(ch.sent)
        return effects

    if mode != "note":
        await _settled(session)
    await session.ask(seal, SEND)
    return sent[-1]


async def _settled(session):
    """Who is there decides how a message goes: wait while that is being read."""
    clock = session.clock
    began = clock.now()
    while session.channel and session.channel.settling and clock.now() - began < _SETTLE_MS:
        await sleep_ms(_POLL_MS)
