"""Session.send(): what it takes, and what it waits for before a message is sealed. PROTOCOL.md section 11.1."""

from ..compat import const
from .aio import sleep_ms

SEND = const(2)  # a kind of input: see session.py
_SETTLE_MS = const(5000)
_POLL_MS = const(20)


def as_bytes(body):
    """bytes of a body; text as UTF-8. Raises TypeError for anything else: bytes(5) would be five zeros."""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise TypeError("a message is bytes or str, not " + type(body).__name__ + ": encode it first")


async def send(session, body, mode, to, min_secrecy):
    body, sent = as_bytes(body), []

    def seal(ch, now):
        effects = ch.send(body, mode, now, session.clock.time(), to, min_secrecy)
        sent.append(ch.sent)
        return effects

    while not session.closed and not (session.channel and session.channel.me.joined):
        await sleep_ms(_POLL_MS)  # until our first connection
    await _settled(session, mode != "note")
    await session.ask(seal, SEND)
    return sent[-1]


async def _settled(session, place):
    """Who is there decides how a message goes, and what was heard of them proves that it is new: wait while that is
    being read. place: and while the group's place is looked for."""
    clock = session.clock
    began = clock.now()
    while session.channel and session.channel.settling(place) and clock.now() - began < _SETTLE_MS:
        await sleep_ms(_POLL_MS)
