"""A state durable before anything else happens, however often it takes; who waits is told. PROTOCOL.md section 11."""

from ..compat import const
from ..effects import STORE
from ..errors import NoRoom, SealcastError, Unstored
from .aio import explain, sleep_ms

_FIRST_MS = const(200)
_MOST_MS = const(15000)  # less than what healthy() takes for stuck
_TOLD = const(4)  # after so many failures (1.4 s) those who wait are told


async def commit(session, decide):
    """decide: the channel's commit or snapshot -> the effects that go before all others of a turn (turn.py).
    A state that cannot be packed at all is told to those who wait for this turn."""
    while True:
        try:
            return decide()
        except NoRoom as e:
            await session.again(e)
        except Exception as e:
            for reply in session.asked:
                reply.fail(e)
            raise


def able(channel, storage):
    """The channel, told what the storage can do. Where it cannot append, every change is a snapshot."""
    channel.journal.room, channel.journal.ahead = getattr(storage, "room", 0), getattr(storage, "ahead", 0)
    return channel


async def keep(session, effect):
    """A STORE or an APPEND. An APPEND that fails gives way to a snapshot."""
    if effect[0] == STORE:
        return await _store(session, effect[1])
    try:
        under_way = session._storage.append(effect[1])
        return await under_way if under_way else None
    except (OSError, MemoryError, SealcastError) as e:
        session.emit("error", {"code": "storage", "text": explain(e)})
    await session.perform(await commit(session, session.channel.snapshot))


async def _store(session, parts):
    """While the storage fails, nothing is sent: whoever waits for something is told."""
    wait = _FIRST_MS
    failures = 0
    while True:
        try:
            under_way = session._storage.store(parts)
            return await under_way if under_way else None
        except (OSError, MemoryError, SealcastError) as e:
            text = explain(e)
            session.emit("error", {"code": "storage", "text": text})
        failures += 1
        if failures >= _TOLD:
            for reply in session._waiting():
                reply.fail(Unstored(text + "; nothing is sent until the state can be stored: make room if it is full"))
        await sleep_ms(wait)
        wait = min(2 * wait, _MOST_MS)
        session.beat()
