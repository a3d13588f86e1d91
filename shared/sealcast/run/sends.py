"""Session.send(): what it takes, and what it waits for before a message is sealed and after. PROTOCOL.md sections 11.1
and 24.4."""

import asyncio

from ..channel import OFFLINE, ONLINE
from ..compat import const
from ..effects import Sent
from ..errors import Offline
from ..wire import as_bytes
from .aio import sleep_ms, stop

SEND = const(2)  # a kind of input: see session.py
_SETTLE_MS = const(5000)
_POLL_MS = const(20)


async def send(session, body, mode, to, min_secrecy, receipt, timeout):
    body, sent, until = as_bytes(body), [], session.clock.now() + int(timeout * 1000)

    def seal(ch, now):
        effects = ch.send(body, mode, now, session.clock.time(), to, min_secrecy, receipt)
        sent.append((ch.sent, ch.wanted))
        return effects

    while not session.closed and not (session.channel and (session.channel.me.joined or session.channel.me.full)):
        if receipt and session.clock.now() >= until:
            raise Offline("nobody can confirm anything: this member has not joined yet")
        await sleep_ms(_POLL_MS)  # until our first connection
    while receipt and session.channel and session.channel.phase != ONLINE and session.clock.now() < until:
        await sleep_ms(_POLL_MS)
    await settled(session, mode != "note" or receipt)
    if receipt:
        return await _confirmed(session, seal, sent, to, until)
    await session.ask(seal, SEND)
    return sent[-1][0]


async def _confirmed(session, seal, sent, to, until):
    """Until all have confirmed, or the time is over."""
    ended = []  # with which error, or None, once it was acknowledged or had its turn

    async def ask():
        try:
            ended.append(await session.ask(seal, SEND))
        except Exception as e:
            ended.append(e)

    asking = asyncio.create_task(ask())
    try:
        while not (sent and session.clock.now() >= until or ended and (ended[0] or not sent[-1][1].waiting)):
            await sleep_ms(_POLL_MS)
    finally:  # also of who goes away before: nobody waits any more
        await stop(asking)
        session.post(lambda ch, now: sent and setattr(sent[-1][1], "waiting", {}))  # it may yet be sealed
    if ended and ended[0]:
        raise ended[0]
    said, wanted = sent[-1]
    named = [to] if to else said.audience + said.missing
    rest = sorted([uid for uid in named if uid not in wanted.confirmed])
    return Sent(said.mode, said.audience, said.missing, sorted(wanted.confirmed), rest)


async def settled(session, place):
    """Who is there decides how a message goes, and what was heard of them proves that it is new: wait while that is
    being read, and before, while our first connection is made. place: and while the group's place is looked for."""
    link, until = session._link, session.clock.now() + _SETTLE_MS
    while (ch := session.channel) and not session.closed and session.clock.now() < until:
        if link.tried and not (link.up and ch.phase == OFFLINE or ch.settling(place)):
            break
        await sleep_ms(_POLL_MS)
