"""Many messages at once: as many as there is room for enter the member's channel in one turn, with one state stored for
all of them, and in their order."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from sealcast.effects import Sent
from sealcast.errors import NoConversation, OutboxFull, SealcastError
from sealcast.run import sends

ROOM_S = 0.05  # look again for room so often

# What became of each: what `send` returns, why it was refused, or None: not acknowledged in time
Outcomes = list[Sent | SealcastError | None]
Acked = Callable[[int, Sent], None]  # of the body of that number


async def send_all(
    session: Any, bodies: list[bytes], mode: str | None, to: str | None, min_secrecy: str | None, timeout: float,
    acked: Acked | None = None,
) -> Outcomes:  # fmt: skip
    """session: the core's. Returns when all are acknowledged, or had their turn in the group, or are refused, after
    `timeout` seconds at the latest. acked: told of each at once, and while the session lasts even when this is
    cancelled: those are on their way."""
    loop, out = asyncio.get_running_loop(), Outcomes()
    deadline = loop.time() + timeout
    try:
        async with asyncio.timeout(timeout):
            while not session.closed and not _begun(session.channel):
                await asyncio.sleep(ROOM_S)
            await sends.settled(session, mode != "note")
    except TimeoutError:
        return [no_time()] * len(bodies)
    why: Sent | SealcastError | None = None  # the next one had no room
    while len(out) < len(bodies):
        few = bodies[len(out) :][: _room(session)]
        told = None if acked is None else partial(_told, acked, len(out))
        ended = await _together(
            session, [_seal(session, body, mode, to, min_secrecy) for body in few], deadline, told
        )
        full = next((i for i, end in enumerate(ended) if isinstance(end, OutboxFull)), len(ended))
        why = ended[full] if full < len(ended) else None
        if why is not None and (session.online and loop.time() < deadline):
            ended = ended[:full]  # somebody else sends as well: from here on once more
            await asyncio.sleep(ROOM_S)
        out += ended
        alone = next((end for end in ended if isinstance(end, NoConversation)), None)
        if alone is not None:  # it keeps its place before those that follow
            return out + [alone] * (len(bodies) - len(out))
        if loop.time() >= deadline:
            break
    return out + [why or no_time()] * (len(bodies) - len(out))


def no_time() -> SealcastError:
    """Of what was never sealed: no later connection sends it."""
    return SealcastError("its time was over before its turn: send it again, or raise the timeout")


def _begun(channel: Any) -> bool:
    """Has it had its first connection?"""
    return channel is not None and bool(channel.me.joined or channel.me.full)


def _room(session: Any) -> int:
    if session.channel is None:
        return 1
    outbox = session.channel.out.outbox
    return max(1, int(outbox.limit) - len(outbox.entries))


def _seal(session: Any, body: bytes, mode: str | None, to: str | None, least: str | None) -> Callable[[], Any]:
    """-> what sends it: when it is awaited, -> Sent."""

    async def sending() -> Sent:
        said: list[Sent] = []

        def seal(channel: Any, now: int) -> Any:
            effects = channel.send(body, mode, now, session.clock.time(), to, least)
            said.append(channel.sent)
            return effects

        await session.ask(seal, sends.SEND)
        return said[-1]

    return sending


def _told(acked: Acked, first: int, number: int, sent: Sent) -> None:
    acked(first + number, sent)


async def _together(
    session: Any, sending: list[Callable[[], Any]], deadline: float, acked: Acked | None
) -> Outcomes:
    loop = asyncio.get_running_loop()
    tasks = [asyncio.ensure_future(one()) for one in sending]  # they begin in this order, and nothing else in between
    for number, task in enumerate(tasks):
        task.add_done_callback(partial(_looked_at, acked, number))
    await asyncio.wait(tasks, timeout=max(0.0, deadline - loop.time()))
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    out = Outcomes()
    for end in ended:
        if isinstance(end, Exception) and not isinstance(end, SealcastError):
            raise end
        out.append(None if isinstance(end, asyncio.CancelledError) else end)  # type: ignore[arg-type]
    return out


def _looked_at(acked: Acked | None, number: int, task: "asyncio.Task[Sent]") -> None:
    if not task.cancelled() and task.exception() is None and acked is not None:
        acked(number, task.result())
