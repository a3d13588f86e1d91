"""`sealcast send`: one message, or each line of standard input, each acknowledged by the broker before the next.

Afterwards the member sleeps rather than leaves: the next `send` goes on with the same session, so that a script that
sends every minute costs the group no new key each time.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

from sealcast.errors import SealcastError
from sealcast.wire import MAX_BODY
from sealcast_host.cli.brokeroptions import BrokerOptions
from sealcast_host.errors import UserError
from sealcast_host.member.session import HostSession
from sealcast_host.member.visit import member, run, within

SLEEP_S = 3600


def send(channel: str, uid: str | None, broker: BrokerOptions, text: str, mode: str, timeout: float, to: str | None = None) -> int:
    if to is not None and mode not in ("auto", "ratchet"):
        raise UserError("--to is for --mode ratchet: notes and conversations go to all")
    if to is not None:
        mode = "ratchet"
    if text != "-":
        _check(text.encode("utf-8", "surrogateescape"), "the message")
    return run(_send(channel, uid, broker, text, None if mode == "auto" else mode, timeout, to))


async def _send(channel: str, uid: str | None, broker: BrokerOptions, text: str, mode: str | None, timeout: float, to: str | None) -> int:
    late = f"not acknowledged within {timeout:g} s: is the broker reachable? raise --timeout to wait longer"
    # The group knows this member, not its stand-in `<name>-2`.
    async with member(channel, uid, broker, sleep_s=SLEEP_S, alias=mode != "ratchet") as session:
        async for body in _bodies(text):
            try:
                if mode == "conversation":
                    alone = f"no conversation within {timeout:g} s: nobody else may be awake; --mode note reaches them later"
                    await within(timeout, _conversation(session), alone)
                await within(timeout, session.send(body, mode, to), late)
            except SealcastError as e:
                raise UserError(str(e)) from None
    return 0


async def _conversation(session: HostSession) -> None:
    """Returns once there is a key to converse with."""
    agreed = asyncio.Event()
    session.on("rekeyed", lambda name, info: agreed.set())
    if session.epoch is None:
        await agreed.wait()


async def _bodies(text: str) -> AsyncIterator[bytes]:
    if text != "-":
        yield text.encode("utf-8", "surrogateescape")
        return
    loop = asyncio.get_running_loop()
    number = 0
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline, 4 * MAX_BODY):
        number += 1
        body = line.rstrip(b"\r\n")
        if body:
            _check(body, f"line {number}")
            yield body


def _check(body: bytes, what: str) -> None:
    if not body:
        raise UserError("the message is empty: give a text, or - to send the lines of standard input")
    if len(body) > MAX_BODY:
        raise UserError(f"{what} is too long: {MAX_BODY} bytes at most; split it")
